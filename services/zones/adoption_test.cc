#include "services/zones/adoption.h"

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
using v1::Adoption;
using zones::testing::Parse;
using Request = v1::SummarizeAdoptionsRequest;

constexpr int64_t kToday = 20261123;

Adoption Of(const std::string& practice, const std::string& zone, const std::string& date,
            const std::string& more = "") {
  return Parse<Adoption>("name: 'practices/" + practice + "/adoptions/" + zone +
                         "' pilot_zone: 'pilotZones/" + zone + "' adoption_date {" + date + "} " +
                         more);
}

TEST(CheckAdoption, HasTheIdOfItsZone) {
  Adoption adoption = Of("p", "ningbo", "year: 2024");
  EXPECT_THAT(CheckAdoption(adoption), IsOk());
  adoption.set_pilot_zone("pilotZones/hangzhou");
  EXPECT_THAT(CheckAdoption(adoption),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"pilot_zone"})));
}

TEST(CheckAdoption, EndsAfterItBegins) {
  EXPECT_THAT(CheckAdoption(Of("p", "ningbo", "year: 2024 month: 2", "end_date { year: 2024 }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"end_date"})));
  EXPECT_THAT(CheckAdoption(Of("p", "ningbo", "year: 2024 month: 2", "end_date { year: 2025 }")),
              IsOk());
}

TEST(CheckAdoptable, OnlyWhileThePracticeIsPublished) {
  auto practice = Parse<v1::Practice>("name: 'practices/p' state: SELECTED");
  const auto refused = Fails(StatusCode::kFailedPrecondition, "PRACTICE_NOT_PUBLISHED");
  EXPECT_THAT(CheckAdoptable(Of("p", "ningbo", "year: 2024"), practice), refused);
  practice = Parse<v1::Practice>(
      "name: 'practices/p' state: RETIRED publication_date { year: 2023 month: 6 } "
      "retirement_date { year: 2025 }");
  EXPECT_THAT(CheckAdoptable(Of("p", "ningbo", "year: 2023 month: 5 day: 31"), practice), refused);
  EXPECT_THAT(CheckAdoptable(Of("p", "ningbo", "year: 2023 month: 6"), practice), IsOk());
  EXPECT_THAT(CheckAdoptable(Of("p", "ningbo", "year: 2024 month: 12 day: 31"), practice), IsOk());
  EXPECT_THAT(CheckAdoptable(Of("p", "ningbo", "year: 2025"), practice), refused);
}

std::vector<int64_t> Periods(const std::string& request) {
  auto periods = AdoptionPeriods(Parse<Request>(request), kToday);
  EXPECT_THAT(periods, IsOk());
  return periods.ok() ? *periods : std::vector<int64_t>();
}

TEST(AdoptionPeriods, BeginWithTheCalendars) {
  EXPECT_THAT(Periods("start_date { year: 2025 month: 12 day: 31 } end_date { year: 2026 month: 2 }"
                      " period: MONTH"),
              ElementsAre(20251201, 20260101, 20260201, 20260301));
  EXPECT_THAT(Periods("start_date { year: 2025 month: 11 } end_date { year: 2026 month: 4 } "
                      "period: QUARTER"),
              ElementsAre(20251001, 20260101, 20260401, 20260701));
  EXPECT_THAT(Periods("start_date { year: 2026 month: 6 day: 30 } period: HALF_YEAR"),
              ElementsAre(20260101, 20260701, 20270101));
  EXPECT_THAT(Periods("start_date { year: 2026 month: 5 }"), ElementsAre(20260101, 20270101));
}

TEST(AdoptionPeriods, AreAHundredAtTheMost) {
  const auto refused =
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"end_date"}));
  EXPECT_EQ(Periods("start_date { year: 1927 }").size(), 101u);
  EXPECT_THAT(AdoptionPeriods(Parse<Request>("start_date { year: 1926 }"), kToday), refused);
  EXPECT_THAT(AdoptionPeriods(Parse<Request>("start_date { year: 2027 }"), kToday), refused);
  EXPECT_THAT(AdoptionPeriods(Parse<Request>("start_date { year: 1 } end_date { year: 9999 } "
                                             "period: MONTH"),
                              kToday),
              refused);
}

