// Policies: what must be true of one.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "caravan/zones/v1/policies.pb.h"

namespace caravan::zones {

// Whether a policy is in force on a day (yyyymmdd). A draft never is.
bool IsInForce(const v1::Policy& policy, int64_t day);

// Checks a policy as it will be stored, beyond what its contract declares: ids
// are unique, periods run forward, every condition's expression can be evaluated
// and names no goods list that the policy lacks, the dates fit the state.
// INVALID_ARGUMENT names fields relative to the policy, for example
// `clauses[0].conditions[1].expression`; FAILED_PRECONDITION with reason
// POLICY_HAS_NO_CLAUSES where it is no draft and has no clause.
absl::Status CheckPolicy(const v1::Policy& policy);

}  // namespace caravan::zones
