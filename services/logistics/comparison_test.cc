#include "services/logistics/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ComparisonTest, NormalQuantiles) {
  EXPECT_NEAR(NormalQuantile(0.05), 1.959964, 1e-6);
  EXPECT_NEAR(NormalQuantile(0.01), 2.575829, 1e-6);
  EXPECT_NEAR(NormalQuantile(1e-6), 4.891638, 1e-6);
}

// Newcombe (1998) gives these for 81 of 263, 15 of 148, 0 of 20 and 1 of 29.
TEST(ComparisonTest, WilsonsInterval) {
  const auto near = [](const Ratio& ratio, double low, double high) {
    const Interval interval = WilsonInterval(ratio, 1.959964);
    EXPECT_NEAR(interval.low, low, 0.00005);
    EXPECT_NEAR(interval.high, high, 0.00005);
  };
  near({81, 263}, 0.2553, 0.3662);
  near({15, 148}, 0.0624, 0.1605);
  near({0, 20}, 0, 0.1611);
  near({1, 29}, 0.0061, 0.1718);
  near({20, 20}, 0.8389, 1);
  near({0, 0}, 0, 1);
}

// Newcombe (1998), method 10: 56/70 - 48/80, 9/10 - 3/10, 10/10 - 0/10.
TEST(ComparisonTest, NewcombesInterval) {
  const auto near = [](const Ratio& a, const Ratio& b, double low, double high) {
    const Interval interval = DifferenceInterval(a, b, 1.959964);
    EXPECT_NEAR(interval.low, low, 0.00005);
    EXPECT_NEAR(interval.high, high, 0.00005);
  };
  near({56, 70}, {48, 80}, 0.0524, 0.3339);
  near({9, 10}, {3, 10}, 0.1705, 0.8090);
  near({10, 10}, {0, 10}, 0.6075, 1.0);
  near({1, 1}, {0, 0}, -1, 1);
}

TEST(ComparisonTest, TellsApartWhatTheDataCan) {
  const auto comparison = CompareCouriers({{"slow", {8000, 10000}},
                                           {"fast", {9700, 10000}},
                                           {"new", {19, 20}},
                                           {"none", {0, 0}},
                                           {"quick", {9690, 10000}}},
                                          /*greater_is_better=*/true);
  ASSERT_TRUE(comparison.ok());
  std::vector<std::string> order;
  for (const auto& row : comparison->rows) order.push_back(row.courier);
  EXPECT_THAT(order, ElementsAre("fast", "quick", "new", "slow", "none"));
  EXPECT_THAT(comparison->rows[0].alike, ElementsAre(1, 2, 4));
  EXPECT_THAT(comparison->rows[1].alike, ElementsAre(0, 2, 4));
  // Of 20 parcels, 95 % says little: not even that it is better than the slow one.
  EXPECT_THAT(comparison->rows[2].alike, ElementsAre(0, 1, 3, 4));
  EXPECT_THAT(comparison->rows[3].alike, ElementsAre(2, 4));
  EXPECT_THAT(comparison->rows[4].alike, ElementsAre(0, 1, 2, 3));
  EXPECT_FALSE(comparison->cannot_tell_apart);
}

TEST(ComparisonTest, SaysWhereTheDataCannot) {
  const auto comparison =
      CompareCouriers({{"b", {95, 100}}, {"a", {93, 100}}}, /*greater_is_better=*/true);
  EXPECT_TRUE(comparison->cannot_tell_apart);
  EXPECT_THAT(comparison->rows[0].alike, ElementsAre(1));
  EXPECT_TRUE(CompareCouriers({}, true)->cannot_tell_apart);
  EXPECT_THAT(CompareCouriers({{"a", {1, 1}}}, true)->rows[0].alike, IsEmpty());
}

TEST(ComparisonTest, OrderOfEqualsAndOfLosses) {
  const auto order = [](const std::vector<Contestant>& contestants, bool greater_is_better) {
    std::string names;
    const auto comparison = CompareCouriers(contestants, greater_is_better);
    for (const auto& row : comparison->rows) absl::StrAppend(&names, row.courier);
    return names;
  };
  const std::vector<Contestant> equals = {{"b", {1, 2}}, {"a", {1, 2}}, {"c", {2, 4}}};
  EXPECT_EQ(order(equals, true), "cab");
  EXPECT_EQ(order({{"a", {2, 100}}, {"b", {1, 100}}, {"c", {0, 0}}}, false), "bac");
}

// Among ten couriers that are the same, hardly ever are any told apart; one by one,
// at 95 % each, among 45 pairs it would be most times.
TEST(ComparisonPropertyTest, EqualsAreHardlyEverToldApart) {
  std::mt19937_64 random(5);
  std::binomial_distribution<int64_t> on_time(500, 0.93);
  int told_apart = 0;
  for (int round = 0; round < 400; ++round) {
    std::vector<Contestant> contestants;
    for (int i = 0; i < 10; ++i) contestants.push_back({absl::StrCat(i), {on_time(random), 500}});
    told_apart += !CompareCouriers(contestants, true)->cannot_tell_apart;
  }
  EXPECT_LE(told_apart, 30);
}

TEST(ComparisonTest, RefusesWhatIsNoShare) {
  EXPECT_EQ(api::ReasonOf(CompareCouriers({{"a", {2, 1}}}, true).status()), "INVALID_RATIO");
  EXPECT_EQ(api::ReasonOf(CompareCouriers({{"a", {-1, 1}}}, true).status()), "INVALID_RATIO");
  EXPECT_EQ(
      api::ReasonOf(CompareCouriers(std::vector<Contestant>(kMaxContestants + 1), true).status()),
      "TOO_MANY_COURIERS");
}

}  // namespace
}  // namespace caravan::logistics
