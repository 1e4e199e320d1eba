// Handlers of PlatformService, and its rule for every write.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/platforms.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PreparePlatform(const resources::Writing& writing, const v1::Platform* before,
                             v1::Platform& after);

class PlatformsService : public v1::PlatformServiceHandlers {
 public:
  explicit PlatformsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::SummarizePlatformsResponse> SummarizePlatforms(
      rpc::Call& call, store::Reader& reader,
      const v1::SummarizePlatformsRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::zones
