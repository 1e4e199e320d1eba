#include "services/zones/testing/generator.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "services/common/api/validation.h"
#include "services/common/codes/codes.h"
#include "services/zones/enterprise.h"
#include "services/zones/testing/messages.h"
#include "services/zones/testing/reference_data.h"

namespace caravan::zones::testing {
namespace {

using google::protobuf::util::MessageDifferencer;
using v1::Enterprise;
using v1::PilotZone;

std::vector<PilotZone> Zones() {
  auto zones = ReadCsv<PilotZone>(CARAVAN_REFERENCE_DATA "/pilot_zones.csv");
  EXPECT_TRUE(zones.ok()) << zones.status();
  return zones.value_or(std::vector<PilotZone>());
}

TEST(EnterpriseGenerator, MakesValidEnterprises) {
  std::vector<PilotZone> zones = Zones();
  std::map<std::string, const PilotZone*> by_name;
  for (const PilotZone& zone : zones) by_name[zone.name()] = &zone;
  EnterpriseGenerator generator(7, zones);
  for (uint64_t n = 0; n < 3000; ++n) {
    Enterprise enterprise = generator.Generate(n);
    std::string id = enterprise.name().substr(std::string("enterprises/").size());
    EXPECT_EQ(codes::FormatProblem("enterprise-id", id), std::nullopt);
    EXPECT_EQ(CheckEnterprise(enterprise), absl::OkStatus());
    api::Violations violations;
    api::Validator::For(*Enterprise::descriptor())
        .Check(enterprise, "", {.required = true, .output_only = true}, violations);
    EXPECT_EQ(violations.ToStatus(), absl::OkStatus()) << enterprise.DebugString();
    if (enterprise.pilot_zone().empty()) continue;
    ASSERT_EQ(by_name.count(enterprise.pilot_zone()), 1u);
    EXPECT_EQ(CheckHomeZone(enterprise, *by_name[enterprise.pilot_zone()], 20260101),
              absl::OkStatus());
  }
}

TEST(EnterpriseGenerator, IsAFunctionOfItsSeedAndNumber) {
  std::vector<PilotZone> zones = Zones();
  EnterpriseGenerator one(7, zones), same(7, zones), other(8, zones);
  int differing = 0;
  for (uint64_t n : {0, 1, 17, 999'999'999}) {
    EXPECT_TRUE(MessageDifferencer::Equals(one.Generate(n), same.Generate(n)));
    differing += one.Generate(n).name() != other.Generate(n).name();
  }
  EXPECT_EQ(differing, 4);
  // The same on every machine and in every version.
  EXPECT_TRUE(
      MessageDifferencer::Equals(EnterpriseGenerator(7, {}).Generate(1), Parse<Enterprise>(R"pb(
                                   name: "enterprises/9135000000dgfk2b83"
                                   display_name: "Red Maple Lighting Co., Ltd."
                                   country: "CN"
                                   province: "CN-FJ"
                                   roles: [ PRODUCER, DISTRIBUTOR ]
                                   registration_date { year: 2011 month: 10 day: 24 }
                                   state: ACTIVE
                                   labels { key: "sector" value: "lighting" }
                                   labels { key: "synthetic" value: "true" }
                                 )pb")));
}

TEST(EnterpriseGenerator, NamesDiffer) {
  EnterpriseGenerator generator(7, Zones());
  std::set<std::string> names;
  for (uint64_t n = 0; n < 20000; ++n) names.insert(generator.Generate(n).name());
  EXPECT_EQ(names.size(), 20000u);
}

TEST(EnterpriseGenerator, KeepsItsShares) {
  EnterpriseGenerator generator(7, Zones());
  constexpr int kCount = 20000;
  int in_zone = 0, abroad = 0, active = 0;
  std::set<std::string> homes;
  for (int n = 0; n < kCount; ++n) {
    Enterprise enterprise = generator.Generate(n);
    in_zone += !enterprise.pilot_zone().empty();
    abroad += enterprise.country() != "CN";
    active += enterprise.state() == Enterprise::ACTIVE;
    if (!enterprise.pilot_zone().empty()) homes.insert(enterprise.pilot_zone());
  }
  EXPECT_NEAR(in_zone, kCount * 0.80, kCount * 0.01);
  EXPECT_NEAR(abroad, kCount * 0.08, kCount * 0.01);
  EXPECT_NEAR(active, kCount * 0.96, kCount * 0.01);
  EXPECT_EQ(homes.size(), 178u);
}

}  // namespace
}  // namespace caravan::zones::testing
