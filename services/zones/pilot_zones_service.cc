#include "services/zones/pilot_zones_service.h"

#include <optional>
#include <string_view>

#include "services/common/api/date.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

absl::StatusOr<v1::PilotZone> PilotZonesService::ResolvePilotZone(
    rpc::Call& call, store::Reader& reader, const v1::ResolvePilotZoneRequest& request) {
  const int64_t day =
      request.has_effective_date() ? api::FirstDay(request.effective_date()) : call.caller.today;
  auto zone = zones::ResolvePilotZone(request.name(), day, [&](std::string_view name) {
    return registry_.Lookup<v1::PilotZone>(reader, name);
  });
  if (!zone.ok()) return zone.status();
  if (!zone->has_value()) {
    return resources::NotFound(*registry_.FindByMessage(*v1::PilotZone::descriptor())->type,
                               request.name());
  }
  return **std::move(zone);
}

}  // namespace caravan::zones
