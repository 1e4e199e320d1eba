// Handlers of FloorPlanService.
#pragma once

#include "absl/status/statusor.h"
#include "caravan/fairs/v1/floor_plans.service.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

class FloorPlansService : public v1::FloorPlanServiceHandlers {
 public:
  explicit FloorPlansService(const resources::Registry& registry);

  absl::StatusOr<v1::DrawFloorPlanResponse> DrawFloorPlan(
      rpc::Call& call, store::Reader& reader, const v1::DrawFloorPlanRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::fairs
