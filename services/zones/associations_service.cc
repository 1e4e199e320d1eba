#include "services/zones/associations_service.h"

#include "services/zones/association.h"

namespace caravan::zones {

absl::Status PrepareAssociation(const resources::Writing&, const v1::Association*,
                                v1::Association& after) {
  return CheckAssociation(after);
}

absl::Status PrepareReport(const resources::Writing& writing, const v1::Report* before,
                           v1::Report& after) {
  if (absl::Status s = CheckReport(after); !s.ok()) return s;
  // Member and year never change.
  if (before != nullptr) return absl::OkStatus();
  const resources::Collection& reports = *writing.registry.FindByMessage(*v1::Report::descriptor());
  auto association = writing.registry.Lookup<v1::Association>(
      writing.reader, reports.type->pattern().Parent(after.name()));
  if (!association.ok()) return association.status();
  // One that does not exist is left to the check of references.
  return association->has_value() ? CheckReportingMember(after, **association) : absl::OkStatus();
}

}  // namespace caravan::zones
