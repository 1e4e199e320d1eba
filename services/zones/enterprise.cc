#include "services/zones/enterprise.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/codes/codes.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

using v1::Enterprise;

namespace {

constexpr std::string_view kHome = "CN";

void CheckClose(const Enterprise& enterprise, api::Violations& violations) {
  bool closed = enterprise.state() == Enterprise::CLOSED;
  if (closed && !enterprise.has_close_date()) {
    violations.Add("close_date", "is required of an enterprise that is CLOSED");
  }
  if (!closed && enterprise.has_close_date()) {
    violations.Add("close_date",
                   absl::StrCat("may only be set where the enterprise is CLOSED, not ",
                                Enterprise::State_Name(enterprise.state())));
  }
  if (enterprise.has_close_date() && enterprise.has_registration_date() &&
      api::FirstDay(enterprise.close_date()) < api::FirstDay(enterprise.registration_date())) {
    violations.Add("close_date", absl::StrCat(api::FormatDate(enterprise.close_date()),
                                              " is before the registration on ",
                                              api::FormatDate(enterprise.registration_date())));
  }
}

void CheckSuspensions(const Enterprise& enterprise, api::Violations& violations) {
  for (int i = 0; i < enterprise.suspensions_size(); ++i) {
    const Enterprise::Suspension& suspension = enterprise.suspensions(i);
    const std::string at = absl::StrCat("suspensions[", i, "].");
    if (suspension.has_end_date() &&
        api::FirstDay(suspension.end_date()) < api::FirstDay(suspension.start_date())) {
      violations.Add(at + "end_date", absl::StrCat(api::FormatDate(suspension.end_date()),
                                                   " is before the first day, ",
                                                   api::FormatDate(suspension.start_date())));
    }
    const bool last = i + 1 == enterprise.suspensions_size();
    if (!last && !suspension.has_end_date()) {
      violations.Add(at + "end_date", "is required of all but the last");
    } else if (!last && api::FirstDay(enterprise.suspensions(i + 1).start_date()) <
                            api::FirstDay(suspension.end_date())) {
      violations.Add(at + "end_date", "is after the first day of the next");
    } else if (!suspension.has_end_date() && enterprise.state() == Enterprise::ACTIVE) {
      violations.Add(at + "end_date", "is required of an enterprise that is ACTIVE");
    }
  }
}

}  // namespace

absl::Status CheckEnterprise(const Enterprise& enterprise) {
  api::Violations violations;
  std::string_view id = absl::StripPrefix(enterprise.name(), "enterprises/");
  std::string country = codes::CountryOfEnterpriseId(id);
  if (!country.empty() && !enterprise.country().empty() && country != enterprise.country()) {
    violations.Add("country",
                   absl::StrCat(enterprise.country(), " does not fit ", enterprise.name(),
                                ", whose id is that of a firm of ", country));
  }
  if (!enterprise.country().empty() && enterprise.country() != kHome) {
    if (!enterprise.province().empty()) {
      violations.Add("province", absl::StrCat("is only for firms of CN; this one is of ",
                                              enterprise.country(), ", so leave it empty"));
    }
    if (!enterprise.pilot_zone().empty()) {
      violations.Add("pilot_zone", absl::StrCat("is only for firms of CN; this one is of ",
                                                enterprise.country(), ", so leave it empty"));
    }
  }
  CheckClose(enterprise, violations);
  CheckSuspensions(enterprise, violations);
  return violations.ToStatus();
}

void NoteSuspension(const Enterprise& before, int64_t today, Enterprise& after) {
  auto& suspensions = *after.mutable_suspensions();
  if (before.state() == Enterprise::ACTIVE && after.state() == Enterprise::SUSPENDED) {
    *suspensions.Add()->mutable_start_date() = api::DateOfDay(today);
  } else if (before.state() == Enterprise::SUSPENDED && after.state() == Enterprise::ACTIVE &&
             !suspensions.empty() && !suspensions.rbegin()->has_end_date()) {
    *suspensions.rbegin()->mutable_end_date() = api::DateOfDay(today);
  }
}

absl::Status CheckHomeZone(const Enterprise& enterprise, const v1::PilotZone& zone, int64_t day) {
  if (!enterprise.province().empty() && enterprise.province() != zone.province()) {
    api::Violations violations;
    violations.Add("province", absl::StrCat(enterprise.province(), " is not ", zone.province(),
                                            ", the province of ", zone.name(), ", its home zone"));
    return violations.ToStatus();
  }
  return CheckInForce(zone, day, absl::StrCat("become the home of ", enterprise.name()));
}

}  // namespace caravan::zones
