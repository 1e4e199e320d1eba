#include "services/logistics/contribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/testing/journeys.h"

namespace caravan::logistics {
namespace {

using absl::CivilDay;

absl::Time At(const std::string& text) {
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M", text, &time, nullptr)) << text;
  return time;
}

// `2024-03-01 DUE 1`, for each entry.
std::vector<std::string> Text(const Contribution& contribution) {
  std::vector<std::string> lines;
  for (const Contribution::Entry& entry : contribution.entries()) {
    const std::string day = absl::FormatCivilTime(CivilDay(1970, 1, 1) + entry.day);
    const std::string item =
        entry.item < kLegs ? absl::StrCat(NameOf(static_cast<Leg>(entry.item)), "@", entry.bucket)
                           : std::string(NameOf(static_cast<Measure>(entry.item - kLegs)));
    lines.push_back(absl::StrCat(day, " ", item, " ", entry.amount));
  }
  return lines;
}

Course Delivered() {
  Course course;
  course.state = ParcelState::kDelivered;
  course.first_event = At("2024-03-01 08:00");
  course.handed_over = At("2024-03-01 23:00");
  course.milestones[static_cast<size_t>(Milestone::kHub)] = At("2024-03-05 20:00");
  course.milestones[static_cast<size_t>(Milestone::kDelivery)] = At("2024-03-06 20:00");
  course.leg_seconds[static_cast<size_t>(Leg::kLastMile)] = 49;
  course.first_attempt = At("2024-03-06 10:00");
  course.failures = 1;
  course.deadline = At("2024-03-07 23:30");
  course.due = true;
  course.on_time = true;
  course.scans_expected = 3;
  course.scans_missing = 1;
  course.information = {{At("2024-03-01 23:00"), true}, {At("2024-03-06 20:00"), false}};
  return course;
}

TEST(ContributionTest, EachCountIsOnTheDayOfWhatItCounts) {
  EXPECT_THAT(Text(Contribution::Of(Delivered(), absl::UTCTimeZone())),
              ::testing::ElementsAre("2024-03-01 HANDED_OVER 1", "2024-03-01 SCANS_EXPECTED 3",
                                     "2024-03-01 SCANS_MISSING 1", "2024-03-01 INFORMATION 1",
                                     "2024-03-01 INFORMATION_ON_TIME 1",
                                     "2024-03-06 LAST_MILE@49 1", "2024-03-06 ATTEMPTED 1",
                                     "2024-03-06 DELIVERED 1", "2024-03-06 INFORMATION 1",
                                     "2024-03-07 DUE 1", "2024-03-07 ON_TIME 1"));
}

TEST(ContributionTest, DaysAreOfTheDestination) {
  const auto lines = Text(Contribution::Of(Delivered(), absl::FixedTimeZone(3600)));
  EXPECT_THAT(lines, ::testing::Contains("2024-03-02 HANDED_OVER 1"));
  EXPECT_THAT(lines, ::testing::Contains("2024-03-08 DUE 1"));
  EXPECT_THAT(lines, ::testing::Contains("2024-03-06 DELIVERED 1"));
}

// In St. John's clocks were set back from 00:01 of 7 November 2010 to 23:01 of the
// day before.
TEST(ContributionTest, ADayThatComesTwiceIsCountedOnce) {
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/St_Johns", &zone));
  Course course;
  course.information = {{At("2010-11-07 02:29"), true},
                        {At("2010-11-07 02:30"), true},
                        {At("2010-11-07 02:40"), false}};
  EXPECT_THAT(
      Text(Contribution::Of(course, zone)),
      ::testing::ElementsAre("2010-11-06 INFORMATION 2", "2010-11-06 INFORMATION_ON_TIME 1",
                             "2010-11-07 INFORMATION 1", "2010-11-07 INFORMATION_ON_TIME 1"));
}

TEST(ContributionTest, OutcomesAreOfTheDayOfHandOver) {
  Course course;
  course.first_event = At("2024-03-01 08:00");
  course.unknown_codes = 2;
  course.state = ParcelState::kUnknown;
  // What was never handed over was not lost on the way.
  EXPECT_THAT(Text(Contribution::Of(course, absl::UTCTimeZone())),
              ::testing::ElementsAre("2024-03-01 UNKNOWN_CODES 2"));
  course.handed_over = At("2024-03-02 08:00");
  course.damaged = true;
  course.deadline = At("2024-03-04 08:00");
  course.refused = true;
  course.refused_due = true;
  EXPECT_THAT(Text(Contribution::Of(course, absl::UTCTimeZone())),
              ::testing::ElementsAre("2024-03-02 HANDED_OVER 1", "2024-03-02 UNKNOWN 1",
                                     "2024-03-02 DAMAGED 1", "2024-03-02 UNKNOWN_CODES 2",
                                     "2024-03-04 REFUSED 1"));
  EXPECT_TRUE(Contribution::Of(Course(), absl::UTCTimeZone()).empty());
}

TEST(ContributionTest, AChangeIsWhatDiffers) {
  const Contribution before = Contribution::Of(Delivered(), absl::UTCTimeZone());
  Course course = Delivered();
  course.on_time = false;
  course.scans_missing = 0;
  course.deadline = At("2024-03-06 12:00");
  const Contribution after = Contribution::Of(course, absl::UTCTimeZone());
  EXPECT_THAT(Text(Contribution::Change(before, after)),
              ::testing::ElementsAre("2024-03-01 SCANS_MISSING -1", "2024-03-06 DUE 1",
                                     "2024-03-07 DUE -1", "2024-03-07 ON_TIME -1"));
  EXPECT_TRUE(Contribution::Change(after, after).empty());
  EXPECT_EQ(Contribution::Change({}, after), after);
}

TEST(ContributionTest, BytesAreReadBack) {
  testing::JourneyGenerator journeys(5, 30);
  size_t bytes = 0;
  for (int round = 0; round < 1000; ++round) {
    const testing::Journey journey = journeys.Next();
    EventSet events;
    for (const testing::Message& message : journey.messages) events.Add(message.event);
    const Contribution contribution = Contribution::Of(
        TrackCourse(events, journey.terms, At("2025-01-01 00:00")), journey.terms.zone);
    const std::string serialized = contribution.Serialize();
    bytes += serialized.size();
    const auto parsed = Contribution::Parse(serialized);
    ASSERT_TRUE(parsed.ok());
    ASSERT_EQ(*parsed, contribution);
    const auto change = Contribution::Change(contribution, {});
    ASSERT_EQ(*Contribution::Parse(change.Serialize()), change);
  }
  EXPECT_LT(bytes / 1000, 120u);
}

TEST(ContributionTest, DamagedBytesAreRefused) {
  const auto refused = [](const std::string& bytes) {
    EXPECT_EQ(api::ReasonOf(Contribution::Parse(bytes).status()), "CONTRIBUTION_MALFORMED");
  };
  refused("\x80");
  refused("\x02");                              // a day without entries
  refused(std::string("\x02\x00", 2));          // none
  refused("\x02\x01");                          // one that is missing
  refused("\x02\x01\x7f");                      // an item that there is not
  refused("\x02\x02\x09\x09");                  // one that comes twice
  refused("\x02\x01\x01\xff\xff\x03");          // a bucket that there is not
  refused(std::string("\x02\x01\x08\x00", 4));  // an amount of 0
  std::mt19937_64 random(3);
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 8);
    const auto contribution = Contribution::Parse(bytes);
    if (contribution.ok()) {
      ASSERT_EQ(*Contribution::Parse(contribution->Serialize()), *contribution);
    }
  }
}

