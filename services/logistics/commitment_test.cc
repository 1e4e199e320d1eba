#include "services/logistics/commitment.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

absl::TimeZone Berlin() {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone("Europe/Berlin", &zone));
  return zone;
}

absl::Time Local(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M", text, Berlin(), &time, &error)) << text << error;
  return time;
}

Pause From(const std::string& begin, const std::string& end) { return {Local(begin), Local(end)}; }

Commitment Hours(int hours, DeadlineKind kind) {
  return {.start = Milestone::kHandOver, .duration = hours, .kind = kind};
}

// Monday to Friday, without 29 March and 1 April 2024.
Commitment WorkingDays(int days, DeadlineKind kind) {
  return {.start = Milestone::kHandOver,
          .duration = days,
          .unit = DurationUnit::kWorkingDays,
          .kind = kind,
          .calendar = std::make_shared<const WorkingCalendar>(*WorkingCalendar::Create(
              {absl::Weekday::monday, absl::Weekday::tuesday, absl::Weekday::wednesday,
               absl::Weekday::thursday, absl::Weekday::friday},
              {absl::CivilDay(2024, 3, 29), absl::CivilDay(2024, 4, 1)}, {}))};
}

std::string Deadline(const Commitment& commitment, const std::string& start,
                     const std::vector<Pause>& pauses = {}) {
  EXPECT_TRUE(CheckCommitment(commitment).ok());
  return absl::FormatTime("%Y-%m-%d %H:%M:%E*S",
                          DeadlineOf(commitment, Local(start), pauses, Berlin()), Berlin());
}

constexpr DeadlineKind kInstant = DeadlineKind::kInstant;
constexpr DeadlineKind kLocalDate = DeadlineKind::kLocalDate;

TEST(CommitmentTest, HoursAreHoursWhateverClocksSay) {
  // Clocks were set forward on 31 March 2024.
  EXPECT_EQ(Deadline(Hours(48, kInstant), "2024-03-30 10:00"), "2024-04-01 11:00:00");
  EXPECT_EQ(Deadline(Hours(48, kLocalDate), "2024-03-30 10:00"), "2024-04-01 23:59:59.999999");
}

TEST(CommitmentTest, HoursRestInPauses) {
  const auto deadline = [](const std::vector<Pause>& pauses) {
    return Deadline(Hours(24, kInstant), "2024-03-04 10:00", pauses);
  };
  EXPECT_EQ(deadline({From("2024-03-04 12:00", "2024-03-04 15:30")}), "2024-03-05 13:30:00");
  // What lies before the start does not count.
  EXPECT_EQ(deadline({From("2024-03-04 08:00", "2024-03-04 11:00")}), "2024-03-05 11:00:00");
  EXPECT_EQ(deadline({From("2024-03-04 08:00", "2024-03-04 09:00")}), "2024-03-05 10:00:00");
  // The second pause lies behind the deadline without the first.
  EXPECT_EQ(deadline({From("2024-03-04 12:00", "2024-03-04 15:00"),
                      From("2024-03-05 12:00", "2024-03-05 14:00")}),
            "2024-03-05 15:00:00");
  // When time has run out, nothing helps.
  EXPECT_EQ(deadline({From("2024-03-05 10:00", "2024-03-09 10:00")}), "2024-03-05 10:00:00");
}

TEST(CommitmentTest, ADateMovesToTheEndOfWhatCoversItsEnd) {
  const auto deadline = [](const std::vector<Pause>& pauses) {
    return Deadline(Hours(24, kLocalDate), "2024-03-04 10:00", pauses);
  };
  // The hours have run at 10:00 of the 5th, but the day is promised.
  EXPECT_EQ(deadline({From("2024-03-05 15:00", "2024-03-07 09:00")}), "2024-03-07 23:59:59.999999");
  EXPECT_EQ(deadline({From("2024-03-05 15:00", "2024-03-05 18:00")}), "2024-03-05 23:59:59.999999");
  EXPECT_EQ(deadline({From("2024-03-06 00:00", "2024-03-08 00:00")}), "2024-03-05 23:59:59.999999");
}

