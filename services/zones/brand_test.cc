#include "services/zones/brand.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using v1::Brand;
using zones::testing::Parse;
using Request = v1::SummarizeTrademarksRequest;

std::string Mark(const std::string& market, const std::string& number, const std::string& date,
                 const std::string& more = "nice_classes: 25") {
  return "trademarks { market: '" + market + "' registration_number: '" + number +
         "' registration_date {" + date + "} " + more + " } ";
}

Brand In(const std::string& state, const std::string& more = "") {
  return Parse<Brand>("name: 'brands/b' nomination_date { year: 2020 month: 6 } state: " + state +
                      " " + more);
}

auto FailsOn(const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field}));
}

TEST(CheckBrand, HasATrademarkOnceInAMarket) {
  EXPECT_THAT(
      CheckBrand(In("CANDIDATE", Mark("DE", "1", "year: 2021") + Mark("FR", "1", "year: 2021") +
                                     Mark("DE", "2", "year: 2021"))),
      IsOk());
  EXPECT_THAT(
      CheckBrand(In("CANDIDATE", Mark("DE", "1", "year: 2021") + Mark("DE", "1", "year: 2022"))),
      FailsOn("trademarks[1].registration_number"));
}

TEST(CheckBrand, DatesFollowEachOther) {
  EXPECT_THAT(
      CheckBrand(In("CANDIDATE", Mark("DE", "1", "year: 2021", "expiry_date { year: 2021 }"))),
      FailsOn("trademarks[0].expiry_date"));
  EXPECT_THAT(CheckBrand(In("CULTIVATED")), FailsOn("cultivation_date"));
  EXPECT_THAT(CheckBrand(In("CULTIVATED", "cultivation_date { year: 2020 month: 5 }")),
              FailsOn("cultivation_date"));
  EXPECT_THAT(CheckBrand(In("LAPSED", "lapse_date { year: 2021 }")), IsOk());
  EXPECT_THAT(CheckBrand(In("ESTABLISHED",
                            "lapse_date { year: 2022 } "
                            "establishment_date { year: 2021 }")),
              FailsOn("lapse_date"));
}

TEST(CheckEstablished, ATrademarkIsRegisteredOnTheDay) {
  const std::string date = "establishment_date { year: 2022 } ";
  const auto refused = Fails(StatusCode::kFailedPrecondition, "BRAND_HAS_NO_TRADEMARK");
  EXPECT_THAT(CheckEstablished(In("ESTABLISHED", date)), refused);
  EXPECT_THAT(CheckEstablished(In("ESTABLISHED", date + Mark("US", "1", "year: 2022 month: 2"))),
              refused);
  EXPECT_THAT(CheckEstablished(In("ESTABLISHED", date + Mark("US", "1", "year: 2012",
                                                             "expiry_date { year: 2022 }"))),
              refused);
  EXPECT_THAT(CheckEstablished(In("ESTABLISHED", date + Mark("US", "1", "year: 2022"))), IsOk());
}

TEST(SettleZone, IsTheHomeOfTheOwner) {
  const auto owner =
      Parse<v1::Enterprise>("name: 'enterprises/e' pilot_zone: 'pilotZones/hangzhou'");
  Brand brand;
  ASSERT_THAT(SettleZone(owner, brand), IsOk());
  EXPECT_EQ(brand.pilot_zone(), "pilotZones/hangzhou");
  EXPECT_THAT(SettleZone(owner, brand), IsOk());
  brand.set_pilot_zone("pilotZones/ningbo");
  const absl::Status status = SettleZone(owner, brand);
  EXPECT_THAT(status, FailsOn("pilot_zone"));
  EXPECT_THAT(std::string(status.message()), ::testing::Not(::testing::HasSubstr("hangzhou")));
}

TEST(CheckTrademarkRequest, AsksForYearsAndMarketsThatMakeSense) {
  const auto check = [](const std::string& request) {
    return CheckTrademarkRequest(Parse<Request>(request));
  };
  EXPECT_THAT(check("start_year: 2001 end_year: 2100 market: 'HK'"), IsOk());
  EXPECT_THAT(check("start_year: 2000 end_year: 2100"), FailsOn("end_year"));
  EXPECT_THAT(check("start_year: 2026 end_year: 2025"), FailsOn("end_year"));
  EXPECT_THAT(check("start_year: 2025 end_year: 2025 market: 'CN'"), FailsOn("market"));
}

// A year as `year: trademarks/brands [market=count ...] [class=count ...]`.
std::vector<std::string> Years(const std::string& request) {
  TrademarkCounter counter(Parse<Request>(request));
  counter.Add(In("ESTABLISHED", Mark("CN", "0", "year: 2024") +
                                    Mark("US", "1", "year: 2024", "nice_classes: [9, 25]") +
                                    Mark("DE", "2", "year: 2024 month: 12 day: 31") +
                                    Mark("DE", "3", "year: 2026")));
  counter.Add(In("LAPSED", Mark("DE", "4", "year: 2024", "nice_classes: 9")));
  counter.Add(In("CANDIDATE"));
  const v1::SummarizeTrademarksResponse response = counter.Response();
  std::vector<std::string> years;
  for (const v1::TrademarkYear& year : response.years()) {
    std::string text = std::to_string(year.year()) + ": " + std::to_string(year.trademark_count()) +
                       "/" + std::to_string(year.brand_count());
    for (const auto& market : year.markets()) {
      text += " " + market.market() + "=" + std::to_string(market.trademark_count());
    }
    for (const auto& one : year.classes()) {
      text += " " + std::to_string(one.nice_class()) + "=" + std::to_string(one.trademark_count());
    }
    years.push_back(text);
  }
  return years;
}

TEST(TrademarkCounter, CountsNewOverseasTrademarksByYear) {
  EXPECT_THAT(
      Years("start_year: 2023 end_year: 2026"),
      ElementsAre("2023: 0/0", "2024: 3/2 DE=2 US=1 9=2 25=2", "2025: 0/0", "2026: 1/1 DE=1 25=1"));
}

TEST(TrademarkCounter, CountsOneMarketOrClass) {
  EXPECT_THAT(Years("start_year: 2024 end_year: 2024 market: 'US'"),
              ElementsAre("2024: 1/1 US=1 9=1 25=1"));
  EXPECT_THAT(Years("start_year: 2024 end_year: 2024 nice_class: 9"),
              ElementsAre("2024: 2/2 DE=1 US=1 9=2 25=1"));
}

}  // namespace
}  // namespace caravan::zones
