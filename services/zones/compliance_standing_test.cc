#include "services/zones/compliance_standing.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using testing::Parse;
using v1::Complaint;
using v1::ComplianceStanding;
using v1::Enterprise;

// A finding whose measure is in force in the years from `begin` to `end` (0: no
// end).
Complaint Found(const std::string& id, const std::string& measure, int begin, int end,
                const std::string& rest = "") {
  std::string text = "name: 'complaints/" + id +
                     "' enterprise: 'enterprises/a' finding { measure: " + measure +
                     " decision_date { year: " + std::to_string(begin) + " } ";
  if (end != 0) text += "end_date { year: " + std::to_string(end) + " } ";
  return Parse<Complaint>(text + "} " + rest);
}

Enterprise Firm(const std::string& rest = "state: ACTIVE") {
  return Parse<Enterprise>("name: 'enterprises/a' " + rest);
}

ComplianceStanding::Level LevelOn(const std::vector<Complaint>& complaints, int64_t day) {
  return StandingOn(Firm(), complaints, day).level();
}

TEST(StandingOn, IsGoodWithoutFindings) {
  const ComplianceStanding standing = StandingOn(Firm(), {}, 20240615);
  EXPECT_EQ(standing.enterprise(), "enterprises/a");
  EXPECT_EQ(standing.effective_date().month(), 6);
  EXPECT_EQ(standing.level(), ComplianceStanding::GOOD);
  EXPECT_EQ(standing.bar(), ComplianceStanding::BAR_UNSPECIFIED);
  EXPECT_EQ(standing.findings_size(), 0);
}

