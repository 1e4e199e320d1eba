// The server reflection service, grpc.reflection.v1 and v1alpha, with which
// generic clients learn a server's contracts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "grpcpp/impl/service_type.h"

namespace caravan::rpc {

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
