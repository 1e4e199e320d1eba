#include "services/zones/platform.h"

#include <string>

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
using testing::Parse;
using v1::Platform;

Platform Make(const std::string& kind, const std::string& rest) {
  return Parse<Platform>("name: 'platforms/p' state: ACTIVE kind: " + kind +
                         " registration_date { year: 2020 month: 3 day: 1 } " + rest);
}

TEST(CheckPlatform, GoodsAreOfThePlatformsKind) {
  EXPECT_THAT(CheckPlatform(Make("B2B",
                                 "categories { id: 'a' goods_class: PARTS } "
                                 "categories { id: 'b' goods_class: INDUSTRIAL_EQUIPMENT } "
                                 "categories { id: 'c' goods_class: SEMI_FINISHED_PRODUCTS "
                                 "}")),
              IsOk());
  EXPECT_THAT(CheckPlatform(Make("B2C",
                                 "categories { id: 'a' goods_class: CONSUMER_GOODS } "
                                 "categories { id: 'b' goods_class: PARTS }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"categories[1].goods_class"})));
  EXPECT_THAT(CheckPlatform(Make("B2B", "categories { id: 'a' goods_class: CONSUMER_GOODS }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"categories[0].goods_class"})));
}

TEST(CheckPlatform, IdsAreUniqueAndDaysInOrder) {
  EXPECT_THAT(
      CheckPlatform(Make("B2C",
                         "categories { id: 'a' start_date { year: 2021 } end_date { year: 2021 } } "
                         "categories { id: 'a' } "
                         "service_functions { id: 'a' start_date { year: 2021 month: 2 } "
                         "end_date { year: 2021 month: 1 } }")),
      FailsAt(
          StatusCode::kInvalidArgument, "INVALID_FIELDS",
          Fields({"categories[0].end_date", "categories[1].id", "service_functions[0].end_date"})));
}

TEST(CheckPlatform, OnlyAClosedOneHasACloseDate) {
  Platform platform = Make("B2C", "close_date { year: 2022 }");
  EXPECT_THAT(CheckPlatform(platform),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"close_date"})));
  platform.set_state(Platform::CLOSED);
  EXPECT_THAT(CheckPlatform(platform), IsOk());
  platform.mutable_close_date()->set_year(2020);  // before March
  EXPECT_THAT(CheckPlatform(platform),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"close_date"})));
  platform.clear_close_date();
  EXPECT_THAT(CheckPlatform(platform),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"close_date"})));
}

TEST(CheckOperator, NeedsTheRole) {
  const Platform platform = Make("B2C", "");
  auto firm = Parse<v1::Enterprise>("name: 'enterprises/a' state: ACTIVE roles: SELLER");
  EXPECT_THAT(CheckOperator(platform, firm),
              Fails(StatusCode::kFailedPrecondition, "NOT_A_PLATFORM_OPERATOR"));
  firm.add_roles(v1::Enterprise::PLATFORM_OPERATOR);
  EXPECT_THAT(CheckOperator(platform, firm), IsOk());
  firm.set_state(v1::Enterprise::CLOSED);
  EXPECT_THAT(CheckOperator(platform, firm),
              Fails(StatusCode::kFailedPrecondition, "ENTERPRISE_CLOSED"));
}

std::vector<Period> Periods(const std::string& request) {
  auto periods = PeriodsOf(Parse<v1::SummarizePlatformsRequest>(request));
  EXPECT_THAT(periods, IsOk());
  return periods.ok() ? *periods : std::vector<Period>{};
}

TEST(PeriodsOf, AreThoseOfTheCalendarCutOff) {
  const std::string days =
      "start_date { year: 2023 month: 11 day: 15 } end_date { year: 2024 month: 5 day: 2 } ";
  const auto ends = [&](const std::string& interval) {
    std::vector<int64_t> ends;
    int64_t begin = 20231115;
    for (const Period& period : Periods(days + interval)) {
      EXPECT_EQ(period.begin, begin);
      ends.push_back(begin = period.end);
    }
    return ends;
  };
  EXPECT_EQ(ends(""), (std::vector<int64_t>{20240502}));
  EXPECT_EQ(ends("interval: YEAR"), (std::vector<int64_t>{20240101, 20240502}));
  EXPECT_EQ(ends("interval: QUARTER"), (std::vector<int64_t>{20240101, 20240401, 20240502}));
  EXPECT_EQ(ends("interval: MONTH"), (std::vector<int64_t>{20231201, 20240101, 20240201, 20240301,
                                                           20240401, 20240501, 20240502}));
}