TEST(PeriodTest, WeeksBeginOnMonday) {
  EXPECT_EQ(PeriodOf(CivilDay(2024, 3, 4), Granularity::kWeek), CivilDay(2024, 3, 4));
  EXPECT_EQ(PeriodOf(CivilDay(2024, 3, 10), Granularity::kWeek), CivilDay(2024, 3, 4));
  EXPECT_EQ(PeriodOf(CivilDay(2024, 1, 1), Granularity::kWeek), CivilDay(2024, 1, 1));
  EXPECT_EQ(PeriodOf(CivilDay(2023, 12, 31), Granularity::kWeek), CivilDay(2023, 12, 25));
  EXPECT_EQ(PeriodOf(CivilDay(2024, 2, 29), Granularity::kMonth), CivilDay(2024, 2, 1));
  EXPECT_EQ(PeriodOf(CivilDay(2024, 2, 29), Granularity::kDay), CivilDay(2024, 2, 29));
}

TEST(ScorecardChangesTest, GathersByDimensionAndPeriod) {
  Dimensions dimensions;
  dimensions.Set(Dimension::kLane, "lanes/x");
  dimensions.Set(Dimension::kCourier, "partners/c");
  ScorecardChanges changes;
  EXPECT_TRUE(changes.empty());
  changes.Add(dimensions, Contribution::Of(Delivered(), absl::UTCTimeZone()));
  changes.Add(dimensions, Contribution::Of(Delivered(), absl::UTCTimeZone()));
  const auto rows = changes.Rows({Granularity::kDay, Granularity::kMonth});
  // Three days and a month, of the courier, the lane, and both.
  ASSERT_EQ(rows.size(), 12u);
  EXPECT_EQ(rows[0].dimension, Dimension::kCourier);
  EXPECT_EQ(rows[0].begin, CivilDay(2024, 3, 1));
  EXPECT_EQ(rows[0].change.at(Measure::kScansExpected), 6);
  EXPECT_EQ(rows[3].granularity, Granularity::kMonth);
  EXPECT_EQ(rows[3].begin, CivilDay(2024, 3, 1));
  EXPECT_EQ(rows[3].change.at(Measure::kOnTime), 2);
  EXPECT_EQ(rows[3].change.at(Leg::kLastMile).count(), 2);
  EXPECT_EQ(rows[8].dimension, Dimension::kLaneAndCourier);
  EXPECT_EQ(rows[8].value, "lanes/x partners/c");
}

