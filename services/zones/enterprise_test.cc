#include "services/zones/enterprise.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using ::caravan::zones::testing::Parse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using v1::Enterprise;
using v1::PilotZone;

constexpr char kHome[] = R"pb(
  name: "enterprises/91330100799655058b"
  country: "CN"
  province: "CN-ZJ"
  pilot_zone: "pilotZones/hangzhou"
  registration_date { year: 2007 month: 3 day: 26 }
  state: ACTIVE
)pb";

constexpr char kAbroad[] = R"pb(
  name: "enterprises/de-hrb86891" country: "DE" state: ACTIVE
)pb";

TEST(CheckEnterprise, AcceptsFirmsAtHomeAndAbroad) {
  EXPECT_EQ(CheckEnterprise(Parse<Enterprise>(kHome)), absl::OkStatus());
  EXPECT_EQ(CheckEnterprise(Parse<Enterprise>(kAbroad)), absl::OkStatus());
}

TEST(CheckEnterprise, AsksForTheCountryOfItsId) {
  Enterprise abroad = Parse<Enterprise>(kAbroad);
  abroad.set_country("AT");
  absl::Status status = CheckEnterprise(abroad);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("country"));
  EXPECT_THAT(
      std::string(status.message()),
      HasSubstr("AT does not fit enterprises/de-hrb86891, whose id is that of a firm of DE"));

  abroad.set_country("CN");
  EXPECT_THAT(api::FieldsOf(CheckEnterprise(abroad)), ElementsAre("country"));
  Enterprise home = Parse<Enterprise>(kHome);
  home.set_country("HK");
  EXPECT_THAT(api::FieldsOf(CheckEnterprise(home)),
              ElementsAre("country", "province", "pilot_zone"));
}

TEST(CheckEnterprise, LeavesAMalformedIdToItsContract) {
  Enterprise home = Parse<Enterprise>(kHome);
  home.set_name("enterprises/nonsense");
  EXPECT_EQ(CheckEnterprise(home), absl::OkStatus());
}

TEST(CheckEnterprise, KeepsProvinceAndZoneForFirmsAtHome) {
  Enterprise abroad = Parse<Enterprise>(kAbroad);
  abroad.set_province("CN-ZJ");
  abroad.set_pilot_zone("pilotZones/hangzhou");
  absl::Status status = CheckEnterprise(abroad);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("province", "pilot_zone"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("this one is of DE, so leave it empty"));
}

TEST(CheckEnterprise, AsksForACloseDateThatFits) {
  Enterprise home = Parse<Enterprise>(kHome);
  *home.mutable_close_date() = Parse<google::type::Date>("year: 2007 month: 3 day: 25");
  EXPECT_THAT(api::FieldsOf(CheckEnterprise(home)), ElementsAre("close_date", "close_date"));
  home.set_state(Enterprise::CLOSED);
  absl::Status early = CheckEnterprise(home);
  EXPECT_THAT(api::FieldsOf(early), ElementsAre("close_date"));
  EXPECT_THAT(std::string(early.message()),
              HasSubstr("2007-03-25 is before the registration on 2007-03-26"));
  *home.mutable_close_date() = home.registration_date();
  EXPECT_EQ(CheckEnterprise(home), absl::OkStatus());
  home.clear_close_date();
  EXPECT_THAT(api::FieldsOf(CheckEnterprise(home)), ElementsAre("close_date"));
}

TEST(CheckEnterprise, AsksForSuspensionsThatFollowEachOther) {
  Enterprise home = Parse<Enterprise>(kHome);
  const auto fields = [&](const std::string& suspensions) {
    *home.mutable_suspensions() = Parse<Enterprise>(suspensions).suspensions();
    return api::FieldsOf(CheckEnterprise(home));
  };
  const std::string first = "suspensions { start_date { year: 2020 } end_date { year: 2021 } } ";
  const std::string open = "suspensions { start_date { year: 2021 } } ";
  EXPECT_THAT(fields(first), IsEmpty());
  EXPECT_THAT(fields(first + open), ElementsAre("suspensions[1].end_date"));  // it is ACTIVE
  home.set_state(Enterprise::SUSPENDED);
  EXPECT_THAT(fields(first + open), IsEmpty());
  EXPECT_THAT(fields(open + first), ElementsAre("suspensions[0].end_date"));
  EXPECT_THAT(fields(first + first), ElementsAre("suspensions[0].end_date"));
  EXPECT_THAT(fields("suspensions { start_date { year: 2020 } end_date { year: 2019 } }"),
              ElementsAre("suspensions[0].end_date"));
}

