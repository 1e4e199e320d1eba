#include "services/zones/brands_service.h"

#include <string>

#include "caravan/zones/v1/pilot_zones.pb.h"
#include "services/common/resources/reads.h"
#include "services/zones/brand.h"

namespace caravan::zones {

using resources::WriteKind;
using v1::Brand;

absl::Status PrepareBrand(const resources::Writing& writing, const Brand* before, Brand& after) {
  const bool owned = before == nullptr || before->enterprise() != after.enterprise() ||
                     before->pilot_zone() != after.pilot_zone();
  if (owned && writing.kind != WriteKind::kLoad) {
    auto owner = writing.registry.Lookup<v1::Enterprise>(writing.reader, after.enterprise());
    if (!owner.ok()) return owner.status();
    // One that does not exist is left to the check of references.
    if (owner->has_value()) {
      if (absl::Status s = SettleZone(**owner, after); !s.ok()) return s;
    }
  }
  if (absl::Status s = CheckBrand(after); !s.ok()) return s;
  const bool established =
      writing.kind == WriteKind::kTransition && after.state() == Brand::ESTABLISHED;
  return established ? CheckEstablished(after) : absl::OkStatus();
}

absl::StatusOr<v1::SummarizeTrademarksResponse> BrandsService::SummarizeTrademarks(
    rpc::Call&, store::Reader& reader, const v1::SummarizeTrademarksRequest& request) {
  if (absl::Status s = CheckTrademarkRequest(request); !s.ok()) return s;
  const std::string& zone = request.pilot_zone();
  if (!zone.empty()) {
    auto found = resources::Require<v1::PilotZone>(registry_, reader, zone);
    if (!found.ok()) return found.status();
  }
  TrademarkCounter counter(request);
  absl::Status s = resources::Visit<Brand>(registry_, reader, zone.empty() ? "" : "pilot_zone",
                                           {zone}, [&](const Brand& brand) { counter.Add(brand); });
  if (!s.ok()) return s;
  return counter.Response();
}

}  // namespace caravan::zones
