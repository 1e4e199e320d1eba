#include "services/logistics/register_rules.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/api/date.h"
#include "services/common/api/text.h"
#include "services/logistics/event_time.h"

namespace caravan::logistics {

namespace {

constexpr std::string_view kHome = "CN";

// What is declared of a field (required, its format) is checked by the runtime, which
// also names it.
bool IsValid(const google::type::Date& date) {
  return !api::IsUnset(date) && !api::DateProblem(date).has_value();
}

void CheckTimeRule(const std::string& rule, api::Violations& violations) {
  if (rule.empty()) return;
  const absl::StatusOr<TimeRule> parsed = TimeRule::Parse(rule);
  if (!parsed.ok()) violations.Add("time_rule", std::string(parsed.status().message()));
}

}  // namespace

void RequireDay(const google::type::Date& date, std::string_view field,
                api::Violations& violations) {
  if (!IsValid(date) || date.day() != 0) return;
  violations.Add(std::string(field),
                 absl::StrCat("is ", api::FormatDate(date), ", which is no day"));
}

bool HasKind(const v1::Partner& partner, v1::Partner::Kind kind) {
  return std::find(partner.kinds().begin(), partner.kinds().end(), kind) != partner.kinds().end();
}

absl::Status CheckPartner(const v1::Partner& partner) {
  api::Violations violations;
  CheckTimeRule(partner.time_rule(), violations);
  return violations.ToStatus();
}

absl::Status CheckVocabulary(const v1::TrackingVocabulary& vocabulary) {
  api::Violations violations;
  CheckTimeRule(vocabulary.time_rule(), violations);
  absl::flat_hash_set<std::string_view> codes;
  for (int i = 0; i < vocabulary.codes_size(); ++i) {
    const std::string& code = vocabulary.codes(i).code();
    if (code.empty() || codes.insert(code).second) continue;
    violations.Add(absl::StrCat("codes[", i, "].code"),
                   absl::StrCat("is ", api::Quoted(code), ", which is there already"));
  }
  return violations.ToStatus();
}

void AddCodes(const v1::TrackingVocabulary& vocabulary, TrackingCodes& codes) {
  for (const auto& code : vocabulary.codes()) {
    // The contract has its own zero before the first status.
    const auto status = static_cast<TrackingStatus>(code.status() - v1::UNKNOWN);
    const auto reason = static_cast<TrackingReason>(code.reason());
    codes.Add(vocabulary.name(), code.code(), {status, reason, true});
  }
}

absl::Status CheckLane(const v1::Lane& lane) {
  api::Violations violations;
  if (lane.pilot_zone().empty() == lane.province().empty()) {
    violations.Add("pilot_zone", lane.province().empty()
                                     ? "is not set; a lane begins in a pilot zone or in a province"
                                     : "is set beside province; a lane begins in one of them");
  }
  if (lane.destination_country() == kHome) {
    violations.Add("destination_country", "is CN; a lane leads abroad");
  }
  absl::TimeZone zone;
  if (!lane.time_zone().empty() && !absl::LoadTimeZone(lane.time_zone(), &zone)) {
    violations.Add("time_zone",
                   absl::StrCat("is ", api::Quoted(lane.time_zone()),
                                "; a zone of the IANA database would be right, such as "
                                "Europe/Rome"));
  }
  return violations.ToStatus();
}

absl::Status CheckWarehouse(const v1::Warehouse& warehouse) {
  api::Violations violations;
  if (warehouse.country() == kHome) violations.Add("country", "is CN; it stands abroad");
  if (IsValid(warehouse.open_date()) && IsValid(warehouse.close_date()) &&
      api::FirstDay(warehouse.close_date()) <= api::FirstDay(warehouse.open_date())) {
    violations.Add("close_date", absl::StrCat(api::FormatDate(warehouse.close_date()),
                                              " is not behind its first day, ",
                                              api::FormatDate(warehouse.open_date())));
  }
  return violations.ToStatus();
}

absl::Status CheckCalendar(const v1::WorkingCalendar& calendar) {
  api::Violations violations;
  const auto require_days = [&](const auto& dates, std::string_view field) {
    for (int i = 0; i < dates.size(); ++i) {
      RequireDay(dates[i], absl::StrCat(field, "[", i, "]"), violations);
    }
  };
  require_days(calendar.holidays(), "holidays");
  require_days(calendar.extra_days(), "extra_days");
  absl::flat_hash_set<int64_t> holidays;
  for (const auto& date : calendar.holidays()) {
    if (IsValid(date)) holidays.insert(api::FirstDay(date));
  }
  for (int i = 0; i < calendar.extra_days_size(); ++i) {
    const google::type::Date& date = calendar.extra_days(i);
    if (!IsValid(date) || !holidays.contains(api::FirstDay(date))) continue;
    violations.Add(absl::StrCat("extra_days[", i, "]"),
                   absl::StrCat("is ", api::FormatDate(date), ", which is a holiday"));
  }
  return violations.ToStatus();
}

absl::CivilDay DayOf(const google::type::Date& date) {
  return absl::CivilDay(date.year(), date.month(), date.day());
}

absl::StatusOr<WorkingCalendar> CalendarOf(const v1::WorkingCalendar& calendar) {
  std::vector<absl::Weekday> weekdays;
  for (const int weekday : calendar.weekdays()) {
    // Both begin with Monday.
    weekdays.push_back(static_cast<absl::Weekday>(weekday - v1::WorkingCalendar::MONDAY));
  }
  const auto days = [](const auto& dates) {
    std::vector<absl::CivilDay> days;
    for (const google::type::Date& date : dates) days.push_back(DayOf(date));
    return days;
  };
  return WorkingCalendar::Create(weekdays, days(calendar.holidays()), days(calendar.extra_days()));
}

}  // namespace caravan::logistics
