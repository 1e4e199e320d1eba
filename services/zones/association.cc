#include "services/zones/association.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"

namespace caravan::zones {

using v1::Association;

namespace {

Period PeriodOf(const Association::Member& member) {
  return {api::FirstDay(member.join_date()), member.has_leave_date()
                                                 ? api::FirstDay(member.leave_date())
                                                 : std::numeric_limits<int64_t>::max()};
}

bool Overlap(Period a, Period b) { return a.begin < b.end && b.begin < a.end; }

void CheckMembers(const Association& association, api::Violations& violations) {
  absl::flat_hash_map<std::string_view, std::vector<int>> entries;
  for (int i = 0; i < association.members_size(); ++i) {
    const Association::Member& member = association.members(i);
    const std::string at = absl::StrCat("members[", i, "].");
    CheckEndsAfter(member.join_date(), member.leave_date(), at + "leave_date", violations);
    if (!member.has_join_date()) continue;
    std::vector<int>& others = entries[member.enterprise()];
    for (int other : others) {
      if (!Overlap(PeriodOf(association.members(other)), PeriodOf(member))) continue;
      violations.Add(at + "enterprise",
                     absl::StrCat(member.enterprise(), " is a member by members[", other,
                                  "] on some of the same days"));
      break;
    }
    others.push_back(i);
  }
}

}  // namespace

absl::Status CheckAssociation(const Association& association) {
  api::Violations violations;
  CheckMembers(association, violations);
  CheckEnd({.field = "dissolution_date",
            .date = association.dissolution_date(),
            .ended = association.state() == Association::DISSOLVED,
            .ended_state = "DISSOLVED",
            .state = Association::State_Name(association.state()),
            .begin_field = "establishment_date",
            .begin = association.establishment_date()},
           violations);
  return violations.ToStatus();
}

bool HasMember(const Association& association, std::string_view enterprise, Period period) {
  return std::any_of(association.members().begin(), association.members().end(),
                     [&](const Association::Member& member) {
                       return member.enterprise() == enterprise &&
                              Overlap(PeriodOf(member), period);
                     });
}

absl::Status CheckReport(const v1::Report& report) {
  api::Violations violations;
  const size_t slash = report.name().rfind('/');
  const std::string id =
      absl::StrCat(absl::StripPrefix(report.enterprise(), "enterprises/"), "-", report.year());
  if (!report.enterprise().empty() && report.name().substr(slash + 1) != id) {
    violations.Add("name", absl::StrCat("is ", report.name(), ", but the id of the report of ",
                                        report.enterprise(), " on ", report.year(), " is ", id));
  }
  if (report.has_submission_date() && report.submission_date().year() < report.year()) {
    violations.Add("submission_date", absl::StrCat(api::FormatDate(report.submission_date()),
                                                   " is before the year ", report.year()));
  }
  return violations.ToStatus();
}

absl::Status CheckReportingMember(const v1::Report& report, const Association& association) {
  const int64_t new_year = report.year() * 10000L + 101;
  if (HasMember(association, report.enterprise(), {new_year, YearsAfter(new_year, 1)})) {
    return absl::OkStatus();
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "NOT_A_MEMBER",
                    absl::StrCat(report.enterprise(), " was not a member of ", association.name(),
                                 " in ", report.year()))
      .With("resource", association.name())
      .With("enterprise", report.enterprise());
}

}  // namespace caravan::zones
