#include "services/zones/platforms_service.h"

#include <utility>
#include <vector>

#include "caravan/zones/v1/pilot_zones.pb.h"
#include "services/common/resources/reads.h"
#include "services/zones/platform.h"

namespace caravan::zones {

absl::Status PreparePlatform(const resources::Writing& writing, const v1::Platform* before,
                             v1::Platform& after) {
  if (absl::Status s = CheckPlatform(after); !s.ok()) return s;
  const bool taken_over = before == nullptr || before->operator_() != after.operator_();
  if (!taken_over || writing.kind == resources::WriteKind::kLoad) return absl::OkStatus();
  auto enterprise = writing.registry.Lookup<v1::Enterprise>(writing.reader, after.operator_());
  if (!enterprise.ok()) return enterprise.status();
  // One that does not exist is left to the check of references.
  return enterprise->has_value() ? CheckOperator(after, **enterprise) : absl::OkStatus();
}

absl::StatusOr<v1::SummarizePlatformsResponse> PlatformsService::SummarizePlatforms(
    rpc::Call&, store::Reader& reader, const v1::SummarizePlatformsRequest& request) {
  absl::StatusOr<std::vector<Period>> periods = PeriodsOf(request);
  if (!periods.ok()) return periods.status();
  const std::string& zone = request.pilot_zone();
  if (!zone.empty()) {
    if (auto found = resources::Require<v1::PilotZone>(registry_, reader, zone); !found.ok()) {
      return found.status();
    }
  }
  PlatformSummary summary(*std::move(periods));
  absl::Status s =
      resources::Visit<v1::Platform>(registry_, reader, zone.empty() ? "" : "pilot_zone", {zone},
                                     [&](const v1::Platform& one) { summary.Add(one); });
  if (!s.ok()) return s;
  return summary.Response();
}

}  // namespace caravan::zones