TEST(PeriodsOf, AreNeitherEmptyNorTooMany) {
  const auto fails_at = [](const std::string& request, const std::string& field) {
    EXPECT_THAT(PeriodsOf(Parse<v1::SummarizePlatformsRequest>(request)),
                FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field})));
  };
  fails_at("start_date { year: 2024 } end_date { year: 2024 month: 1 day: 1 }", "end_date");
  fails_at("start_date { year: 1900 } end_date { year: 1983 month: 5 day: 2 } interval: MONTH",
           "interval");
  EXPECT_EQ(
      Periods("start_date { year: 1900 } end_date { year: 1983 month: 5 } interval: MONTH").size(),
      1000u);
  EXPECT_EQ(Periods("start_date { year: 9999 } end_date { year: 9999 month: 12 day: 31 } "
                    "interval: YEAR")
                .size(),
            1u);
}

TEST(PlatformSummary, CountsByKindAndPeriod) {
  PlatformSummary summary(
      Periods("start_date { year: 2020 } end_date { year: 2023 } interval: YEAR"));
  summary.Add(Make("B2C",
                   "categories { id: 'a' start_date { year: 2019 month: 12 day: 31 } } "
                   "categories { id: 'b' start_date { year: 2020 } } "
                   "categories { id: 'c' start_date { year: 2020 month: 12 day: 31 } } "
                   "service_functions { id: 'f' start_date { year: 2022 month: 12 day: 31 } }"));
  Platform closed = Make("B2B",
                         "categories { id: 'a' start_date { year: 2020 month: 7 } } "
                         "service_functions { id: 'g' start_date { year: 2023 } }");
  closed.mutable_close_date()->set_year(2021);
  closed.mutable_close_date()->set_month(12);
  closed.mutable_close_date()->set_day(31);
  summary.Add(closed);
  const v1::SummarizePlatformsResponse response = summary.Response();
  ASSERT_EQ(response.periods_size(), 3);

  const auto& first = response.periods(0);
  EXPECT_EQ(first.start_date().year(), 2020);
  EXPECT_EQ(first.end_date().year(), 2021);
  EXPECT_EQ(first.platforms().b2c_count(), 1);
  EXPECT_EQ(first.platforms().b2b_count(), 1);
  EXPECT_DOUBLE_EQ(first.platforms().b2b_share(), 0.5);
  EXPECT_EQ(first.category_additions().b2c_count(), 2);
  EXPECT_EQ(first.category_additions().b2b_count(), 1);
  EXPECT_DOUBLE_EQ(first.category_additions().b2b_share(), 1.0 / 3);
  // Nothing was added, so there is no share.
  EXPECT_FALSE(first.function_additions().has_b2b_share());

  // Closed on the last day, the other no longer exists on it.
  EXPECT_EQ(response.periods(1).platforms().b2b_count(), 0);
  EXPECT_DOUBLE_EQ(response.periods(1).platforms().b2b_share(), 0);
  EXPECT_FALSE(response.periods(1).category_additions().has_b2b_share());
  EXPECT_EQ(response.periods(2).function_additions().b2c_count(), 1);
  EXPECT_EQ(response.periods(2).function_additions().b2b_count(), 0);
}

TEST(PlatformSummary, WithoutPlatformsThereIsNoShare) {
  const auto response =
      PlatformSummary(Periods("start_date { year: 2020 } end_date { year: 2021 }")).Response();
  ASSERT_EQ(response.periods_size(), 1);
  EXPECT_FALSE(response.periods(0).platforms().has_b2b_share());
}

}  // namespace
}  // namespace caravan::zones
