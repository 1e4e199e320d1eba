#include "services/zones/pilot_zone.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using ::caravan::zones::testing::Parse;
using ::caravan::zones::testing::ZoneRegister;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using v1::PilotZone;

constexpr char kHangzhou[] = R"pb(
  name: "pilotZones/hangzhou"
  province: "CN-ZJ"
  place: "330100"
  approval_date { year: 2015 month: 3 day: 7 }
  state: OPERATING
)pb";

// Sanya went into Hainan in April 2025; Danzhou, which never was a zone, stands
// for one that went into Sanya before.
ZoneRegister HainanRegister() {
  ZoneRegister zones;
  zones.Add(R"pb(name: "pilotZones/hainan"
                 approval_date { year: 2025 month: 4 }
                 state: OPERATING)pb");
  zones.Add(R"pb(name: "pilotZones/sanya"
                 approval_date { year: 2020 month: 4 day: 27 }
                 end_date { year: 2025 month: 4 }
                 successor: "pilotZones/hainan"
                 state: MERGED)pb");
  zones.Add(R"pb(name: "pilotZones/danzhou"
                 approval_date { year: 2018 }
                 end_date { year: 2021 month: 6 day: 1 }
                 successor: "pilotZones/sanya"
                 state: MERGED)pb");
  return zones;
}

std::string ResolvedName(std::string_view name, int64_t day, const ZoneRegister& zones) {
  auto zone = ResolvePilotZone(name, day, zones);
  EXPECT_TRUE(zone.ok()) << zone.status();
  return zone.ok() && zone->has_value() ? (*zone)->name() : "none";
}

void ExpectNotInForce(std::string_view name, int64_t day, const ZoneRegister& zones,
                      const std::string& says) {
  auto zone = ResolvePilotZone(name, day, zones);
  ASSERT_FALSE(zone.ok()) << name << " " << day;
  EXPECT_EQ(zone.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(zone.status()), "ZONE_NOT_IN_FORCE");
  EXPECT_THAT(std::string(zone.status().message()), HasSubstr(says));
}

TEST(ResolvePilotZone, IsTheZoneItselfWhileInForce) {
  ZoneRegister zones = HainanRegister();
  EXPECT_EQ(ResolvedName("pilotZones/sanya", 20200427, zones), "pilotZones/sanya");
  EXPECT_EQ(ResolvedName("pilotZones/sanya", 20250331, zones), "pilotZones/sanya");
}

TEST(ResolvePilotZone, FollowsSuccessorsThatAreInForceOnTheDay) {
  ZoneRegister zones = HainanRegister();
  EXPECT_EQ(ResolvedName("pilotZones/sanya", 20250401, zones), "pilotZones/hainan");
  EXPECT_EQ(ResolvedName("pilotZones/danzhou", 20210531, zones), "pilotZones/danzhou");
  EXPECT_EQ(ResolvedName("pilotZones/danzhou", 20210601, zones), "pilotZones/sanya");
  EXPECT_EQ(ResolvedName("pilotZones/danzhou", 20260101, zones), "pilotZones/hainan");
}

TEST(ResolvePilotZone, HasNothingForAnUnknownName) {
  EXPECT_EQ(ResolvedName("pilotZones/taizhou", 20250101, HainanRegister()), "none");
}

TEST(ResolvePilotZone, RefusesADayBeforeApproval) {
  ExpectNotInForce("pilotZones/sanya", 20200426, HainanRegister(),
                   "pilotZones/sanya is not a zone on 2020-04-26; it was approved on 2020-04-27");
}

TEST(ResolvePilotZone, RefusesAZoneThatEndedWithoutSuccessor) {
  ZoneRegister zones;
  zones.Add(R"pb(name: "pilotZones/a"
                 approval_date { year: 2015 }
                 end_date { year: 2020 }
                 state: EXITED)pb");
  ExpectNotInForce("pilotZones/a", 20200101, zones, "ended on 2020 without a successor");
}

TEST(ResolvePilotZone, RefusesAGapBetweenAZoneAndItsSuccessor) {
  ZoneRegister zones;
  zones.Add(R"pb(name: "pilotZones/a"
                 approval_date { year: 2015 }
                 end_date { year: 2020 }
                 successor: "pilotZones/b"
                 state: MERGED)pb");
  zones.Add(R"pb(name: "pilotZones/b"
                 approval_date { year: 2021 }
                 state: OPERATING)pb");
  ExpectNotInForce("pilotZones/a", 20200601, zones,
                   "pilotZones/a, which went into pilotZones/b is not a zone on 2020-06-01");
  EXPECT_EQ(ResolvedName("pilotZones/a", 20210101, zones), "pilotZones/b");
}

