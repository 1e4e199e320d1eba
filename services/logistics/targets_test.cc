#include "services/logistics/targets.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

Scorecard Month(int64_t on_time, int64_t due) {
  Scorecard month;
  month.counts[static_cast<size_t>(Measure::kOnTime)] = on_time;
  month.counts[static_cast<size_t>(Measure::kDue)] = due;
  return month;
}

Verdict VerdictOf(const Scorecard& month, const Target& target) {
  EXPECT_TRUE(CheckTarget(target).ok());
  return Assess(month, {target})[0].verdict;
}

TEST(TargetsTest, ARateIsComparedExactly) {
  const RateTarget target{Rate::kOnTime, 950'000};
  EXPECT_EQ(VerdictOf(Month(95, 100), target), Verdict::kMet);
  EXPECT_EQ(VerdictOf(Month(94'999'999, 100'000'000), target), Verdict::kBreached);
  EXPECT_EQ(VerdictOf(Month(0, 0), target), Verdict::kNoData);
  const int64_t many = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(VerdictOf(Month(many, many), target), Verdict::kMet);
}

TEST(TargetsTest, OfLossesLessIsBetter) {
  Scorecard month;
  month.counts[static_cast<size_t>(Measure::kHandedOver)] = 1000;
  month.counts[static_cast<size_t>(Measure::kLost)] = 5;
  EXPECT_EQ(VerdictOf(month, RateTarget{Rate::kLoss, 5'000}), Verdict::kMet);
  EXPECT_EQ(VerdictOf(month, RateTarget{Rate::kLoss, 4'999}), Verdict::kBreached);
}

TEST(TargetsTest, APercentileOfALeg) {
  Scorecard month;
  const LegTarget target{Leg::kLastMile, 90, 40};
  EXPECT_EQ(VerdictOf(month, target), Verdict::kNoData);
  month.legs[static_cast<size_t>(Leg::kLastMile)].Add(40, 9);
  month.legs[static_cast<size_t>(Leg::kLastMile)].Add(1000, 1);
  EXPECT_EQ(VerdictOf(month, target), Verdict::kMet);
  EXPECT_EQ(VerdictOf(month, LegTarget{Leg::kLastMile, 90, 39}), Verdict::kBreached);
  EXPECT_EQ(VerdictOf(month, LegTarget{Leg::kLastMile, 91, 900}), Verdict::kBreached);
  const Finding finding = Assess(month, {Target(RateTarget{}), Target(target)})[1];
  EXPECT_EQ(finding.target, 1u);
  EXPECT_EQ(finding.seconds, 40);
  EXPECT_EQ(finding.count, 10);
}

TEST(TargetsTest, AMonthIsBreachedWhereATargetIs) {
  const auto overall = [](std::vector<Verdict> verdicts) {
    std::vector<Finding> findings(verdicts.size());
    for (size_t i = 0; i < verdicts.size(); ++i) findings[i].verdict = verdicts[i];
    return Overall(findings);
  };
  EXPECT_EQ(overall({}), Verdict::kNoData);
  EXPECT_EQ(overall({Verdict::kNoData, Verdict::kMet}), Verdict::kMet);
  EXPECT_EQ(overall({Verdict::kMet, Verdict::kBreached, Verdict::kNoData}), Verdict::kBreached);
}

TEST(TargetsTest, AtRiskAfterBreachesInARow) {
  constexpr Verdict kMet = Verdict::kMet;
  constexpr Verdict kBreached = Verdict::kBreached;
  constexpr Verdict kNoData = Verdict::kNoData;
  const auto at_risk = [](std::vector<Verdict> months) { return IsAtRisk(months, 2); };
  EXPECT_FALSE(at_risk({}));
  EXPECT_FALSE(at_risk({kBreached}));
  EXPECT_TRUE(at_risk({kMet, kBreached, kBreached}));
  EXPECT_TRUE(at_risk({kBreached, kNoData, kBreached, kNoData}));
  EXPECT_FALSE(at_risk({kBreached, kMet, kBreached}));
  EXPECT_FALSE(at_risk({kBreached, kBreached, kMet}));
  EXPECT_FALSE(at_risk({kNoData, kNoData}));
}

PaymentScale Scale() {
  return {Rate::kOnTime, {{950'000, 1'000'000}, {980'000, 1'030'000}}, 950'000};
}

TEST(TargetsTest, TheTierThatIsReachedPays) {
  ASSERT_TRUE(CheckPaymentScale(Scale()).ok());
  EXPECT_EQ(PaymentFactor(Month(98, 100), Scale()), 1'030'000);
  EXPECT_EQ(PaymentFactor(Month(100, 100), Scale()), 1'030'000);
  EXPECT_EQ(PaymentFactor(Month(979, 1000), Scale()), 1'000'000);
  EXPECT_EQ(PaymentFactor(Month(95, 100), Scale()), 1'000'000);
  EXPECT_EQ(PaymentFactor(Month(949, 1000), Scale()), 950'000);
  EXPECT_EQ(PaymentFactor(Month(0, 0), Scale()), std::nullopt);
}

TEST(TargetsTest, RefusesWhatIsOutOfBounds) {
  const auto target = [](const Target& target) {
    EXPECT_EQ(api::ReasonOf(CheckTarget(target)), "INVALID_TARGET");
  };
  target(RateTarget{Rate::kLoss, -1});
  target(RateTarget{Rate::kLoss, kMillion + 1});
  target(LegTarget{Leg::kLastMile, 0, 1});
  target(LegTarget{Leg::kLastMile, 101, 1});
  target(LegTarget{Leg::kLastMile, 50, -1});
  const auto scale = [](auto change) {
    PaymentScale scale = Scale();
    change(scale);
    EXPECT_EQ(api::ReasonOf(CheckPaymentScale(scale)), "INVALID_PAYMENT_SCALE");
  };
  scale([](PaymentScale& scale) { scale.tiers[1].from = scale.tiers[0].from; });
  scale([](PaymentScale& scale) { scale.tiers[1].from = kMillion + 1; });
  scale([](PaymentScale& scale) { scale.tiers[0].from = -1; });
  scale([](PaymentScale& scale) { scale.tiers[0].factor = 10 * kMillion + 1; });
  scale([](PaymentScale& scale) { scale.base = -1; });
  scale([](PaymentScale& scale) { scale.tiers.resize(101); });
}

}  // namespace
}  // namespace caravan::logistics
