#include "services/fairs/quantities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::fairs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Method = QuantityMethod;

Candidate Firm(int64_t score, int64_t minimum, int64_t maximum, std::string key = "") {
  return {score, minimum, maximum, std::move(key)};
}

Quantities Divide(const QuantityRule& rule, int64_t booths,
                  const std::vector<Candidate>& candidates) {
  const auto quantities = DivideBooths(rule, booths, candidates);
  EXPECT_TRUE(quantities.ok()) << quantities.status();
  return quantities.ok() ? *quantities : Quantities();
}

TEST(QuantitiesTest, RankedGivesByRankWhatIsLeft) {
  const auto quantities =
      Divide({Method::kRanked}, 9, {Firm(50, 1, 4), Firm(90, 2, 6), Firm(40, 1, 1)});
  EXPECT_THAT(quantities.booths, ElementsAre(3, 6, 0));
  EXPECT_THAT(quantities.rank, ElementsAre(2, 1, 3));
  EXPECT_EQ(quantities.left, 0);
}

TEST(QuantitiesTest, RankedPassesByWhoNeedsMoreThanIsLeft) {
  const auto quantities =
      Divide({Method::kRanked}, 5, {Firm(90, 1, 3), Firm(80, 3, 4), Firm(70, 1, 1)});
  EXPECT_THAT(quantities.booths, ElementsAre(3, 0, 1));
  EXPECT_EQ(quantities.left, 1);
  EXPECT_THAT(quantities.dropped, IsEmpty());
}

TEST(QuantitiesTest, EqualScoresAreRankedByTheirKeys) {
  const auto quantities = Divide({Method::kRanked}, 1, {Firm(90, 1, 1, "b"), Firm(90, 1, 1, "a")});
  EXPECT_THAT(quantities.booths, ElementsAre(0, 1));
  EXPECT_THAT(quantities.rank, ElementsAre(2, 1));
}

// B = 10, n = 3, S = 30 + 50 + 100: the step is (180 - 60) / 7, so 80 points above
// the base are 4.67 steps, 30 are 1.75 and 10 are 0.58.
TEST(QuantitiesTest, ScoreStepGivesABoothForEveryStepAboveTheBase) {
  const auto quantities = Divide({Method::kScoreStep, 20}, 10,
                                 {Firm(30, 1, 9), Firm(50, 1, 9), Firm(100, 1, 9), Firm(19, 1, 9)});
  EXPECT_EQ(quantities.step_points, 120);
  EXPECT_EQ(quantities.step_booths, 7);
  // Whole steps: 0, 1 and 4; the two left-overs go to .75 and .67.
  EXPECT_THAT(quantities.booths, ElementsAre(1, 3, 6, 0));
}

TEST(QuantitiesTest, ScoreStepGivesNothingFurtherWhereThereAreTooFewBooths) {
  const std::vector<Candidate> firms = {Firm(30, 1, 9), Firm(50, 1, 9), Firm(100, 1, 9)};
  EXPECT_THAT(Divide({Method::kScoreStep, 20}, 3, firms).booths, ElementsAre(1, 1, 1));
  const auto quantities = Divide({Method::kScoreStep, 20}, 2, firms);
  EXPECT_THAT(quantities.booths, ElementsAre(0, 1, 1));
  EXPECT_EQ(quantities.step_booths, 0);
  EXPECT_THAT(quantities.dropped, ElementsAre(0));
}

TEST(QuantitiesTest, ScoreStepGoesByRankWhereAllHaveTheBase) {
  const auto quantities = Divide({Method::kScoreStep, 20}, 6,
                                 {Firm(20, 1, 9, "b"), Firm(20, 1, 2, "a"), Firm(20, 1, 9, "c")});
  EXPECT_THAT(quantities.booths, ElementsAre(2, 2, 2));
  EXPECT_THAT(
      Divide({Method::kScoreStep, 20}, 4, {Firm(20, 1, 9, "b"), Firm(20, 1, 9, "a")}).booths,
      ElementsAre(2, 2));
  EXPECT_THAT(
      Divide({Method::kScoreStep, 20}, 3, {Firm(20, 1, 9, "b"), Firm(20, 1, 9, "a")}).booths,
      ElementsAre(1, 2));
}

