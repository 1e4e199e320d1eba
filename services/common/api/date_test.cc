#include "services/common/api/date.h"

#include "absl/time/civil_time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"

namespace caravan::api {
namespace {

using ::google::type::Date;
using ::testing::HasSubstr;
using ::testing::Optional;

Date Of(int year, int month, int day) {
  Date date;
  date.set_year(year);
  date.set_month(month);
  date.set_day(day);
  return date;
}

TEST(DateProblem, AcceptsDaysMonthsAndYears) {
  for (const Date& date : {Of(2015, 3, 7), Of(2025, 4, 0), Of(2016, 0, 0), Of(2024, 2, 29),
                           Of(2000, 2, 29), Of(1, 1, 1), Of(9999, 12, 31)}) {
    EXPECT_EQ(DateProblem(date), std::nullopt) << FormatDate(date);
  }
}

TEST(DateProblem, SaysWhatIsWrong) {
  EXPECT_THAT(DateProblem(Date()), Optional(HasSubstr("year 0 is not within 1 to 9999")));
  EXPECT_THAT(DateProblem(Of(10000, 1, 1)), Optional(HasSubstr("year 10000")));
  EXPECT_THAT(DateProblem(Of(-1, 1, 1)), Optional(HasSubstr("year -1")));
  EXPECT_THAT(DateProblem(Of(2024, 13, 1)), Optional(HasSubstr("month 13 is not within 1 to 12")));
  EXPECT_THAT(DateProblem(Of(2024, -1, 1)), Optional(HasSubstr("month -1")));
  EXPECT_THAT(DateProblem(Of(2024, 0, 5)), Optional(HasSubstr("day 5 is of no month")));
  EXPECT_THAT(DateProblem(Of(2023, 2, 29)),
              Optional(HasSubstr("day 29 is not within 1 to 28, the days of 2023-02")));
  EXPECT_THAT(DateProblem(Of(1900, 2, 29)), Optional(HasSubstr("1 to 28")));
  EXPECT_THAT(DateProblem(Of(2024, 12, 32)), Optional(HasSubstr("1 to 31")));
  EXPECT_THAT(DateProblem(Of(2024, 1, -1)), Optional(HasSubstr("day -1")));
}

TEST(FirstDay, IsTheEarliestThatADateMayMean) {
  EXPECT_EQ(FirstDay(Of(2015, 3, 7)), 20150307);
  EXPECT_EQ(FirstDay(Of(2025, 4, 0)), 20250401);
  EXPECT_EQ(FirstDay(Of(2016, 0, 0)), 20160101);
  EXPECT_EQ(FormatDate(DateOfDay(20250401)), "2025-04-01");
}

TEST(ParseDate, ReadsWhatFormatDateWrites) {
  for (std::string text : {"2015-03-07", "2025-04", "2016", "0001-01-01", "9999-12-31"}) {
    absl::StatusOr<Date> date = ParseDate(text);
    ASSERT_TRUE(date.ok()) << date.status();
    EXPECT_EQ(FormatDate(*date), text);
  }
  EXPECT_EQ(FormatDate(Date()), "");
}

TEST(ParseDate, RefusesWhatIsNoDate) {
  for (std::string text :
       {"", "2024-", "24-01-01", "2024-1-1", "2024/01/01", "2024-01-01-01", " 2024", "+024",
        "2024-02-30", "2024-00", "0000", "2024-01-00", "今天"}) {
    absl::StatusOr<Date> date = ParseDate(text);
    ASSERT_FALSE(date.ok()) << text;
    EXPECT_EQ(date.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(date.status()), "INVALID_DATE");
    EXPECT_THAT(std::string(date.status().message()), HasSubstr("'" + text + "' is not a date"));
  }
}

TEST(DayOf, DependsOnTheTimeZone) {
  absl::Time time = absl::FromCivil(absl::CivilSecond(2024, 8, 1, 20, 0, 0), absl::UTCTimeZone());
  EXPECT_EQ(DayOf(time, absl::UTCTimeZone()), 20240801);
  EXPECT_EQ(DayOf(time, absl::FixedTimeZone(8 * 60 * 60)), 20240802);
}

TEST(InForce, IncludesTheFirstDayAndExcludesTheEnd) {
  Date from = Of(2015, 3, 7), to = Of(2025, 4, 0);
  EXPECT_FALSE(InForce(from, to, 20150306));
  EXPECT_TRUE(InForce(from, to, 20150307));
  EXPECT_TRUE(InForce(from, to, 20250331));
  EXPECT_FALSE(InForce(from, to, 20250401));
  EXPECT_TRUE(InForce(Date(), to, 10101));
  EXPECT_TRUE(InForce(from, Date(), 99991231));
  EXPECT_TRUE(InForce(Date(), Date(), 20240101));
}

}  // namespace
}  // namespace caravan::api
