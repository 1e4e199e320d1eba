// Days on which a place works, and when its days begin.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace caravan::logistics {

class WorkingCalendar {
 public:
  static constexpr size_t kMaxDays = 10'000;

  // `weekdays` are worked, without `holidays`; `extra` days are worked whatever
  // they are, such as Sundays in exchange for holidays. Beyond the years for which
  // holidays are given there are none.
  //
  // INVALID_ARGUMENT with reason INVALID_CALENDAR where no weekday is worked, a
  // day is both a holiday and extra, or there are more than kMaxDays of either.
  static absl::StatusOr<WorkingCalendar> Create(absl::Span<const absl::Weekday> weekdays,
                                                std::vector<absl::CivilDay> holidays,
                                                std::vector<absl::CivilDay> extra);

  bool IsWorking(absl::CivilDay day) const;

 private:
  WorkingCalendar() = default;

  bool weekdays_[7] = {};
  std::vector<absl::CivilDay> holidays_, extra_;  // ascending
};

// The first moment of a day: midnight, or what comes instead where clocks are set
// forward at midnight; of two midnights the first.
absl::Time StartOfDay(absl::CivilDay day, absl::TimeZone zone);

// The last microsecond of a day.
absl::Time EndOfDay(absl::CivilDay day, absl::TimeZone zone);

}  // namespace caravan::logistics
