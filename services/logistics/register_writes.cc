#include "services/logistics/register_writes.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/logistics/partnership.h"
#include "services/logistics/register_rules.h"

namespace caravan::logistics {

using resources::WriteKind;
using resources::Writing;
using v1::Partner;
using v1::Partnership;

namespace {

// Checks that no partnership of a partner is open.
absl::Status CheckNoPartnerships(const Writing& writing, const Partner& partner) {
  if (absl::Status s = resources::WatchReferences(writing.reader, partner.name()); !s.ok()) {
    return s;
  }
  std::string open;
  for (const char* field : {"line_haul_company", "courier"}) {
    absl::Status s = resources::Visit<Partnership>(writing.registry, writing.reader, field,
                                                   {partner.name()}, [&](Partnership partnership) {
                                                     if (open.empty() && IsOpen(partnership))
                                                       open = partnership.name();
                                                   });
    if (!s.ok()) return s;
  }
  if (open.empty()) return absl::OkStatus();
  return api::Error(absl::StatusCode::kFailedPrecondition, "PARTNERSHIPS_OPEN",
                    absl::StrCat(partner.name(), " is a party of ", open,
                                 ", which is neither TERMINATED nor EXPIRED; end it first"))
      .With("resource", partner.name())
      .Precondition("PARTNERSHIPS_OPEN", open, "is open");
}

}  // namespace

absl::Status PrepareLane(const Writing&, const v1::Lane*, v1::Lane& after) {
  return CheckLane(after);
}

absl::Status PreparePartner(const Writing& writing, const Partner*, Partner& after) {
  if (writing.kind == WriteKind::kTransition && after.state() == Partner::CLOSED) {
    return CheckNoPartnerships(writing, after);
  }
  return CheckPartner(after);
}

absl::Status PrepareVocabulary(const Writing&, const v1::TrackingVocabulary*,
                               v1::TrackingVocabulary& after) {
  return CheckVocabulary(after);
}

absl::Status PrepareWarehouse(const Writing& writing, const v1::Warehouse*, v1::Warehouse& after) {
  if (absl::Status s = CheckWarehouse(after); !s.ok()) return s;
  auto stored = writing.registry.Lookup<Partner>(writing.reader, after.operator_());
  if (!stored.ok()) return stored.status();
  // One that does not exist is left to the check of references.
  if (!stored->has_value() || HasKind(**stored, Partner::OVERSEAS_WAREHOUSE_OPERATOR)) {
    return absl::OkStatus();
  }
  api::Violations violations;
  violations.Add("operator", absl::StrCat("is ", after.operator_(), ", which is no ",
                                          "OVERSEAS_WAREHOUSE_OPERATOR by its kinds"));
  return violations.ToStatus();
}

absl::Status PrepareCalendar(const Writing&, const v1::WorkingCalendar*,
                             v1::WorkingCalendar& after) {
  return CheckCalendar(after);
}

}  // namespace caravan::logistics
