#include "services/logistics/working_calendar.h"

#include <gtest/gtest.h>

#include <string>

#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

using absl::CivilDay;
using absl::Weekday;

constexpr Weekday kWorkdays[] = {Weekday::monday, Weekday::tuesday, Weekday::wednesday,
                                 Weekday::thursday, Weekday::friday};

TEST(WorkingCalendarTest, WeekdaysHolidaysAndExtraDays) {
  // The Chinese Mid-Autumn Festival of 2024: Monday the 16th and Tuesday the 17th
  // off, Saturday the 14th worked instead.
  const auto calendar =
      WorkingCalendar::Create(kWorkdays, {CivilDay(2024, 9, 17), CivilDay(2024, 9, 16)},
                              {CivilDay(2024, 9, 14), CivilDay(2024, 9, 14)});
  ASSERT_TRUE(calendar.ok());
  std::string worked;
  for (CivilDay day(2024, 9, 9); day < CivilDay(2024, 9, 23); ++day) {
    worked += calendar->IsWorking(day) ? 'w' : '-';
  }
  EXPECT_EQ(worked, "wwwwww---www--");
}

TEST(WorkingCalendarTest, RefusesWhatIsNoCalendar) {
  const auto reason = [](const absl::StatusOr<WorkingCalendar>& calendar) {
    return api::ReasonOf(calendar.status());
  };
  EXPECT_EQ(reason(WorkingCalendar::Create({}, {}, {})), "INVALID_CALENDAR");
  EXPECT_EQ(
      reason(WorkingCalendar::Create(kWorkdays, {CivilDay(2024, 9, 14)}, {CivilDay(2024, 9, 14)})),
      "INVALID_CALENDAR");
  EXPECT_EQ(reason(WorkingCalendar::Create(
                kWorkdays, std::vector<CivilDay>(WorkingCalendar::kMaxDays + 1), {})),
            "INVALID_CALENDAR");
}

TEST(WorkingCalendarTest, DaysBeginWhereClocksSay) {
  absl::TimeZone cairo, havana;
  ASSERT_TRUE(absl::LoadTimeZone("Africa/Cairo", &cairo));
  ASSERT_TRUE(absl::LoadTimeZone("America/Havana", &havana));
  const auto utc = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%dT%H:%M:%E*S", time, absl::UTCTimeZone());
  };
  // In Cairo midnight was skipped on 26 April 2024: the day began at 01:00.
  EXPECT_EQ(utc(StartOfDay(CivilDay(2024, 4, 26), cairo)), "2024-04-25T22:00:00");
  EXPECT_EQ(utc(EndOfDay(CivilDay(2024, 4, 25), cairo)), "2024-04-25T21:59:59.999999");
  EXPECT_EQ(absl::ToCivilSecond(StartOfDay(CivilDay(2024, 4, 26), cairo), cairo),
            absl::CivilSecond(2024, 4, 26, 1));
  // In Havana it came twice on 3 November.
  EXPECT_EQ(utc(StartOfDay(CivilDay(2024, 11, 3), havana)), "2024-11-03T04:00:00");
  EXPECT_EQ(utc(EndOfDay(CivilDay(2024, 11, 3), havana)), "2024-11-04T04:59:59.999999");
}

}  // namespace
}  // namespace caravan::logistics
