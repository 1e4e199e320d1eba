// Eligibility: which policies apply to a shipment, and why.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "caravan/zones/v1/policies.pb.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

// What is asked: a shipment, with the enterprise and the mode as registered.
struct EligibilityQuery {
  v1::Enterprise enterprise;
  v1::SupervisionMode supervision_mode;
  v1::Goods goods;
  int64_t day = 0;  // yyyymmdd, the day of shipment
  v1::Evidence evidence;
};

// What conditions are evaluated over, but for `goods_lists`, which differ by
// policy. INVALID_ARGUMENT with reason REFERENCE_NOT_FOUND where the evidence
// names a zone that does not exist.
absl::StatusOr<v1::EligibilityContext> MakeEligibilityContext(const EligibilityQuery& query,
                                                              FindPilotZone find);

// Whether a policy is in force on a day and some clause of it covers the mode
// (by its resource name) then.
bool Covers(const v1::Policy& policy, const std::string& supervision_mode, int64_t day);

// What a policy comes to in a context of MakeEligibilityContext. The policy is as
// CheckPolicy accepts it; FAILED_PRECONDITION with reason CONDITION_NOT_EVALUABLE
// where a condition is not.
absl::StatusOr<v1::PolicyFinding> CheckPolicyEligibility(const v1::Policy& policy,
                                                         const v1::EligibilityContext& context);

// The answer for all of `policies`, by name.
absl::StatusOr<v1::CheckEligibilityResponse> CheckEligibility(
    const EligibilityQuery& query, FindPilotZone find, const std::vector<v1::Policy>& policies);

}  // namespace caravan::zones