TEST(ResolvePilotZone, EndsInACircle) {
  ZoneRegister zones;
  zones.Add(R"pb(name: "pilotZones/a"
                 approval_date { year: 2015 }
                 end_date { year: 2020 }
                 successor: "pilotZones/b"
                 state: MERGED)pb");
  zones.Add(R"pb(name: "pilotZones/b"
                 approval_date { year: 2015 }
                 end_date { year: 2021 }
                 successor: "pilotZones/a"
                 state: MERGED)pb");
  EXPECT_EQ(ResolvedName("pilotZones/a", 20200601, zones), "pilotZones/b");
  ExpectNotInForce("pilotZones/a", 20220101, zones, "none of them is in force on 2022-01-01");
}

TEST(ResolvePilotZone, PassesOnWhatTheLookupSays) {
  auto fails = [](std::string_view) -> absl::StatusOr<std::optional<PilotZone>> {
    return absl::UnavailableError("away");
  };
  EXPECT_EQ(ResolvePilotZone("pilotZones/a", 20200101, fails).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(CheckPilotZone, AcceptsAZone) {
  EXPECT_EQ(CheckPilotZone(Parse<PilotZone>(kHangzhou)), absl::OkStatus());
}

TEST(CheckPilotZone, AsksForAPlaceInTheProvince) {
  PilotZone zone = Parse<PilotZone>(kHangzhou);
  zone.set_place("320100");
  absl::Status status = CheckPilotZone(zone);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("place"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("320100 lies in CN-JS, not in CN-ZJ"));
}

TEST(CheckPilotZone, AsksForAnEndThatFitsTheState) {
  PilotZone zone = Parse<PilotZone>(kHangzhou);
  zone.mutable_end_date()->set_year(2025);
  zone.set_successor("pilotZones/ningbo");
  EXPECT_THAT(api::FieldsOf(CheckPilotZone(zone)), ElementsAre("end_date", "successor"));
  zone.set_state(PilotZone::EXITED);
  EXPECT_THAT(api::FieldsOf(CheckPilotZone(zone)), ElementsAre("successor"));
  zone.set_state(PilotZone::MERGED);
  EXPECT_EQ(CheckPilotZone(zone), absl::OkStatus());
  zone.clear_end_date();
  zone.clear_successor();
  EXPECT_THAT(api::FieldsOf(CheckPilotZone(zone)), ElementsAre("end_date", "successor"));
}

TEST(CheckPilotZone, RefusesItselfAsSuccessorAndAnEndBeforeApproval) {
  PilotZone zone = Parse<PilotZone>(kHangzhou);
  zone.set_state(PilotZone::MERGED);
  zone.set_successor(zone.name());
  zone.mutable_end_date()->set_year(2015);
  absl::Status status = CheckPilotZone(zone);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("successor", "end_date"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot go into itself"));
}

absl::Status Succession(const std::string& end, const std::string& successor,
                        const ZoneRegister& zones) {
  PilotZone zone = Parse<PilotZone>(kHangzhou);
  zone.set_state(PilotZone::MERGED);
  *zone.mutable_end_date() = Parse<google::type::Date>(end);
  zone.set_successor(successor);
  return CheckSuccession(zone, zones);
}

TEST(CheckSuccession, AsksForASuccessorInForceOnThatDay) {
  ZoneRegister zones = HainanRegister();
  EXPECT_EQ(Succession("year: 2025 month: 4", "pilotZones/hainan", zones), absl::OkStatus());
  EXPECT_EQ(Succession("year: 2025 month: 3 day: 31", "pilotZones/sanya", zones), absl::OkStatus());
  for (std::string successor : {"pilotZones/sanya", "pilotZones/danzhou"}) {
    absl::Status ended = Succession("year: 2025 month: 4", successor, zones);
    EXPECT_EQ(ended.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(api::ReasonOf(ended), "SUCCESSOR_NOT_IN_FORCE");
  }
  absl::Status early = Succession("year: 2025 month: 3 day: 31", "pilotZones/hainan", zones);
  EXPECT_EQ(api::ReasonOf(early), "SUCCESSOR_NOT_IN_FORCE");
  EXPECT_THAT(std::string(early.message()),
              HasSubstr("pilotZones/hangzhou cannot go into pilotZones/hainan on 2025-03-31"));
}

TEST(CheckSuccession, RefusesACircle) {
  ZoneRegister zones;
  zones.Add(R"pb(name: "pilotZones/b"
                 approval_date { year: 2015 }
                 end_date { year: 2030 }
                 successor: "pilotZones/c"
                 state: MERGED)pb");
  zones.Add(R"pb(name: "pilotZones/c"
                 approval_date { year: 2015 }
                 end_date { year: 2035 }
                 successor: "pilotZones/hangzhou"
                 state: MERGED)pb");
  absl::Status status = Succession("year: 2025", "pilotZones/b", zones);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(status), "SUCCESSION_CIRCULAR");
}

TEST(CheckSuccession, LeavesAMissingSuccessorToTheCheckOfReferences) {
  EXPECT_EQ(Succession("year: 2025", "pilotZones/nowhere", ZoneRegister()), absl::OkStatus());
}

}  // namespace
}  // namespace caravan::zones