TEST(QuantitiesTest, WhatMaximaLeaveGoesToTheOthersByRank) {
  const auto quantities =
      Divide({Method::kScoreStep, 0}, 12, {Firm(100, 1, 2), Firm(10, 1, 9), Firm(5, 1, 2)});
  EXPECT_THAT(quantities.booths, ElementsAre(2, 8, 2));
  EXPECT_EQ(Divide({Method::kScoreStep, 0}, 12, {Firm(100, 1, 2), Firm(5, 1, 2)}).left, 8);
}

TEST(QuantitiesTest, AverageMethodsApportionOverScores) {
  const std::vector<Candidate> firms = {Firm(100, 1, 9, "a"), Firm(80, 1, 9, "b"),
                                        Firm(30, 1, 9, "c"), Firm(20, 1, 9, "d")};
  const auto averages = Divide({Method::kHighestAverages}, 8, firms);
  EXPECT_THAT(averages.booths, ElementsAre(4, 3, 1, 0));
  EXPECT_THAT(averages.dropped, ElementsAre(3));
  EXPECT_THAT(Divide({Method::kLargestRemainder}, 23, firms).booths, ElementsAre(9, 9, 3, 2));
}

// Whoever is under its minimum goes, the lowest first, and the rest is computed
// again: it may do for the next one.
TEST(QuantitiesTest, DropsTheLowestUnderItsMinimumAndComputesAgain) {
  const auto quantities = Divide({Method::kHighestAverages}, 6,
                                 {Firm(60, 4, 6, "a"), Firm(30, 2, 6, "b"), Firm(29, 2, 6, "c")});
  EXPECT_THAT(quantities.dropped, ElementsAre(2));
  EXPECT_THAT(quantities.booths, ElementsAre(4, 2, 0));
}

