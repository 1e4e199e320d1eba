// Declared changes of state, bound without handler code.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/standard_methods.h"

namespace caravan::resources {

// Notes what a service's methods say of its collections: the states that
// transitions leave, and the permission to read. Before any method is bound.
absl::Status DescribeTransitions(Registry& registry,
                                 const google::protobuf::ServiceDescriptor& service);

// The handler of a method with the option `transition`: in the states it may be
// called from, sets the new state and the fields of the request that the
// resource also has. An error says what is wrong with the contract.
absl::StatusOr<Handler> BindTransition(const Registry& registry,
                                       const google::protobuf::MethodDescriptor& method);

}  // namespace caravan::resources
