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
  return violations.ToStatus();
}

absl::Status CheckHomeZone(const Enterprise& enterprise, const v1::PilotZone& zone, int64_t day) {
  if (!enterprise.province().empty() && enterprise.province() != zone.province()) {
    api::Violations violations;
    violations.Add("province", absl::StrCat(enterprise.province(), " is not ", zone.province(),
                                            ", the province of ", zone.name(), ", its home zone"));
    return violations.ToStatus();
  }
  if (IsInForce(zone, day)) return absl::OkStatus();
  std::string why = day < api::FirstDay(zone.approval_date())
                        ? absl::StrCat("it was approved on ", api::FormatDate(zone.approval_date()))
                    : zone.successor().empty()
                        ? absl::StrCat("it ended on ", api::FormatDate(zone.end_date()))
                        : absl::StrCat("it went into ", zone.successor(), " on ",
                                       api::FormatDate(zone.end_date()));
  return api::Error(absl::StatusCode::kFailedPrecondition, "ZONE_NOT_IN_FORCE",
                    absl::StrCat(zone.name(), " cannot become the home of ", enterprise.name(),
                                 " on ", api::FormatDay(day), ": ", why))
      .With("resource", zone.name())
      .With("effective_date", api::FormatDay(day));
}

}  // namespace caravan::zones
