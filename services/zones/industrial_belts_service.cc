#include "services/zones/industrial_belts_service.h"

#include <cstdint>
#include <string>

#include "services/common/api/date.h"
#include "services/common/codes/codes.h"
#include "services/common/resources/reads.h"
#include "services/zones/industrial_belt.h"

namespace caravan::zones {

using v1::IndustrialBelt;

namespace {

constexpr int64_t kLastDay = 99991231;

}  // namespace

absl::Status PrepareIndustrialBelt(const resources::Writing& writing, const IndustrialBelt* before,
                                   IndustrialBelt& after) {
  after.set_province(std::string(codes::ProvinceOfPlace(after.place())));
  if (absl::Status s = CheckIndustrialBelt(after); !s.ok()) return s;
  const bool moved = before == nullptr || before->pilot_zone() != after.pilot_zone() ||
                     before->place() != after.place();
  if (!moved || writing.kind == resources::WriteKind::kLoad) return absl::OkStatus();
  auto zone = writing.registry.Lookup<v1::PilotZone>(writing.reader, after.pilot_zone());
  if (!zone.ok()) return zone.status();
  // One that does not exist is left to the check of references.
  return zone->has_value() ? CheckBeltZone(after, **zone, writing.caller.today) : absl::OkStatus();
}

absl::StatusOr<v1::ComputeExportGrowthResponse> IndustrialBeltsService::ComputeExportGrowth(
    rpc::Call&, store::Reader& reader, const v1::ComputeExportGrowthRequest& request) {
  auto belt = resources::Require<IndustrialBelt>(registry_, reader, request.name());
  if (!belt.ok()) return belt.status();
  const int64_t day =
      request.has_effective_date() ? api::FirstDay(request.effective_date()) : kLastDay;
  return zones::ComputeExportGrowth(*belt, request.year(), day);
}

}  // namespace caravan::zones
