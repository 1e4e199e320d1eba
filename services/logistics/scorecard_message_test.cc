#include "services/logistics/scorecard_message.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

using ::testing::ElementsAre;

google::type::Date Date(std::string_view text) { return *api::ParseDate(text); }

TEST(ReadDays, TakesThePeriodInWhichADayLies) {
  const auto month = ReadDays(Date("2024-02-10"), {}, v1::GRANULARITY_UNSPECIFIED);
  ASSERT_TRUE(month.ok()) << month.status();
  EXPECT_EQ(month->begin, absl::CivilDay(2024, 2, 1));
  EXPECT_EQ(month->end, absl::CivilDay(2024, 3, 1));

  const auto week = ReadDays(Date("2024-12-31"), {}, v1::WEEK);
  ASSERT_TRUE(week.ok()) << week.status();
  EXPECT_EQ(week->begin, absl::CivilDay(2024, 12, 30));
  EXPECT_EQ(week->end, absl::CivilDay(2025, 1, 6));

  const auto days = ReadDays(Date("2024-02-10"), Date("2024-02-13"), v1::DAY);
  ASSERT_TRUE(days.ok()) << days.status();
  EXPECT_EQ(days->end - days->begin, 3);
}

TEST(ReadDays, RefusesWhatIsNoRangeOfDays) {
  const struct {
    google::type::Date begin, end;
    const char* field;
  } kCases[] = {
      {{}, {}, "begin_date"},
      {Date("2024-02"), {}, "begin_date"},
      {Date("2024-02-10"), Date("2024"), "end_date"},
      {Date("2024-02-10"), Date("2024-02-10"), "end_date"},
      {Date("2024-02-10"), Date("2034-03-10"), "end_date"},
  };
  for (const auto& test : kCases) {
    const auto days = ReadDays(test.begin, test.end, v1::DAY);
    EXPECT_EQ(api::ReasonOf(days.status()), "INVALID_PERIOD");
    EXPECT_THAT(api::FieldsOf(days.status()), ElementsAre(test.field));
  }
}

TEST(DecimalOf, RoundsHalfUpToSixDigits) {
  EXPECT_EQ(DecimalOf({0, 7}), "0.000000");
  EXPECT_EQ(DecimalOf({7, 7}), "1.000000");
  EXPECT_EQ(DecimalOf({2, 3}), "0.666667");
  EXPECT_EQ(DecimalOf({1, 2'000'000}), "0.000001");
  EXPECT_EQ(DecimalOf({1, 2'000'001}), "0.000000");
  EXPECT_EQ(DecimalOf({4'000'000'000'000, 4'000'000'000'001}), "1.000000");
}

TEST(ScorecardMessage, HasRatesAndLegsThatHaveData) {
  Scorecard scorecard;
  scorecard.counts[static_cast<size_t>(Measure::kDue)] = 4;
  scorecard.counts[static_cast<size_t>(Measure::kOnTime)] = 3;
  for (const int64_t seconds : {10, 20, 30, 40}) {
    scorecard.legs[static_cast<size_t>(Leg::kLastMile)].Add(seconds);
  }
  const v1::Scorecard message = ToMessage(scorecard);
  EXPECT_EQ(message.due(), 4);
  EXPECT_EQ(message.on_time(), 3);
  EXPECT_EQ(message.handed_over(), 0);
  ASSERT_EQ(message.rates_size(), 1);
  EXPECT_EQ(message.rates(0).rate(), v1::ON_TIME);
  EXPECT_EQ(message.rates(0).value(), "0.750000");
  ASSERT_EQ(message.legs_size(), 1);
  EXPECT_EQ(message.legs(0).leg(), v1::LAST_MILE);
  EXPECT_EQ(message.legs(0).count(), 4);
  EXPECT_EQ(message.legs(0).p50_seconds(), 20);
  EXPECT_EQ(message.legs(0).p99_seconds(), 40);
}

TEST(ScorecardMessage, EnumsAreThoseOfTheContract) {
  for (int i = 0; i < kDimensions - 1; ++i) {
    EXPECT_EQ(v1::Dimension_Name(i + 1), NameOf(static_cast<Dimension>(i)));
    EXPECT_EQ(FromMessage(static_cast<v1::Dimension>(i + 1)), static_cast<Dimension>(i));
  }
  for (int i = 0; i < kRates; ++i) {
    EXPECT_EQ(v1::Rate_Name(i + 1), NameOf(static_cast<Rate>(i)));
  }
  for (int i = 0; i < kLegs; ++i) EXPECT_EQ(v1::Leg_Name(i + 1), NameOf(static_cast<Leg>(i)));
  EXPECT_EQ(FromMessage(v1::MONTH), Granularity::kMonth);
}

TEST(ComparisonMessage, SumsUp) {
  const auto compare = [](std::vector<Contestant> couriers) {
    return ToMessage(*CompareCouriers(couriers, true), Rate::kOnTime);
  };
  EXPECT_EQ(compare({}).summary(), "No courier had parcels on this lane in this period.");
  EXPECT_EQ(compare({{"partners/a", {9, 10}}}).summary(),
            "Only partners/a had parcels on this lane.");

  const auto alike = compare({{"partners/a", {9, 10}}, {"partners/b", {8, 10}}});
  EXPECT_TRUE(alike.cannot_tell_apart());
  EXPECT_EQ(alike.summary(), "The data cannot tell the couriers of this lane apart.");
  EXPECT_THAT(alike.rows(0).alike(), ElementsAre("partners/b"));

  const auto apart = compare({{"partners/a", {7000, 10'000}}, {"partners/b", {9000, 10'000}}});
  EXPECT_FALSE(apart.cannot_tell_apart());
  EXPECT_EQ(apart.rows(0).courier(), "partners/b");
  EXPECT_EQ(apart.summary(),
            "partners/b is the best of this lane, and the data tell it apart from all others.");

  const auto partly = compare({{"partners/a", {7000, 10'000}},
                               {"partners/b", {9000, 10'000}},
                               {"partners/c", {9001, 10'000}}});
  EXPECT_EQ(partly.summary(),
            "partners/c has the best share, but the data cannot tell it apart from partners/b.");
}

}  // namespace
}  // namespace caravan::logistics
