// Days and periods of the calendar, for rules that count with them.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/time/civil_time.h"
#include "google/type/date.pb.h"
#include "services/common/api/errors.h"

namespace caravan::zones {

// A day yyyymmdd as one to count with, and the reverse.
absl::CivilDay CivilDayOf(int64_t day);
int64_t NumberOf(absl::CivilDay day);

// The same day of the year, so many years later.
int64_t YearsAfter(int64_t day, int years);

// Days of a period: `begin` included, `end` not (yyyymmdd).
struct Period {
  int64_t begin = 0;
  int64_t end = 0;

  bool Contains(int64_t day) const { return begin <= day && day < end; }
};

// Adds a violation of `field` where an end is set that is not after the
// beginning.
void CheckEndsAfter(const google::type::Date& begin, const google::type::Date& end,
                    std::string_view field, api::Violations& violations);

// The day on which a resource ended, beside its state.
struct End {
  std::string_view field;
  const google::type::Date& date;
  bool ended;  // whether its state says that it has ended
  std::string_view ended_state;
  std::string_view state;
  std::string_view begin_field;
  const google::type::Date& begin;
};

// Adds violations where the day is missing though the resource has ended, is
// set though it has not, or is before the beginning.
void CheckEnd(const End& end, api::Violations& violations);

}  // namespace caravan::zones