TEST(ScorecardChangesTest, WhatCancelsOutIsNoRow) {
  Dimensions dimensions;
  dimensions.Set(Dimension::kSeller, "enterprises/x");
  const Contribution contribution = Contribution::Of(Delivered(), absl::UTCTimeZone());
  ScorecardChanges changes;
  changes.Add(dimensions, contribution);
  changes.Add(dimensions, Contribution::Change(contribution, {}));
  EXPECT_TRUE(changes.Rows({Granularity::kDay, Granularity::kWeek}).empty());
}

TEST(ScorecardTest, BytesAreReadBack) {
  Scorecard scorecard;
  EXPECT_TRUE(scorecard.empty());
  EXPECT_EQ(*Scorecard::Parse(scorecard.Serialize()), scorecard);
  scorecard.counts[static_cast<size_t>(Measure::kDue)] = 12;
  scorecard.counts[static_cast<size_t>(Measure::kLost)] = -3;
  scorecard.legs[1].Add(4000, 7);
  const std::string bytes = scorecard.Serialize();
  EXPECT_EQ(*Scorecard::Parse(bytes), scorecard);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(api::ReasonOf(Scorecard::Parse(bytes.substr(0, size)).status()),
              "SCORECARD_MALFORMED");
  }
  EXPECT_FALSE(Scorecard::Parse(bytes + "x").ok());
  EXPECT_FALSE(Scorecard::Parse("\x7f").ok());
}

TEST(ScorecardTest, Rates) {
  Scorecard scorecard;
  const auto set = [&](Measure measure, int64_t count) {
    scorecard.counts[static_cast<size_t>(measure)] = count;
  };
  set(Measure::kHandedOver, 100);
  set(Measure::kLost, 1);
  set(Measure::kDamaged, 2);
  set(Measure::kReturned, 3);
  set(Measure::kDue, 50);
  set(Measure::kOnTime, 49);
  set(Measure::kAttempted, 40);
  set(Measure::kFirstAttempt, 30);
  set(Measure::kScansExpected, 300);
  set(Measure::kScansMissing, 10);
  EXPECT_EQ(RateOf(scorecard, Rate::kOnTime), (Ratio{49, 50}));
  EXPECT_EQ(RateOf(scorecard, Rate::kFirstAttempt), (Ratio{30, 40}));
  EXPECT_EQ(RateOf(scorecard, Rate::kLoss), (Ratio{1, 100}));
  EXPECT_EQ(RateOf(scorecard, Rate::kDamage), (Ratio{2, 100}));
  EXPECT_EQ(RateOf(scorecard, Rate::kReturn), (Ratio{3, 100}));
  EXPECT_EQ(RateOf(scorecard, Rate::kScanCompliance), (Ratio{290, 300}));
  EXPECT_EQ(RateOf(scorecard, Rate::kInformationOnTime), (Ratio{0, 0}));
  EXPECT_FALSE(IsGreaterBetter(Rate::kLoss));
  EXPECT_TRUE(IsGreaterBetter(Rate::kOnTime));
  EXPECT_EQ(NameOf(Rate::kInformationOnTime), "INFORMATION_ON_TIME");
  EXPECT_EQ(NameOf(Measure::kInformationOnTime), "INFORMATION_ON_TIME");
  EXPECT_EQ(NameOf(Dimension::kLaneAndCourier), "LANE_AND_COURIER");
}

}  // namespace
}  // namespace caravan::logistics
