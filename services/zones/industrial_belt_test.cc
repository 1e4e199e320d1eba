#include "services/zones/industrial_belt.h"

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
using v1::IndustrialBelt;
using zones::testing::Parse;
using Growth = v1::ComputeExportGrowthResponse;

constexpr int64_t kLastDay = 99991231;

// A belt that is BENCHMARK, with what a test adds.
IndustrialBelt Belt(const std::string& more = "") {
  return Parse<IndustrialBelt>(
      "name: 'industrialBelts/sewing' place: '331000' province: 'CN-ZJ' state: BENCHMARK "
      "nomination_date { year: 2022 month: 3 } designation_date { year: 2024 } " +
      more);
}

std::string Exports(int year, const std::string& value, const std::string& date,
                    const std::string& currency = "CNY") {
  return "export_figures { year: " + std::to_string(year) + " value: '" + value + "' currency: '" +
         currency + "' report_date {" + date + "} } ";
}

std::string Province(int year, const std::string& growth, const std::string& date) {
  return "province_figures { year: " + std::to_string(year) + " growth: '" + growth +
         "' publication_date {" + date + "} } ";
}

const std::string kFigures = Exports(2023, "800", "year: 2024 month: 2") +
                             Exports(2024, "900.5", "year: 2025 month: 2") +
                             Province(2024, "10.25", "year: 2025 month: 1 day: 20");

TEST(CheckIndustrialBelt, AcceptsWhatFits) {
  EXPECT_THAT(CheckIndustrialBelt(Belt(kFigures)), IsOk());
}

TEST(CheckIndustrialBelt, HasOneFigureOfAYearAndDate) {
  EXPECT_THAT(
      CheckIndustrialBelt(Belt(kFigures + Exports(2024, "901", "year: 2025 month: 2") +
                               Province(2024, "9", "year: 2025 month: 1 day: 20"))),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
              Fields({"export_figures[2].report_date", "province_figures[1].publication_date"})));
  EXPECT_THAT(CheckIndustrialBelt(Belt(kFigures + Exports(2024, "901", "year: 2025 month: 3"))),
              IsOk());
}

TEST(CheckIndustrialBelt, ReportsNoYearBeforeItBegins) {
  EXPECT_THAT(CheckIndustrialBelt(Belt(Exports(2024, "1", "year: 2023 month: 12 day: 31"))),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"export_figures[0].report_date"})));
}

TEST(CheckIndustrialBelt, DatesFitTheState) {
  IndustrialBelt belt = Belt();
  belt.clear_designation_date();
  EXPECT_THAT(CheckIndustrialBelt(belt), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                                                 Fields({"designation_date"})));
  belt.set_state(IndustrialBelt::NOMINATED);
  EXPECT_THAT(CheckIndustrialBelt(belt), IsOk());
  belt.mutable_drop_date()->set_year(2023);
  EXPECT_THAT(CheckIndustrialBelt(belt),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"drop_date"})));
  belt.set_state(IndustrialBelt::DROPPED);
  EXPECT_THAT(CheckIndustrialBelt(belt), IsOk());
  belt.mutable_drop_date()->set_year(2022);  // January, before the nomination
  EXPECT_THAT(CheckIndustrialBelt(belt),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"drop_date"})));
}

TEST(CheckBeltZone, LiesInTheProvinceOfAZoneInForce) {
  auto zone = Parse<v1::PilotZone>(
      "name: 'pilotZones/taizhou-zhejiang' province: 'CN-ZJ' approval_date { year: 2020 }");
  EXPECT_THAT(CheckBeltZone(Belt(), zone, 20200101), IsOk());
  EXPECT_THAT(CheckBeltZone(Belt(), zone, 20191231),
              Fails(StatusCode::kFailedPrecondition, "ZONE_NOT_IN_FORCE"));
  zone.set_province("CN-JS");
  EXPECT_THAT(CheckBeltZone(Belt(), zone, 20200101),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"place"})));
}

TEST(ComputeExportGrowth, IsTheGrowthLessTheProvinces) {
  const Growth growth = ComputeExportGrowth(Belt(kFigures), 2024, kLastDay);
  EXPECT_EQ(growth.growth(), "12.56");  // 12.5625
  EXPECT_EQ(growth.excess(), "2.31");   // 2.3125
  EXPECT_EQ(growth.figure().value(), "900.5");
  EXPECT_EQ(growth.base().value(), "800");
  EXPECT_EQ(growth.province_figure().growth(), "10.25");
  EXPECT_TRUE(growth.absences().empty());
}

TEST(ComputeExportGrowth, RoundsTheExcessOnce) {
  // 0.6667 less 0.005 is 0.6617; the rounded growth would give 0.665, and 0.67.
  const Growth growth = ComputeExportGrowth(
      Belt(Exports(2023, "300", "year: 2024") + Exports(2024, "302", "year: 2025") +
           Province(2024, "0.005", "year: 2025")),
      2024, kLastDay);
  EXPECT_EQ(growth.growth(), "0.67");
  EXPECT_EQ(growth.excess(), "0.66");
}

