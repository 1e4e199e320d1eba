// Handlers of PilotZoneService.
#pragma once

#include "caravan/zones/v1/pilot_zones.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

class PilotZonesService : public v1::PilotZoneServiceHandlers {
 public:
  explicit PilotZonesService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::PilotZone> ResolvePilotZone(
      rpc::Call& call, store::Reader& reader, const v1::ResolvePilotZoneRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::zones
