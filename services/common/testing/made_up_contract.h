// Contracts that exist only in a test: services over the messages of the
// made-up contract, for what no contract of ours may say.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "services/common/rpc/service.h"

namespace caravan::testing {

// One service, `caravan.testing.v1.<name>`.
class MadeUpContract {
 public:
  explicit MadeUpContract(const std::string& service);

  // Adds a method; `request` and `response` are messages of the made-up
  // contract, or of protobuf with a leading dot. With an empty permission it
  // declares no access.
  google::protobuf::MethodDescriptorProto& Add(const std::string& method,
                                               const std::string& request,
                                               const std::string& response,
                                               const std::string& permission = "testing.probe.call",
                                               const std::string& resource_field = "");

  // The service, which lasts as long as this; nothing is added any more.
  const google::protobuf::ServiceDescriptor& Build();

  // Builds it and binds it to a runtime that knows the collections of the
  // made-up contract; `bind` sets handlers. What the runtime says to it.
  absl::Status Bind(const std::function<void(rpc::Service& service)>& bind = {});

 private:
  google::protobuf::DescriptorPool pool_;
  google::protobuf::FileDescriptorProto file_;
};

}  // namespace caravan::testing