TEST(NoteSuspension, KeepsTheDays) {
  Enterprise active = Parse<Enterprise>(kHome);
  Enterprise suspended = active;
  suspended.set_state(Enterprise::SUSPENDED);
  NoteSuspension(active, 20240301, suspended);
  ASSERT_EQ(suspended.suspensions_size(), 1);
  EXPECT_EQ(suspended.suspensions(0).start_date().month(), 3);
  EXPECT_FALSE(suspended.suspensions(0).has_end_date());

  Enterprise reinstated = suspended;
  reinstated.set_state(Enterprise::ACTIVE);
  NoteSuspension(suspended, 20240401, reinstated);
  ASSERT_EQ(reinstated.suspensions_size(), 1);
  EXPECT_EQ(reinstated.suspensions(0).end_date().month(), 4);

  Enterprise closed = suspended;
  closed.set_state(Enterprise::CLOSED);
  NoteSuspension(suspended, 20240401, closed);
  EXPECT_FALSE(closed.suspensions(0).has_end_date());

  // Nobody knows since when it was suspended.
  suspended.clear_suspensions();
  reinstated.clear_suspensions();
  NoteSuspension(suspended, 20240401, reinstated);
  EXPECT_THAT(reinstated.suspensions(), IsEmpty());
}

TEST(CheckHomeZone, AsksForAZoneInForce) {
  Enterprise firm =
      Parse<Enterprise>(R"pb(
        name: "enterprises/91460000000000000x" country: "CN" province: "CN-HI"
      )pb");
  PilotZone sanya = Parse<PilotZone>(R"pb(
    name: "pilotZones/sanya"
    province: "CN-HI"
    approval_date { year: 2020 month: 4 day: 27 }
    end_date { year: 2025 month: 4 }
    successor: "pilotZones/hainan"
    state: MERGED
  )pb");
  EXPECT_EQ(CheckHomeZone(firm, sanya, 20250331), absl::OkStatus());

  absl::Status ended = CheckHomeZone(firm, sanya, 20250401);
  EXPECT_EQ(ended.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(ended), "ZONE_NOT_IN_FORCE");
  EXPECT_THAT(std::string(ended.message()), HasSubstr("it went into pilotZones/hainan on 2025-04"));

  absl::Status early = CheckHomeZone(firm, sanya, 20200101);
  EXPECT_EQ(api::ReasonOf(early), "ZONE_NOT_IN_FORCE");
  EXPECT_THAT(std::string(early.message()), HasSubstr("it was approved on 2020-04-27"));

  sanya.clear_successor();
  absl::Status exited = CheckHomeZone(firm, sanya, 20250401);
  EXPECT_THAT(std::string(exited.message()), HasSubstr("it ended on 2025-04"));
  EXPECT_THAT(api::FieldsOf(exited), IsEmpty());
}

TEST(CheckHomeZone, AsksForTheZonesProvince) {
  PilotZone ningbo = Parse<PilotZone>(R"pb(
    name: "pilotZones/ningbo"
    province: "CN-ZJ"
    approval_date { year: 2016 }
    state: OPERATING
  )pb");
  Enterprise firm = Parse<Enterprise>(kHome);
  EXPECT_EQ(CheckHomeZone(firm, ningbo, 20240101), absl::OkStatus());
  firm.set_province("CN-JS");
  absl::Status status = CheckHomeZone(firm, ningbo, 20240101);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("province"));
}

}  // namespace
}  // namespace caravan::zones
