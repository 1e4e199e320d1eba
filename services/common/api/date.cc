#include "services/common/api/date.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"

namespace caravan::api {

using google::type::Date;

namespace {

constexpr int kLastYear = 9999;

Date MakeDate(int year, int month, int day) {
  Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

// How many days a month of 1 to 12 has.
int DaysIn(int year, int month) {
  absl::CivilMonth first(year, month);
  return static_cast<int>(absl::CivilDay(first + 1) - absl::CivilDay(first));
}

// A number of exactly `digits` digits; -1 where it is none.
int Digits(std::string_view text, size_t digits) {
  int value = 0;
  if (text.size() != digits) return -1;
  for (char c : text) {
    if (!absl::ascii_isdigit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

absl::Status InvalidDate(std::string_view text, std::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_DATE",
               absl::StrCat(Quoted(text), " is not a date: ", why));
}

}  // namespace

bool IsUnset(const Date& date) { return date.year() == 0 && date.month() == 0 && date.day() == 0; }

std::optional<std::string> DateProblem(const Date& date) {
  if (date.year() < 1 || date.year() > kLastYear) {
    return absl::StrCat("year ", date.year(), " is not within 1 to ", kLastYear);
  }
  if (date.month() < 0 || date.month() > 12) {
    return absl::StrCat("month ", date.month(),
                        " is not within 1 to 12; it is 0 where only the year is meant");
  }
  if (date.month() == 0) {
    if (date.day() == 0) return std::nullopt;
    return absl::StrCat("day ", date.day(), " is of no month; set the month, or no day");
  }
  int last = DaysIn(date.year(), date.month());
  if (date.day() < 0 || date.day() > last) {
    return absl::StrFormat(
        "day %d is not within 1 to %d, the days of %04d-%02d; it is 0 where only the month is "
        "meant",
        date.day(), last, date.year(), date.month());
  }
  return std::nullopt;
}

int64_t FirstDay(const Date& date) {
  return date.year() * int64_t{10000} + std::max(date.month(), 1) * int64_t{100} +
         std::max(date.day(), 1);
}

Date DateOfDay(int64_t day) {
  return MakeDate(static_cast<int>(day / 10000), static_cast<int>(day / 100 % 100),
                  static_cast<int>(day % 100));
}

absl::StatusOr<Date> ParseDate(std::string_view text) {
  std::vector<std::string_view> parts = absl::StrSplit(text, '-');
  Date date;
  if (parts.size() > 3) return InvalidDate(text, "write YYYY-MM-DD, YYYY-MM or YYYY");
  for (size_t i = 0; i < parts.size(); ++i) {
    int value = Digits(parts[i], i == 0 ? 4 : 2);
    if (value < 0) return InvalidDate(text, "write YYYY-MM-DD, YYYY-MM or YYYY");
    // A part that is written means something; 0 is for what is left out.
    if (value == 0) return InvalidDate(text, "no year, month or day is 0");
    if (i == 0) date.set_year(value);
    if (i == 1) date.set_month(value);
    if (i == 2) date.set_day(value);
  }
  if (std::optional<std::string> problem = DateProblem(date); problem.has_value()) {
    return InvalidDate(text, *problem);
  }
  return date;
}

std::string FormatDate(const Date& date) {
  if (IsUnset(date)) return "";
  std::string text = absl::StrFormat("%04d", date.year());
  if (date.month() != 0) absl::StrAppendFormat(&text, "-%02d", date.month());
  if (date.day() != 0) absl::StrAppendFormat(&text, "-%02d", date.day());
  return text;
}

std::string FormatDay(int64_t day) { return FormatDate(DateOfDay(day)); }

int64_t DayOf(absl::Time time, absl::TimeZone zone) {
  absl::CivilDay day = absl::ToCivilDay(time, zone);
  return day.year() * 10000 + day.month() * int64_t{100} + day.day();
}

bool InForce(const Date& from, const Date& to, int64_t day) {
  return (IsUnset(from) || FirstDay(from) <= day) && (IsUnset(to) || day < FirstDay(to));
}

}  // namespace caravan::api
