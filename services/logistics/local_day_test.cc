#include "services/logistics/local_day.h"

#include <gtest/gtest.h>

#include "absl/time/civil_time.h"
#include "services/common/testing/random.h"

namespace caravan::logistics {
namespace {

// What the library says.
int32_t DayOf(absl::Time time, absl::TimeZone zone) {
  return static_cast<int32_t>(absl::ToCivilDay(time, zone) - absl::CivilDay(1970, 1, 1));
}

// With clocks that are set at midnight and at two, by half an hour, and over a whole day,
// and some that are not set at all.
constexpr const char* kZones[] = {"UTC",           "Europe/Berlin", "America/Sao_Paulo",
                                  "Asia/Shanghai", "Pacific/Apia",  "Australia/Lord_Howe",
                                  "Asia/Beirut",   "Asia/Kolkata"};

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(name, &zone)) << name;
  return zone;
}

TEST(LocalDayTest, IsTheDayOfTheZone) {
  testing::Random random(1);
  for (int i = 0; i < 100'000; ++i) {
    const char* name = kZones[random.Below(8)];
    // 1900 to 2200.
    const absl::Time time =
        absl::FromUnixMicros(static_cast<int64_t>(random.Below(9'467'000'000)) * 1'000'000 -
                             2'208'988'800'000'000 + static_cast<int64_t>(random.Below(1'000'000)));
    ASSERT_EQ(LocalDayOf(time, Zone(name)), DayOf(time, Zone(name)))
        << name << " " << absl::FormatTime(time, absl::UTCTimeZone());
  }
}

TEST(LocalDayTest, AroundEachSettingOfTheClocks) {
  for (const char* name : kZones) {
    const absl::TimeZone zone = Zone(name);
    absl::TimeZone::CivilTransition transition;
    absl::Time time = absl::FromUnixSeconds(0);
    const absl::Time end = absl::FromCivil(absl::CivilDay(2040, 1, 1), zone);
    while (time < end && zone.NextTransition(time, &transition)) {
      const absl::Time set = zone.At(transition.to).trans;
      for (const absl::Duration distance :
           {absl::Hours(-25), absl::Seconds(-1), absl::Microseconds(-1), absl::ZeroDuration(),
            absl::Microseconds(1), absl::Seconds(1), absl::Hours(25)}) {
        EXPECT_EQ(LocalDayOf(set + distance, zone), DayOf(set + distance, zone))
            << name << " " << absl::FormatTime(set + distance, absl::UTCTimeZone());
      }
      time = set;
    }
  }
}

}  // namespace
}  // namespace caravan::logistics
