#include "services/fairs/sanction.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/section.h"

namespace caravan::fairs {

using v1::Application;
using v1::Fair;
using v1::Inspection;
using v1::Rules;
using v1::Sanction;

namespace {

absl::Status Refuse(std::string_view reason, const std::string& name, const std::string& sentence) {
  return api::Error(absl::StatusCode::kFailedPrecondition, reason, sentence)
      .With("resource", name)
      .Precondition(reason, name, sentence);
}

absl::Status Sanctioned(const Inspection& inspection) {
  return Refuse("SANCTIONED", inspection.name(),
                absl::StrCat(inspection.name(), " is sanctioned; it can no longer be changed"));
}

bool IsPlaced(const Application& application) {
  return application.state() == Application::POSITIONED ||
         application.state() == Application::USED || application.state() == Application::VIOLATED;
}

}  // namespace

absl::Status CheckSanction(const Sanction& sanction) {
  api::Violations violations;
  if (sanction.enterprise().empty() == sanction.delegation().empty()) {
    violations.Add(sanction.enterprise().empty() ? "enterprise" : "delegation",
                   "must be set where the other one of enterprise and delegation is not, and only "
                   "there");
  }
  const bool section = sanction.scope() == Sanction::SECTION;
  if (section && sanction.section_id().empty()) {
    violations.Add("section_id", "is empty; a sanction of scope SECTION names one");
  }
  if (!section && !sanction.section_id().empty()) {
    violations.Add("section_id", absl::StrCat("is ", api::Quoted(sanction.section_id()),
                                              ", but only a sanction of scope SECTION has one"));
  }
  return violations.ToStatus();
}

absl::Status Lift(std::string_view reason, std::string_view lifter, Sanction& sanction) {
  if (sanction.lifted()) {
    return Refuse("SANCTION_LIFTED", sanction.name(),
                  absl::StrCat(sanction.name(), " was lifted by ", sanction.lifter(), " already"));
  }
  sanction.set_lifted(true);
  sanction.set_lift_reason(std::string(reason));
  sanction.set_lifter(std::string(lifter));
  return absl::OkStatus();
}

absl::Status CheckInspection(const Inspection& inspection, int64_t today) {
  api::Violations violations;
  RequireSameEdition(inspection.name(), "application", inspection.application(), violations);
  const google::type::Date& date = inspection.inspect_date();
  if (!api::IsUnset(date) && !api::DateProblem(date).has_value()) {
    if (date.day() == 0) {
      violations.Add("inspect_date",
                     absl::StrCat("is ", api::FormatDate(date), ", which is no day"));
    } else if (api::FirstDay(date) > today) {
      violations.Add("inspect_date", absl::StrCat(api::FormatDate(date), " is later than today, ",
                                                  api::FormatDay(today)));
    }
  }
  if (inspection.violation() != v1::VIOLATION_UNSPECIFIED && inspection.documents().empty()) {
    violations.Add("documents",
                   absl::StrCat("are missing; a finding of ",
                                v1::Violation_Name(inspection.violation()), " needs evidence"));
  }
  return violations.ToStatus();
}

absl::Status CheckInspected(const Inspection& inspection, const Application& application) {
  if (IsPlaced(application)) return absl::OkStatus();
  return Refuse("NOT_POSITIONED", application.name(),
                absl::StrCat(inspection.name(), " is about ", application.name(), ", which is ",
                             Application::State_Name(application.state()),
                             "; a stand that is inspected is POSITIONED or USED"));
}

absl::Status CheckInspectionOpen(const Inspection& inspection, std::string_view principal) {
  if (inspection.sanctioned()) return Sanctioned(inspection);
  if (inspection.inspector() == principal) return absl::OkStatus();
  return Refuse("OTHER_INSPECTOR", inspection.name(),
                absl::StrCat(inspection.name(), " was recorded by ", inspection.inspector(),
                             ", who alone may change it; record another inspection"));
}

absl::Status CheckSanctionable(const Inspection& inspection, const Application& application,
                               std::string_view principal) {
  if (inspection.sanctioned()) return Sanctioned(inspection);
  if (inspection.violation() == v1::VIOLATION_UNSPECIFIED) {
    return Refuse("NO_VIOLATION", inspection.name(),
                  absl::StrCat(inspection.name(), " found no violation to sanction"));
  }
  if (inspection.inspector() == principal) {
    return Refuse("FOUR_EYES", inspection.name(),
                  absl::StrCat(principal, " recorded ", inspection.name(),
                               "; another person must sanction it"));
  }
  return CheckInspected(inspection, application);
}

std::vector<Sanction> SanctionsFor(const Inspection& inspection, const Application& application,
                                   const Fair& fair) {
  std::vector<Sanction> sanctions;
  if (application.enterprise().empty()) return sanctions;
  const auto add = [&](Sanction::Scope scope, int32_t editions) {
    if (editions == 0) return;
    Sanction& sanction = sanctions.emplace_back();
    sanction.set_enterprise(application.enterprise());
    sanction.set_scope(scope);
    if (scope == Sanction::SECTION) {
      sanction.set_section_id(std::string(LastSegment(application.section())));
    }
    sanction.set_first_edition(fair.edition() + 1);
    sanction.set_editions(editions);
    sanction.set_inspection(inspection.name());
    sanction.set_reason(absl::StrCat(v1::Violation_Name(inspection.violation()),
                                     " at the stand of ", application.name(), " on ",
                                     api::FormatDate(inspection.inspect_date())));
  };
  for (const Rules::SanctionRule& rule : fair.rules().sanctions()) {
    if (rule.violation() != inspection.violation()) continue;
    add(Sanction::SECTION, rule.section_editions());
    add(Sanction::BRAND_BOOTHS, rule.brand_editions());
  }
  return sanctions;
}

}  // namespace caravan::fairs