const std::vector<int64_t> kYears = {20240101, 20250101, 20260101};

std::vector<Adoption> Some() {
  return {
      Of("a-b", "ningbo", "year: 2025"),
      Of("a", "hangzhou", "year: 2023 month: 12 day: 31"),
      Of("a", "ningbo", "year: 2024 month: 1 day: 1", "end_date { year: 2025 month: 6 }"),
      Of("a", "yiwu", "year: 2025 month: 12 day: 31"),
      Of("a", "zhengzhou", "year: 2026"),
      Of("c", "ningbo", "year: 2024", "end_date { year: 2024 month: 12 day: 31 }"),
      Of("d", "ningbo", "year: 2024", "end_date { year: 2025 }"),
      Of("later", "ningbo", "year: 2026"),
  };
}

// A row as `name earlier | adopted/cumulative/active ...`.
std::vector<std::string> Rows(AdoptionCounter& counter) {
  for (const Adoption& adoption : Some()) counter.Add(adoption);
  std::vector<std::string> rows;
  for (const v1::AdoptionSummary& summary : counter.Summaries()) {
    std::string row = summary.practice() + summary.pilot_zone() + " " +
                      std::to_string(summary.earlier_count()) + " |";
    for (const v1::AdoptionPeriod& period : summary.periods()) {
      row += " " + std::to_string(period.start_date().year()) + ":" +
             std::to_string(period.adoption_count()) + "/" +
             std::to_string(period.cumulative_count()) + "/" +
             std::to_string(period.active_count());
    }
    rows.push_back(row);
  }
  return rows;
}

TEST(AdoptionCounter, CountsZonesByPractice) {
  AdoptionCounter counter(Request::PRACTICE, kYears, "", 10);
  EXPECT_THAT(Rows(counter), ElementsAre("practices/a-b 0 | 2024:0/0/0 2025:1/1/1",
                                         "practices/a 1 | 2024:1/2/2 2025:1/3/2",
                                         "practices/c 0 | 2024:1/1/0 2025:0/1/0",
                                         "practices/d 0 | 2024:1/1/1 2025:0/1/0"));
  EXPECT_FALSE(counter.more());
}

TEST(AdoptionCounter, CountsPracticesByZone) {
  AdoptionCounter counter(Request::PILOT_ZONE, kYears, "", 10);
  EXPECT_THAT(Rows(counter), ElementsAre("pilotZones/hangzhou 1 | 2024:0/1/1 2025:0/1/1",
                                         "pilotZones/ningbo 0 | 2024:3/3/2 2025:1/4/1",
                                         "pilotZones/yiwu 0 | 2024:0/0/0 2025:1/1/1"));
}

TEST(AdoptionCounter, ComesInPages) {
  for (const auto grouping : {Request::PRACTICE, Request::PILOT_ZONE}) {
    AdoptionCounter all(grouping, kYears, "", 10);
    const std::vector<std::string> expected = Rows(all);
    std::vector<std::string> rows;
    std::string after;
    bool more = true;
    while (more) {
      AdoptionCounter page(grouping, kYears, after, 1);
      const std::vector<std::string> row = Rows(page);
      ASSERT_EQ(row.size(), 1u);
      rows.push_back(row[0]);
      ASSERT_LT(after, page.last());
      after = page.last();
      more = page.more();
      EXPECT_EQ(page.full(), more && grouping == Request::PRACTICE);
    }
    EXPECT_EQ(rows, expected);
  }
}

TEST(AdoptionCounter, OfNothingIsEmpty) {
  AdoptionCounter counter(Request::PRACTICE, kYears, "practices/later/", 10);
  EXPECT_THAT(Rows(counter), ElementsAre());
  EXPECT_FALSE(counter.more());
}

}  // namespace
}  // namespace caravan::zones