TEST(StandingOn, FollowsTheMeasureWhileItIsInForce) {
  const auto levels = [](const std::string& measure) {
    const std::vector<Complaint> complaints = {Found("c", measure, 2024, 2025)};
    EXPECT_EQ(LevelOn(complaints, 20231231), ComplianceStanding::GOOD);
    EXPECT_EQ(LevelOn(complaints, 20250101), ComplianceStanding::GOOD);
    EXPECT_EQ(LevelOn(complaints, 20241231), LevelOn(complaints, 20240101));
    return LevelOn(complaints, 20240101);
  };
  EXPECT_EQ(levels("GUIDANCE"), ComplianceStanding::GOOD);
  EXPECT_EQ(levels("RECTIFICATION"), ComplianceStanding::WARNED);
  EXPECT_EQ(levels("WARNING"), ComplianceStanding::WARNED);
  EXPECT_EQ(levels("SUSPENSION"), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(levels("DISMISSAL"), ComplianceStanding::GOOD);
  EXPECT_EQ(LevelOn({Found("c", "WARNING", 2024, 0)}, 20990101), ComplianceStanding::WARNED);
}

TEST(StandingOn, TakesTheStrictestAndNamesAll) {
  const std::vector<Complaint> complaints = {
      Found("a", "WARNING", 2024, 0), Found("b", "GUIDANCE", 2023, 0),
      Found("c", "SUSPENSION", 2024, 2025), Found("d", "WARNING", 2022, 2023)};
  const ComplianceStanding standing = StandingOn(Firm(), complaints, 20240601);
  EXPECT_EQ(standing.level(), ComplianceStanding::RESTRICTED);
  ASSERT_EQ(standing.findings_size(), 3);  // one has run out
  EXPECT_EQ(standing.findings(0).complaint(), "complaints/b");
  EXPECT_EQ(standing.findings(0).level(), ComplianceStanding::GOOD);
  EXPECT_EQ(standing.findings(1).complaint(), "complaints/a");
  EXPECT_EQ(standing.findings(1).level(), ComplianceStanding::WARNED);
  EXPECT_FALSE(standing.findings(1).has_end_date());
  EXPECT_EQ(standing.findings(2).measure(), Complaint::SUSPENSION);
  EXPECT_EQ(standing.findings(2).start_date().year(), 2024);
  EXPECT_EQ(standing.findings(2).end_date().year(), 2025);
}

TEST(StandingOn, AnAppealSuspendsTheMeasure) {
  const std::vector<Complaint> complaints = {
      Found("c", "SUSPENSION", 2024, 2030,
            "appeal { appeal_date { year: 2025 } } "
            "appeal_decision { outcome: FINDING_UPHELD decision_date { year: 2026 } }")};
  EXPECT_EQ(LevelOn(complaints, 20241231), ComplianceStanding::RESTRICTED);
  const ComplianceStanding standing = StandingOn(Firm(), complaints, 20250601);
  EXPECT_EQ(standing.level(), ComplianceStanding::GOOD);
  ASSERT_EQ(standing.findings_size(), 1);
  EXPECT_TRUE(standing.findings(0).under_appeal());
  EXPECT_EQ(standing.findings(0).level(), ComplianceStanding::GOOD);
  EXPECT_EQ(LevelOn(complaints, 20260101), ComplianceStanding::RESTRICTED);
}

TEST(StandingOn, ARepeatedSuspensionBars) {
  const Complaint first = Found("z", "SUSPENSION", 2020, 2021);
  const std::vector<Complaint> soon = {Found("a", "SUSPENSION", 2023, 2024), first};
  const ComplianceStanding standing = StandingOn(Firm(), soon, 20230601);
  EXPECT_EQ(standing.level(), ComplianceStanding::BARRED);
  EXPECT_EQ(standing.bar(), ComplianceStanding::REPEATED_SUSPENSION);
  ASSERT_EQ(standing.findings_size(), 1);
  EXPECT_EQ(standing.findings(0).level(), ComplianceStanding::BARRED);
  EXPECT_EQ(standing.findings(0).repeats(), "complaints/z");
  // While it runs, and no longer.
  EXPECT_EQ(LevelOn(soon, 20240101), ComplianceStanding::GOOD);
  EXPECT_EQ(LevelOn(soon, 20200601), ComplianceStanding::RESTRICTED);
  // Not after more than three years.
  Complaint late = Found("a", "SUSPENSION", 2023, 2024);
  late.mutable_finding()->mutable_decision_date()->set_month(1);
  late.mutable_finding()->mutable_decision_date()->set_day(2);
  EXPECT_EQ(LevelOn({late, first}, 20230601), ComplianceStanding::RESTRICTED);
  // Nor where the earlier one was quashed or is under appeal on the day.
  const std::string appeal = "appeal { appeal_date { year: 2020 } } ";
  const std::string quashed =
      "appeal_decision { outcome: FINDING_QUASHED decision_date { year: 2023 month: 7 } }";
  const std::vector<Complaint> contested = {Found("a", "SUSPENSION", 2023, 2024),
                                            Found("z", "SUSPENSION", 2020, 2021, appeal + quashed)};
  EXPECT_EQ(LevelOn(contested, 20230601), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(LevelOn(contested, 20230801), ComplianceStanding::RESTRICTED);
}

TEST(StandingOn, OfTwoSuspensionsOnOneDayOneRepeatsTheOther) {
  const ComplianceStanding standing = StandingOn(
      Firm(), {Found("a", "SUSPENSION", 2023, 2024), Found("b", "SUSPENSION", 2023, 2024)},
      20230601);
  EXPECT_EQ(standing.level(), ComplianceStanding::BARRED);
  EXPECT_EQ(standing.findings(0).level(), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(standing.findings(1).repeats(), "complaints/a");
}

TEST(StandingOn, ASuspendedOrClosedEnterpriseIsBarred) {
  const Enterprise firm = Firm(
      "state: CLOSED close_date { year: 2025 } "
      "suspensions { start_date { year: 2022 } end_date { year: 2023 } } "
      "suspensions { start_date { year: 2024 } }");
  const auto bar = [&](int64_t day) {
    const ComplianceStanding standing = StandingOn(firm, {}, day);
    EXPECT_EQ(standing.level(), standing.bar() == ComplianceStanding::BAR_UNSPECIFIED
                                    ? ComplianceStanding::GOOD
                                    : ComplianceStanding::BARRED);
    return standing.bar();
  };
  EXPECT_EQ(bar(20211231), ComplianceStanding::BAR_UNSPECIFIED);
  EXPECT_EQ(bar(20220101), ComplianceStanding::ENTERPRISE_SUSPENDED);
  EXPECT_EQ(bar(20230101), ComplianceStanding::BAR_UNSPECIFIED);
  EXPECT_EQ(bar(20241231), ComplianceStanding::ENTERPRISE_SUSPENDED);
  EXPECT_EQ(bar(20250101), ComplianceStanding::ENTERPRISE_CLOSED);
  // Suspended, nobody knows since when.
  EXPECT_EQ(StandingOn(Firm("state: SUSPENDED"), {}, 20000101).bar(),
            ComplianceStanding::ENTERPRISE_SUSPENDED);
  // Suspended today says nothing about the days before.
  EXPECT_EQ(
      StandingOn(Firm("state: SUSPENDED suspensions { start_date { year: 2024 } }"), {}, 20231231)
          .bar(),
      ComplianceStanding::BAR_UNSPECIFIED);
}

}  // namespace
}  // namespace caravan::zones
