// Handlers of IndustrialBeltService, and its rule for every write.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/industrial_belts.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PrepareIndustrialBelt(const resources::Writing& writing,
                                   const v1::IndustrialBelt* before, v1::IndustrialBelt& after);

class IndustrialBeltsService : public v1::IndustrialBeltServiceHandlers {
 public:
  explicit IndustrialBeltsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::ComputeExportGrowthResponse> ComputeExportGrowth(
      rpc::Call& call, store::Reader& reader,
      const v1::ComputeExportGrowthRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::zones
