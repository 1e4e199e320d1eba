// What a service's contracts declare as pending (caravan.api.v1.pending).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "services/common/api/resource.h"
#include "services/common/resources/registry.h"

namespace caravan::pending {

// A method for which resources wait.
struct PendingMethod {
  std::string name;  // `caravan.zones.v1.SubmissionService/SubmitSubmission`
  std::string permission;
  absl::flat_hash_set<int> states;  // by number
  std::vector<api::FieldPath> other_than;
};

// The resources of a collection that wait, and are due by the same field. A
// resource is in one queue at the most, since each state belongs to one.
struct Queue {
  const resources::Collection* collection = nullptr;
  int state_column = -1;
  std::optional<api::FieldPath> due;
  int due_column = -1;  // where there is `due`
  std::vector<PendingMethod> methods;
};

// The queues of services. An error says what is wrong with a contract.
absl::StatusOr<std::vector<Queue>> QueuesOf(
    const resources::Registry& registry,
    absl::Span<const google::protobuf::ServiceDescriptor* const> services);

}  // namespace caravan::pending
