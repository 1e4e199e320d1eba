#include "services/zones/complaint_summary.h"

#include <string>

#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::Parse;
using v1::Complaint;

constexpr int64_t kToday = 20261123;

ComplaintSummary Of2025(const std::string& rest = "") {
  auto summary =
      ComplaintSummary::For(Parse<v1::SummarizeComplaintsRequest>(
                                "start_date { year: 2025 } end_date { year: 2026 } " + rest),
                            kToday);
  EXPECT_THAT(summary, IsOk());
  return *summary;
}

std::string Day(int day) {
  return "{ year: " + std::to_string(day / 10000) + " month: " + std::to_string(day / 100 % 100) +
         " day: " + std::to_string(day % 100) + " } ";
}

// A complaint about a firm that is closed `closed`, its finding made on `decided`
// (0: never).
Complaint Make(const std::string& firm, int filed, int decided, int closed,
               const std::string& rest = "") {
  std::string text = "enterprise: 'enterprises/" + firm + "' filing_date " + Day(filed);
  if (decided != 0) text += "finding { measure: WARNING decision_date " + Day(decided) + "} ";
  if (closed != 0) text += "close_date " + Day(closed);
  return Parse<Complaint>(text + rest);
}

TEST(ComplaintSummary, NothingToDivideByIsAbsent) {
  ComplaintSummary summary = Of2025();
  summary.Add(Make("a", 20250301, 0, 0));
  const auto total = summary.Response().total();
  EXPECT_EQ(total.filed_count(), 1);
  EXPECT_EQ(total.closed_count(), 0);
  EXPECT_FALSE(total.has_median_days_to_close());
  EXPECT_FALSE(total.has_mean_days_to_close());
  EXPECT_EQ(total.violator_count(), 0);
  EXPECT_FALSE(total.has_repeat_violation_rate());
}

TEST(ComplaintSummary, CountsDaysToClose) {
  ComplaintSummary summary = Of2025();
  summary.Add(Make("a", 20241231, 20250101, 20250101));  // 1
  summary.Add(Make("a", 20240228, 20240301, 20250101));  // 308, over the leap day
  summary.Add(Make("a", 20250101, 20250101, 20250101));  // 0
  summary.Add(Make("a", 20250101, 20250102, 20260101));  // closed after the period
  auto total = summary.Response().total();
  EXPECT_EQ(total.filed_count(), 2);
  EXPECT_EQ(total.closed_count(), 3);
  EXPECT_DOUBLE_EQ(total.median_days_to_close(), 1);
  EXPECT_DOUBLE_EQ(total.mean_days_to_close(), 309.0 / 3);
  summary.Add(Make("a", 20250101, 20250101, 20250111));  // 10
  total = summary.Response().total();
  EXPECT_DOUBLE_EQ(total.median_days_to_close(), 5.5);
  EXPECT_DOUBLE_EQ(total.mean_days_to_close(), 319.0 / 4);
}

TEST(ComplaintSummary, ARepeatViolatorWasFoundAtFaultBefore) {
  ComplaintSummary summary = Of2025();
  const auto rate = [&] { return summary.Response().total().repeat_violation_rate(); };
  summary.Add(Make("a", 20250101, 20250601, 0));
  EXPECT_DOUBLE_EQ(rate(), 0);
  summary.Add(Make("a", 20220101, 20220531, 0));  // a day more than three years
  EXPECT_DOUBLE_EQ(rate(), 0);
  summary.Add(Make("a", 20260101, 20260201, 0));  // after the period
  EXPECT_DOUBLE_EQ(rate(), 0);
  summary.Add(Make("b", 20220101, 20220601, 0));  // another firm
  EXPECT_EQ(summary.Response().total().violator_count(), 1);
  summary.Add(Make("b", 20250101, 20250601, 0));  // which does it again
  EXPECT_EQ(summary.Response().total().violator_count(), 2);
  EXPECT_EQ(summary.Response().total().repeat_violator_count(), 1);
  EXPECT_DOUBLE_EQ(rate(), 0.5);
  summary.Add(Make("a", 20250101, 20250701, 0));  // twice in the period
  EXPECT_DOUBLE_EQ(rate(), 1);
}

TEST(ComplaintSummary, FindingsCountAsTheyStandToday) {
  ComplaintSummary summary = Of2025();
  const std::string appeal = "appeal { appeal_date { year: 2025 month: 8 } } ";
  summary.Add(Make("a", 20250101, 20250601, 0, appeal));  // still running
  summary.Add(Make("b", 20250101, 20250601, 0,
                   appeal + "appeal_decision { outcome: FINDING_QUASHED decision_date { year: 2026 "
                            "month: 11 } }"));
  EXPECT_EQ(summary.Response().total().violator_count(), 0);
  summary.Add(Make("c", 20250101, 20250601, 0,
                   appeal + "appeal_decision { outcome: FINDING_UPHELD decision_date { year: 2026 "
                            "month: 11 } }"));
  EXPECT_EQ(summary.Response().total().violator_count(), 1);
}

TEST(ComplaintSummary, GroupsByAssociationOrZone) {
  const std::string in_x = "association: 'associations/x' pilot_zone: 'pilotZones/z' ";
  const std::string in_z = "pilot_zone: 'pilotZones/z' ";
  const auto respond = [&](const std::string& group_by) {
    ComplaintSummary summary = Of2025(group_by);
    summary.Add(Make("a", 20250101, 0, 0, in_x));
    summary.Add(Make("a", 20250101, 0, 0, in_z));
    summary.Add(Make("a", 20250101, 0, 0));
    return summary.Response();
  };
  EXPECT_EQ(respond("").groups_size(), 0);
  const auto by_zone = respond("group_by: PILOT_ZONE");
  EXPECT_EQ(by_zone.total().filed_count(), 3);
  ASSERT_EQ(by_zone.groups_size(), 1);
  EXPECT_EQ(by_zone.groups(0).scope(), "pilotZones/z");
  EXPECT_EQ(by_zone.groups(0).filed_count(), 2);
  const auto by_association = respond("group_by: ASSOCIATION");
  ASSERT_EQ(by_association.groups_size(), 1);
  EXPECT_EQ(by_association.groups(0).scope(), "associations/x");
  EXPECT_EQ(by_association.groups(0).filed_count(), 1);
}

TEST(ComplaintSummary, ThePeriodHasDays) {
  EXPECT_THAT(ComplaintSummary::For(Parse<v1::SummarizeComplaintsRequest>(
                                        "start_date { year: 2025 } end_date { year: 2025 }"),
                                    kToday),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"end_date"})));
}

}  // namespace
}  // namespace caravan::zones