TEST(ComputeExportGrowth, CanFall) {
  const Growth growth = ComputeExportGrowth(
      Belt(Exports(2023, "400", "year: 2024") + Exports(2024, "0", "year: 2025") +
           Province(2024, "-3.5", "year: 2025")),
      2024, kLastDay);
  EXPECT_EQ(growth.growth(), "-100.00");
  EXPECT_EQ(growth.excess(), "-96.50");
}

TEST(ComputeExportGrowth, HoldsTheLargestAndSmallestFigures) {
  const Growth growth = ComputeExportGrowth(Belt(Exports(2023, "0.0001", "year: 2024") +
                                                 Exports(2024, "999999999999.9999", "year: 2025") +
                                                 Province(2024, "-999999.9999", "year: 2025")),
                                            2024, kLastDay);
  EXPECT_EQ(growth.growth(), "999999999999999800.00");
  EXPECT_EQ(growth.excess(), "1000000000000999800.00");
}

TEST(ComputeExportGrowth, TakesTheBaseThatWasKnownWithTheValue) {
  const IndustrialBelt belt = Belt(kFigures + Exports(2023, "850", "year: 2025 month: 1") +
                                   Exports(2023, "1", "year: 2025 month: 3"));
  EXPECT_EQ(ComputeExportGrowth(belt, 2024, kLastDay).base().value(), "850");
}

TEST(ComputeExportGrowth, AnswersFromWhatWasKnownOnTheDay) {
  const IndustrialBelt belt = Belt(kFigures + Exports(2024, "960", "year: 2025 month: 6") +
                                   Province(2024, "11", "year: 2025 month: 7"));
  EXPECT_EQ(ComputeExportGrowth(belt, 2024, 20250531).growth(), "12.56");
  EXPECT_EQ(ComputeExportGrowth(belt, 2024, 20250531).excess(), "2.31");
  EXPECT_EQ(ComputeExportGrowth(belt, 2024, 20250601).growth(), "20.00");
  EXPECT_EQ(ComputeExportGrowth(belt, 2024, 20250601).excess(), "9.75");
  EXPECT_EQ(ComputeExportGrowth(belt, 2024, 20250701).excess(), "9.00");
}

// What is absent, and why: `growth:NO_BASE`.
std::vector<std::string> Absences(const Growth& growth) {
  EXPECT_EQ(growth.has_growth(),
            growth.absences().empty() || growth.absences(0).field() != "growth");
  EXPECT_EQ(growth.has_excess(), growth.absences().empty());
  std::vector<std::string> absences;
  for (const Growth::Absence& absence : growth.absences()) {
    EXPECT_FALSE(absence.explanation().empty());
    absences.push_back(absence.field() + ":" + Growth::Reason_Name(absence.reason()));
  }
  return absences;
}

TEST(ComputeExportGrowth, IsAbsentWithAReasonWhereItCannotBeSaid) {
  using ::testing::ElementsAre;
  const std::string province = Province(2024, "10", "year: 2025");
  const auto absences = [&](const std::string& figures) {
    return Absences(ComputeExportGrowth(Belt(figures), 2024, kLastDay));
  };
  EXPECT_THAT(absences(province), ElementsAre("growth:NO_VALUE", "excess:NO_VALUE"));
  EXPECT_THAT(absences(Exports(2023, "5", "year: 2024") + province),
              ElementsAre("growth:NO_VALUE", "excess:NO_VALUE"));
  EXPECT_THAT(absences(Exports(2024, "5", "year: 2025") + province),
              ElementsAre("growth:NO_BASE", "excess:NO_BASE"));
  EXPECT_THAT(
      absences(Exports(2024, "5", "year: 2025") + Exports(2023, "4", "year: 2026") + province),
      ElementsAre("growth:NO_BASE", "excess:NO_BASE"));
  EXPECT_THAT(
      absences(Exports(2024, "5", "year: 2025") + Exports(2023, "0.00", "year: 2024") + province),
      ElementsAre("growth:BASE_IS_ZERO", "excess:BASE_IS_ZERO"));
  EXPECT_THAT(absences(Exports(2024, "5", "year: 2025") + Exports(2023, "4", "year: 2024", "USD") +
                       province),
              ElementsAre("growth:CURRENCIES_DIFFER", "excess:CURRENCIES_DIFFER"));
  EXPECT_THAT(absences(Exports(2024, "5", "year: 2025") + Exports(2023, "4", "year: 2024")),
              ElementsAre("excess:NO_PROVINCE_FIGURE"));
  EXPECT_THAT(absences(""), ElementsAre("growth:NO_VALUE", "excess:NO_PROVINCE_FIGURE"));
  EXPECT_THAT(absences(kFigures), ElementsAre());
}

}  // namespace
}  // namespace caravan::zones
