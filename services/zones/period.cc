#include "services/zones/period.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"

namespace caravan::zones {

absl::CivilDay CivilDayOf(int64_t day) {
  return absl::CivilDay(day / 10000, day / 100 % 100, day % 100);
}

int64_t NumberOf(absl::CivilDay day) { return day.year() * 10000 + day.month() * 100 + day.day(); }

int64_t YearsAfter(int64_t day, int years) { return NumberOf(CivilDayOf(day + 10000L * years)); }

void CheckEndsAfter(const google::type::Date& begin, const google::type::Date& end,
                    std::string_view field, api::Violations& violations) {
  if (api::IsUnset(end) || api::FirstDay(end) > api::FirstDay(begin)) return;
  violations.Add(std::string(field), absl::StrCat(api::FormatDate(end), " is not after ",
                                                  api::FormatDate(begin), ", the first day"));
}

void CheckEnd(const End& end, api::Violations& violations) {
  const bool given = !api::IsUnset(end.date);
  const std::string field(end.field);
  if (end.ended && !given) {
    violations.Add(field, absl::StrCat("is required of what is ", end.ended_state));
  }
  if (!end.ended && given) {
    violations.Add(field, absl::StrCat("may only be set where the state is ", end.ended_state,
                                       ", not ", end.state));
  }
  if (given && api::FirstDay(end.date) < api::FirstDay(end.begin)) {
    violations.Add(field, absl::StrCat(api::FormatDate(end.date), " is before ", end.begin_field,
                                       ", ", api::FormatDate(end.begin)));
  }
}

}  // namespace caravan::zones
