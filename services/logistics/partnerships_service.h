// Handlers of PartnershipService, and the rule for every write of partnerships.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/logistics/v1/partnerships.service.h"
#include "services/common/resources/registry.h"

namespace caravan::logistics {

absl::Status PreparePartnership(const resources::Writing& writing, const v1::Partnership* before,
                                v1::Partnership& after);

class PartnershipsService : public v1::PartnershipServiceHandlers {
 public:
  explicit PartnershipsService(const resources::Registry& registry);

  absl::StatusOr<v1::Partnership> AddExclusion(rpc::Call& call, store::Transaction& tx,
                                               const v1::AddExclusionRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::logistics
