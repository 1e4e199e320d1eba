// Legal dates: google.type.Date as a day, a month or a year of the calendar.
//
// Where only the month or the year of an event is published, the date says no
// more. Compared and stored, it stands for the first day that it may mean. Days
// are numbers yyyymmdd, which order and index as they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/type/date.pb.h"

namespace caravan::api {

// Whether nothing is said: year, month and day are 0, as in an unset field.
bool IsUnset(const google::type::Date& date);

// A sentence that says why a date is no day, month or year of the years 1 to
// 9999 (an unset one is none), and what would be right; nothing where it is one.
std::optional<std::string> DateProblem(const google::type::Date& date);

// The first day that a valid date may mean, as yyyymmdd: 20250401 for April 2025.
int64_t FirstDay(const google::type::Date& date);

// The date of a day yyyymmdd.
google::type::Date DateOfDay(int64_t day);

// Reads `YYYY`, `YYYY-MM` or `YYYY-MM-DD`. INVALID_ARGUMENT with reason
// INVALID_DATE where the text is no such date of the calendar.
absl::StatusOr<google::type::Date> ParseDate(std::string_view text);

// The reverse: as much as the date says; empty where it is unset.
std::string FormatDate(const google::type::Date& date);

// `2025-04-01` for 20250401.
std::string FormatDay(int64_t day);

// The day on which a time falls in a time zone, as yyyymmdd.
int64_t DayOf(absl::Time time, absl::TimeZone zone);

// Whether a day (yyyymmdd) lies between two valid dates, `from` included, `to`
// excluded; an unset one is no bound.
bool InForce(const google::type::Date& from, const google::type::Date& to, int64_t day);

}  // namespace caravan::api
