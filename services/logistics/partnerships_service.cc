#include "services/logistics/partnerships_service.h"

#include <optional>

#include "caravan/logistics/v1/partners.pb.h"
#include "google/protobuf/empty.pb.h"
#include "services/common/resources/deletion.h"
#include "services/common/resources/writer.h"
#include "services/logistics/partnership.h"

namespace caravan::logistics {

using resources::WriteKind;
using resources::Writing;
using v1::Partner;
using v1::Partnership;

absl::Status PreparePartnership(const Writing& writing, const Partnership* before,
                                Partnership& after) {
  auto company = writing.registry.Lookup<Partner>(writing.reader, after.line_haul_company());
  if (!company.ok()) return company.status();
  auto courier = writing.registry.Lookup<Partner>(writing.reader, after.courier());
  if (!courier.ok()) return courier.status();
  if (writing.kind == WriteKind::kTransition && before->state() != after.state()) {
    if (writing.caller.unrestricted) return absl::OkStatus();  // a reckoning's consequence
    // Parties are referred to, so they are there.
    return CheckStep(*before, after, **company, **courier, writing.caller.today);
  }
  if (writing.kind == WriteKind::kUpdate) {
    if (absl::Status s = CheckTermsChange(*before, after); !s.ok()) return s;
  }
  const bool drafted = writing.kind == WriteKind::kCreate ||
                       (writing.kind == WriteKind::kUpdate &&
                        before->state() == Partnership::DRAFT && TermsDiffer(*before, after));
  if (drafted) after.set_drafter(writing.caller.principal.name);
  if (absl::Status s = CheckPartnership(after); !s.ok()) return s;
  return CheckParties(company->has_value() ? &**company : nullptr,
                      courier->has_value() ? &**courier : nullptr);
}

PartnershipsService::PartnershipsService(const resources::Registry& registry)
    : registry_(registry) {
  BindWrite<v1::DeletePartnershipRequest, google::protobuf::Empty>(
      "DeletePartnership",
      [this](rpc::Call& call, store::Transaction& tx, const v1::DeletePartnershipRequest& request) {
        return resources::DeleteIf<Partnership>(registry_, call.caller, tx, request, CheckDeletion);
      });
}

absl::StatusOr<Partnership> PartnershipsService::AddExclusion(
    rpc::Call& call, store::Transaction& tx, const v1::AddExclusionRequest& request) {
  resources::Writer writer(registry_, call.caller, tx);
  const auto& partnerships = *registry_.FindByMessage(*Partnership::descriptor());
  auto stored = writer.ReadForChange(partnerships, request.name(), request.etag(), "etag");
  if (!stored.ok()) return stored.status();
  Partnership partnership = static_cast<const Partnership&>(*stored->message);
  if (absl::Status s = CheckExcludable(partnership); !s.ok()) return s;
  *partnership.add_exclusions() = request.exclusion();
  // A transition, for an update does not change what is signed.
  auto written = writer.Write(partnerships, &*stored, partnership, WriteKind::kTransition, "");
  if (!written.ok()) return written.status();
  return partnership;
}

}  // namespace caravan::logistics
