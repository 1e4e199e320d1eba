// The rules for every write of halls and floor plans.
#pragma once

#include "absl/status/status.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

absl::Status PrepareHall(const resources::Writing& writing, const v1::Hall* before,
                         v1::Hall& after);

absl::Status PrepareFloorPlan(const resources::Writing& writing, const v1::FloorPlan* before,
                              v1::FloorPlan& after);

}  // namespace caravan::fairs