TEST(QuantitiesTest, RefusesNumbersOutOfBounds) {
  const auto refused = [](const QuantityRule& rule, int64_t booths, const Candidate& candidate) {
    const auto quantities = DivideBooths(rule, booths, {candidate});
    EXPECT_EQ(quantities.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(api::ReasonOf(quantities.status()), "QUANTITY_OUT_OF_BOUNDS");
  };
  refused({}, -1, {});
  refused({Method::kScoreStep, -1}, 1, {});
  refused({}, 1, Firm(-1, 1, 1));
  refused({}, 1, Firm(kMaxScore + 1, 1, 1));
  refused({}, 1, Firm(1, 0, 1));
  refused({}, 1, Firm(1, 2, 1));
}

// The rules written out once more, as plainly as can be: fractions are compared
// by multiplying out, and one booth is given at a time.
class Plain {
 public:
  Plain(const QuantityRule& rule, int64_t booths, const std::vector<Candidate>& firms)
      : rule_(rule), booths_(booths), firms_(firms) {}

  std::vector<int64_t> Solve() {
    std::vector<size_t> in;
    for (size_t i = 0; i < firms_.size(); ++i) {
      if (rule_.method != Method::kScoreStep || firms_[i].score >= rule_.base) in.push_back(i);
    }
    while (true) {
      std::vector<int64_t> got = Once(in);
      std::optional<size_t> lowest;
      for (const size_t i : in) {
        if (rule_.method == Method::kRanked || got[i] >= firms_[i].minimum) continue;
        if (!lowest || Better(*lowest, i)) lowest = i;
      }
      if (!lowest) return got;
      in.erase(std::find(in.begin(), in.end(), *lowest));
    }
  }

 private:
  bool Better(size_t a, size_t b) const {
    return firms_[a].score > firms_[b].score ||
           (firms_[a].score == firms_[b].score && firms_[a].tie_key < firms_[b].tie_key);
  }

  // The best of those that `may` have a booth, by `compare` (greater is better),
  // then by rank.
  template <typename May, typename Compare>
  std::optional<size_t> Best(const std::vector<size_t>& in, May may, Compare compare) const {
    std::optional<size_t> best;
    for (const size_t i : in) {
      if (!may(i)) continue;
      if (!best || compare(i, *best) > 0 || (compare(i, *best) == 0 && Better(i, *best))) best = i;
    }
    return best;
  }

  std::vector<int64_t> Once(const std::vector<size_t>& in) const {
    std::vector<int64_t> got(firms_.size());
    int64_t left = booths_;
    const auto by_rank = [](size_t, size_t) { return 0; };
    const auto give_one = [&](std::optional<size_t> i) {
      ++got[*i];
      --left;
    };
    switch (rule_.method) {
      case Method::kRanked: {
        std::vector<bool> asked(firms_.size());
        while (auto i = Best(
                   in, [&](size_t i) { return !asked[i]; }, by_rank)) {
          asked[*i] = true;
          if (left < firms_[*i].minimum) continue;
          while (left > 0 && got[*i] < firms_[*i].maximum) give_one(i);
        }
        break;
      }
      case Method::kHighestAverages:
        while (left > 0) {
          const auto i = Best(
              in, [&](size_t i) { return firms_[i].score > 0 && got[i] < firms_[i].maximum; },
              [&](size_t a, size_t b) {
                const int64_t mine = firms_[a].score * (got[b] + 1);
                const int64_t theirs = firms_[b].score * (got[a] + 1);
                // The apportionment knows keys only, not ranks.
                if (mine == theirs) return firms_[a].tie_key < firms_[b].tie_key ? 1 : -1;
                return mine > theirs ? 1 : -1;
              });
          if (!i) break;
          give_one(i);
        }
        break;
      case Method::kLargestRemainder:  // is tested where it is defined
        break;
      case Method::kScoreStep: {
        const auto n = static_cast<int64_t>(in.size());
        while (left > 0) {
          const auto i = Best(
              in, [&](size_t i) { return got[i] == 0; }, by_rank);
          if (!i) break;
          give_one(i);
        }
        if (booths_ <= n) break;
        const int64_t further = booths_ - n;
        int64_t sum = 0;
        for (const size_t i : in) sum += firms_[i].score;
        const int64_t excess = sum - rule_.base * n;
        std::vector<int64_t> remainder(firms_.size());
        if (excess > 0) {
          for (const size_t i : in) {
            const int64_t above = (firms_[i].score - rule_.base) * further;
            // As many steps of `excess` as fit.
            int64_t steps = 0;
            while ((steps + 1) * excess <= above) ++steps;
            remainder[i] = above - steps * excess;
            for (int64_t k = 0; k < steps && got[i] < firms_[i].maximum; ++k) give_one(i);
          }
          std::vector<bool> more(firms_.size());
          while (left > 0) {
            const auto i = Best(
                in, [&](size_t i) { return !more[i] && got[i] < firms_[i].maximum; },
                [&](size_t a, size_t b) {
                  return remainder[a] == remainder[b] ? 0 : remainder[a] > remainder[b] ? 1 : -1;
                });
            if (!i) break;
            more[*i] = true;
            give_one(i);
          }
        }
        bool given = true;
        while (left > 0 && given) {
          given = false;
          std::vector<bool> had(firms_.size());
          while (left > 0) {
            const auto i = Best(
                in, [&](size_t i) { return !had[i] && got[i] < firms_[i].maximum; }, by_rank);
            if (!i) break;
            had[*i] = given = true;
            give_one(i);
          }
        }
        break;
      }
    }
    return got;
  }

  const QuantityRule rule_;
  const int64_t booths_;
  const std::vector<Candidate> firms_;
};

TEST(QuantitiesPropertyTest, AgreeWithBruteForce) {
  std::mt19937 random(20241015);
  const auto upto = [&](int64_t most) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(most + 1));
  };
  for (int round = 0; round < 20000; ++round) {
    std::vector<Candidate> firms;
    const int64_t n = upto(7);
    const int64_t scores = upto(1) ? 4 : 60;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t minimum = 1 + (upto(1) ? 0 : upto(3));
      firms.push_back(Firm(upto(scores), minimum, minimum + upto(6), absl::StrCat((i * 7) % 8)));
    }
    const int64_t booths = upto(24);
    SCOPED_TRACE(absl::StrCat("round ", round));
    for (const QuantityRule& rule :
         {QuantityRule{Method::kRanked}, QuantityRule{Method::kScoreStep, upto(scores)},
          QuantityRule{Method::kHighestAverages}}) {
      EXPECT_EQ(Divide(rule, booths, firms).booths, Plain(rule, booths, firms).Solve());
    }
    const Quantities remainder = Divide({Method::kLargestRemainder}, booths, firms);
    int64_t sum = remainder.left;
    for (size_t i = 0; i < firms.size(); ++i) {
      sum += remainder.booths[i];
      EXPECT_TRUE(remainder.booths[i] == 0 || remainder.booths[i] >= firms[i].minimum);
      EXPECT_LE(remainder.booths[i], firms[i].maximum);
    }
    EXPECT_EQ(sum, booths);
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace caravan::fairs
