// The server reflection service, grpc.reflection.v1 and v1alpha, with which
// generic clients learn a server's contracts. A caller who sends the metadata
// `caravan-comments: true` gets their comments too (source_code_info), which
// make the answers half as large again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "grpcpp/impl/service_type.h"

namespace caravan::rpc {

inline constexpr char kCommentsMetadata[] = "caravan-comments";

// The two services, over one list of services and one pool, which must outlive
// them.
struct ReflectionServices {
  std::unique_ptr<grpc::Service> v1;
  std::unique_ptr<grpc::Service> v1alpha;
};

// `service_names` are the full names of the services that the server lists.
ReflectionServices MakeReflectionServices(std::vector<std::string> service_names,
                                          const google::protobuf::DescriptorPool* pool =
                                              google::protobuf::DescriptorPool::generated_pool());

}  // namespace caravan::rpc
