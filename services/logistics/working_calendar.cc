#include "services/logistics/working_calendar.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

void Sort(std::vector<absl::CivilDay>& days) {
  std::sort(days.begin(), days.end());
  days.erase(std::unique(days.begin(), days.end()), days.end());
}

api::Error Invalid(std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_CALENDAR", std::move(message));
}

}  // namespace

absl::StatusOr<WorkingCalendar> WorkingCalendar::Create(absl::Span<const absl::Weekday> weekdays,
                                                        std::vector<absl::CivilDay> holidays,
                                                        std::vector<absl::CivilDay> extra) {
  if (weekdays.empty()) return Invalid("no weekday is worked; there would be at least one");
  if (holidays.size() > kMaxDays || extra.size() > kMaxDays) {
    return Invalid(absl::StrCat("there are ", std::max(holidays.size(), extra.size()),
                                " days; there would be at most ", kMaxDays));
  }
  WorkingCalendar calendar;
  for (const absl::Weekday weekday : weekdays) {
    calendar.weekdays_[static_cast<int>(weekday)] = true;
  }
  calendar.holidays_ = std::move(holidays);
  calendar.extra_ = std::move(extra);
  Sort(calendar.holidays_);
  Sort(calendar.extra_);
  for (const absl::CivilDay day : calendar.extra_) {
    if (std::binary_search(calendar.holidays_.begin(), calendar.holidays_.end(), day)) {
      return Invalid(absl::StrCat(absl::FormatCivilTime(day),
                                  " is both a holiday and an extra working day; it would be one"));
    }
  }
  return calendar;
}

bool WorkingCalendar::IsWorking(absl::CivilDay day) const {
  if (weekdays_[static_cast<int>(absl::GetWeekday(day))]) {
    return !std::binary_search(holidays_.begin(), holidays_.end(), day);
  }
  return std::binary_search(extra_.begin(), extra_.end(), day);
}

absl::Time StartOfDay(absl::CivilDay day, absl::TimeZone zone) {
  return absl::FromCivil(absl::CivilSecond(day), zone);
}

absl::Time EndOfDay(absl::CivilDay day, absl::TimeZone zone) {
  return StartOfDay(day + 1, zone) - absl::Microseconds(1);
}

}  // namespace caravan::logistics