TEST(CommitmentTest, WorkingDaysBeginWithTheDayAfter) {
  EXPECT_EQ(Deadline(WorkingDays(1, kLocalDate), "2024-03-04 00:00"), "2024-03-05 23:59:59.999999");
  // Over a weekend, and from one.
  EXPECT_EQ(Deadline(WorkingDays(3, kLocalDate), "2024-03-07 23:00"), "2024-03-12 23:59:59.999999");
  EXPECT_EQ(Deadline(WorkingDays(1, kLocalDate), "2024-03-09 12:00"), "2024-03-11 23:59:59.999999");
  // Over Easter.
  EXPECT_EQ(Deadline(WorkingDays(1, kLocalDate), "2024-03-28 12:00"), "2024-04-02 23:59:59.999999");
  EXPECT_EQ(Deadline(WorkingDays(1, kInstant), "2024-03-28 12:34"), "2024-04-02 12:34:00");
}

TEST(CommitmentTest, APauseCostsTheWorkingDaysThatItTakesAway) {
  const auto deadline = [](const std::vector<Pause>& pauses) {
    return Deadline(WorkingDays(2, kLocalDate), "2024-03-04 10:00", pauses);
  };
  EXPECT_EQ(deadline({}), "2024-03-06 23:59:59.999999");
  EXPECT_EQ(deadline({From("2024-03-05 10:00", "2024-03-05 20:00")}), "2024-03-06 23:59:59.999999");
  EXPECT_EQ(deadline({From("2024-03-05 10:00", "2024-03-06 09:00")}), "2024-03-07 23:59:59.999999");
  // On the day of the deadline, over a weekend.
  EXPECT_EQ(deadline({From("2024-03-06 20:00", "2024-03-10 09:00")}), "2024-03-11 23:59:59.999999");
  EXPECT_EQ(deadline({From("2024-03-07 08:00", "2024-03-12 09:00")}), "2024-03-06 23:59:59.999999");

  const auto instant = [](const std::vector<Pause>& pauses) {
    return Deadline(WorkingDays(2, kInstant), "2024-03-04 10:00", pauses);
  };
  EXPECT_EQ(instant({From("2024-03-06 09:00", "2024-03-06 11:00")}), "2024-03-07 10:00:00");
  EXPECT_EQ(instant({From("2024-03-06 10:00", "2024-03-08 11:00")}), "2024-03-06 10:00:00");
  EXPECT_EQ(instant({From("2024-03-06 09:00", "2024-03-06 10:00")}), "2024-03-06 10:00:00");
}

// 02:30 of 31 March does not exist, and 02:30 of 27 October comes twice.
TEST(CommitmentTest, TimesOfDayThatClocksSkipOrRepeat) {
  Commitment daily = WorkingDays(1, kInstant);
  daily.calendar = std::make_shared<const WorkingCalendar>(
      *WorkingCalendar::Create({absl::Weekday::sunday}, {}, {}));
  EXPECT_EQ(Deadline(daily, "2024-03-30 02:30"), "2024-03-31 03:00:00");
  const absl::Time second_half_past_two = Local("2024-10-27 02:30") + absl::Hours(1);
  EXPECT_EQ(absl::FormatTime("%Y-%m-%d %H:%M",
                             DeadlineOf(daily, second_half_past_two, {}, Berlin()), Berlin()),
            "2024-11-03 02:30");
}

TEST(CommitmentTest, RefusesWhatCannotBePromised) {
  const auto refused = [](const Commitment& commitment) {
    EXPECT_EQ(api::ReasonOf(CheckCommitment(commitment)), "INVALID_COMMITMENT");
  };
  refused(Hours(0, kInstant));
  refused(Hours(Commitment::kMaxDuration + 1, kInstant));
  Commitment commitment = WorkingDays(2, kInstant);
  commitment.calendar = nullptr;
  refused(commitment);
  commitment = Hours(2, kInstant);
  commitment.start = Milestone::kDelivery;
  refused(commitment);
}

}  // namespace
}  // namespace caravan::logistics
