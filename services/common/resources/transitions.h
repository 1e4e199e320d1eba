// Declared changes of state, bound without handler code.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "services/common/api/resource.h"
#include "services/common/resources/caller.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/standard_methods.h"

namespace caravan::resources {

// Notes what a service's methods say of its collections: the states that
// transitions leave, and the permission to read. Before any method is bound.
absl::Status DescribeTransitions(Registry& registry,
                                 const google::protobuf::ServiceDescriptor& service);

// The handler of a method with the option `transition`: in the states it may be
// called from, sets the new state and the fields of the request that the
// resource also has. FAILED_PRECONDITION with reason ILLEGAL_TRANSITION in
// another state, FOUR_EYES for whom `other_than` excludes. An error says what is
// wrong with the contract.
absl::StatusOr<Handler> BindTransition(const Registry& registry,
                                       const google::protobuf::MethodDescriptor& method);

// The fields of a method's `Transition.other_than`; none where it has none.
absl::StatusOr<std::vector<api::FieldPath>> OtherThan(
    const google::protobuf::MethodDescriptor& method, const api::ResourceType& type);

// The first of the fields that names the caller; null where none does.
const api::FieldPath* NamesCaller(const std::vector<api::FieldPath>& fields,
                                  const google::protobuf::Message& resource, const Caller& caller);

}  // namespace caravan::resources
