// Handlers of PolicyService.
#pragma once

#include <vector>

#include "caravan/zones/v1/policies.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

class PoliciesService : public v1::PolicyServiceHandlers {
 public:
  explicit PoliciesService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::CheckEligibilityResponse> CheckEligibility(
      rpc::Call& call, store::Reader& reader, const v1::CheckEligibilityRequest& request) override;

 private:
  // The policy that a request names, or those that cover its mode on the day.
  absl::StatusOr<std::vector<v1::Policy>> PoliciesFor(store::Reader& reader,
                                                      const v1::CheckEligibilityRequest& request,
                                                      int64_t day) const;

  const resources::Registry& registry_;
};

}  // namespace caravan::zones
