#include "services/logistics/event_time.h"

#include <gtest/gtest.h>

#include <string>

#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

// What is read, in UTC; the reason of the error where nothing is.
std::string Read(std::string_view text, std::string_view rule = "UTC",
                 std::optional<absl::TimeZone> place = std::nullopt) {
  const absl::StatusOr<TimeRule> parsed = TimeRule::Parse(rule);
  if (!parsed.ok()) return api::ReasonOf(parsed.status());
  const absl::StatusOr<absl::Time> time = ReadEventTime(text, *parsed, place);
  if (!time.ok()) {
    EXPECT_EQ(time.status().code(), absl::StatusCode::kInvalidArgument);
    return api::ReasonOf(time.status());
  }
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*S", *time, absl::UTCTimeZone());
}

TEST(EventTimeTest, AnOffsetGoesBeforeTheRule) {
  EXPECT_EQ(Read("2024-08-02T10:15:00+08:00", "America/Sao_Paulo"), "2024-08-02T02:15:00");
  EXPECT_EQ(Read("2024-08-02T10:15:00Z", "+08:00"), "2024-08-02T10:15:00");
  EXPECT_EQ(Read("2024-08-02 10:15-03", "PLACE"), "2024-08-02T13:15:00");
  EXPECT_EQ(Read("2024-08-02T10:15:00.1234567-0330", "PLACE"), "2024-08-02T13:45:00.123456");
}

TEST(EventTimeTest, TheRuleReadsTimesWithoutAnOffset) {
  EXPECT_EQ(Read("2024-08-02T10:15:00", "UTC"), "2024-08-02T10:15:00");
  EXPECT_EQ(Read("2024-08-02 10:15", "+08:00"), "2024-08-02T02:15:00");
  EXPECT_EQ(Read("2024-08-02T10:15:00", "America/Sao_Paulo"), "2024-08-02T13:15:00");
  EXPECT_EQ(Read("2024-08-02T10:15:00", "PLACE", Zone("Europe/Berlin")), "2024-08-02T08:15:00");
  EXPECT_EQ(Read("2024-08-02T10:15:00", "UTC", Zone("Europe/Berlin")), "2024-08-02T10:15:00");
}

TEST(EventTimeTest, AZoneIsNotGuessed) {
  EXPECT_EQ(Read("2024-08-02T10:15:00", "PLACE"), "EVENT_TIME_WITHOUT_ZONE");
}

TEST(EventTimeTest, ClocksThatAreSet) {
  // 02:30 comes twice on 27 October and not at all on 31 March.
  EXPECT_EQ(Read("2024-10-27T02:30:00", "Europe/Berlin"), "2024-10-27T00:30:00");
  EXPECT_EQ(Read("2024-03-31T02:30:00", "Europe/Berlin"), "2024-03-31T01:00:00");
}

TEST(EventTimeTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "now", "infinite-future", "2024-08-02", "2024-08-32T10:15:00", "2024-08-02T25:15:00",
        "2024-08-02T10:15:00+25:00", "2024-08-02T10:15:00+", "2024-08-02T10:15:00+0x:00",
        "1999-12-31T23:59:59", "2200-01-01T00:00:00", "2024-08-02T10:1Z", "Z0000000000000000",
        "2024-08-02T10:15:00 Z0", "2024/08/02 10:15:00"}) {
    EXPECT_EQ(Read(text), "INVALID_EVENT_TIME") << text;
  }
}

TEST(EventTimeTest, RefusesWhatIsNoRule) {
  for (const char* rule : {"", "place", "Mars/Olympus", "/etc/localtime", "../etc/passwd",
                           "Europe/../Europe/Berlin", "+8", "+15:00", "+08:60"}) {
    EXPECT_EQ(Read("2024-08-02T10:15:00", rule), "INVALID_TIME_RULE") << rule;
  }
  // A name of the database, and what is not of it behind.
  using namespace std::string_literals;  // NOLINT(build/namespaces)
  for (const std::string& rule : {"Europe/Rome\0x"s, "Europe/Rome/"s, "Europe/"s, "Europe/ Rome"s,
                                  "Europe/" + std::string(1 << 20, 'x')}) {
    EXPECT_EQ(TimeRule::Parse(rule).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace caravan::logistics
