#include "services/fairs/apportionment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::fairs {
namespace {

using absl::int128;
using ::testing::ElementsAre;
using Method = ApportionmentMethod;

std::vector<Claimant> Votes(const std::vector<int64_t>& weights) {
  std::vector<Claimant> claimants;
  for (const int64_t weight : weights) {
    claimants.push_back({.weight = weight, .tie_key = absl::StrCat(1000 + claimants.size())});
  }
  return claimants;
}

std::vector<int64_t> Seats(Method method, int64_t supply, const std::vector<Claimant>& claimants) {
  const auto seats = Apportion(method, supply, claimants);
  EXPECT_TRUE(seats.ok()) << seats.status();
  return seats.ok() ? *seats : std::vector<int64_t>();
}

// New Zealand's general election of 2017: 120 seats by Sainte-Laguë among the
// parties above the threshold (Electoral Commission, official results).
TEST(ApportionmentTest, SainteLagueGivesNewZealandsParliamentOf2017) {
  EXPECT_THAT(Seats(Method::kSainteLague, 120, Votes({1152075, 956184, 186706, 162443, 13075})),
              ElementsAre(56, 46, 9, 8, 1));
}

// The textbook example of four lists and eight seats.
TEST(ApportionmentTest, HighestAveragesGiveTheTextbooksSeats) {
  const auto votes = Votes({100000, 80000, 30000, 20000});
  EXPECT_THAT(Seats(Method::kDHondt, 8, votes), ElementsAre(4, 3, 1, 0));
  EXPECT_THAT(Seats(Method::kSainteLague, 8, votes), ElementsAre(3, 3, 1, 1));
}

// Hamilton's apportionment of the first House of Representatives, which was
// vetoed: 120 seats by the census of 1790 (Balinski and Young, appendix).
TEST(ApportionmentTest, LargestRemainderGivesHamiltonsHouseOf1792) {
  EXPECT_THAT(Seats(Method::kLargestRemainder, 120,
                    Votes({236841, 55540, 70835, 278514, 475327, 68705, 141822, 179570, 331589,
                           353523, 432879, 68446, 206236, 85533, 630560})),
              ElementsAre(8, 2, 2, 9, 16, 2, 5, 6, 11, 12, 14, 2, 7, 3, 21));
}

TEST(ApportionmentTest, FloorsComeFirstAndCeilingsHold) {
  auto claimants = Votes({100, 100, 800});
  claimants[0].floor = 4;
  claimants[2].ceiling = 3;
  for (const Method method : {Method::kDHondt, Method::kSainteLague, Method::kLargestRemainder}) {
    EXPECT_THAT(Seats(method, 10, claimants), ElementsAre(4, 3, 3));
  }
}

TEST(ApportionmentTest, WhatNobodyMayHaveIsLeft) {
  auto claimants = Votes({5, 0, 7});
  claimants[0].ceiling = 2;
  claimants[1].floor = 1;
  claimants[2].ceiling = 3;
  for (const Method method : {Method::kDHondt, Method::kSainteLague, Method::kLargestRemainder}) {
    EXPECT_THAT(Seats(method, 10, claimants), ElementsAre(2, 1, 3));
    EXPECT_THAT(Seats(method, 0, {}), ElementsAre());
  }
}

TEST(ApportionmentTest, TiesGoByKey) {
  auto claimants = Votes({10, 10, 10});
  claimants[0].tie_key = "c";
  claimants[1].tie_key = "a";
  claimants[2].tie_key = "b";
  for (const Method method : {Method::kDHondt, Method::kSainteLague, Method::kLargestRemainder}) {
    EXPECT_THAT(Seats(method, 2, claimants), ElementsAre(0, 1, 1));
    EXPECT_THAT(Seats(method, 4, claimants), ElementsAre(1, 2, 1));
  }
}

TEST(ApportionmentTest, RefusesFloorsAboveTheSupply) {
  auto claimants = Votes({1, 1});
  claimants[0].floor = claimants[1].floor = 3;
  const auto seats = Apportion(Method::kDHondt, 5, claimants);
  EXPECT_EQ(seats.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(seats.status()), "FLOORS_ABOVE_SUPPLY");
}

TEST(ApportionmentTest, RefusesNumbersOutOfBounds) {
  const auto refused = [](int64_t supply, const Claimant& claimant) {
    const auto seats = Apportion(Method::kLargestRemainder, supply, {claimant});
    EXPECT_EQ(seats.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(api::ReasonOf(seats.status()), "APPORTIONMENT_OUT_OF_BOUNDS");
  };
  refused(-1, {});
  refused(kMaxSupply + 1, {});
  refused(1, {.weight = -1});
  refused(1, {.weight = kMaxWeight + 1});
  refused(1, {.floor = -1});
  refused(1, {.floor = 2, .ceiling = 1});
}

// The definition taken at its word: the booths go one by one, and each looks at
// every claimant.
std::vector<int64_t> OneByOne(int64_t step, int64_t supply,
                              const std::vector<Claimant>& claimants) {
  std::vector<int64_t> held;
  for (const Claimant& claimant : claimants) held.push_back(claimant.floor);
  for (int64_t left = supply - std::accumulate(held.begin(), held.end(), int64_t{0}); left > 0;
       --left) {
    std::optional<size_t> best;
    for (size_t i = 0; i < claimants.size(); ++i) {
      if (claimants[i].weight == 0 || held[i] == claimants[i].ceiling) continue;
      if (!best) {
        best = i;
        continue;
      }
      const int128 mine = int128(claimants[i].weight) * (step * held[*best] + 1);
      const int128 theirs = int128(claimants[*best].weight) * (step * held[i] + 1);
      if (mine > theirs || (mine == theirs && claimants[i].tie_key < claimants[*best].tie_key)) {
        best = i;
      }
    }
    if (!best) break;
    ++held[*best];
  }
  return held;
}

// Tries every way to say who is at the floor, who at the ceiling and who is free,
// and takes the one in which the free ones' factor (booths for a weight of one)
// agrees with all; then rounds.
std::vector<int64_t> BySearch(int64_t supply, const std::vector<Claimant>& claimants) {
  const size_t n = claimants.size();
  size_t ways = 1;
  for (size_t i = 0; i < n; ++i) ways *= 3;
  for (size_t way = 0; way < ways; ++way) {
    std::vector<size_t> at(n);
    size_t code = way;
    int64_t left = supply, weights = 0;
    bool there = true;  // are the ceilings at which some are
    for (size_t i = 0; i < n; ++i, code /= 3) {
      at[i] = code % 3;
      if (at[i] == 0) left -= claimants[i].floor;
      if (at[i] == 1 && claimants[i].ceiling == kNoCeiling) {
        there = false;
      } else if (at[i] == 1) {
        left -= claimants[i].ceiling;
      }
      if (at[i] == 2) weights += claimants[i].weight;
    }
    if (!there || weights == 0 || left < 0) continue;
    bool agrees = true;
    std::vector<int64_t> held(n);
    std::vector<size_t> order;
    int64_t rest = left;
    for (size_t i = 0; i < n; ++i) {
      const int64_t share = claimants[i].weight * left;  // times `weights`
      const int64_t floor = claimants[i].floor * weights;
      const bool bounded = claimants[i].ceiling != kNoCeiling;
      const int64_t ceiling = bounded ? claimants[i].ceiling * weights : INT64_MAX;
      if (at[i] == 0) agrees &= share <= floor;
      if (at[i] == 1) agrees &= bounded && share >= ceiling;
      if (at[i] == 2) agrees &= claimants[i].weight > 0 && share >= floor && share <= ceiling;
      held[i] =
          at[i] == 0 ? claimants[i].floor : (at[i] == 1 ? claimants[i].ceiling : share / weights);
      if (at[i] == 2) {
        order.push_back(i);
        rest -= held[i];
      }
    }
    if (!agrees) continue;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const int64_t left_a = claimants[a].weight * left % weights;
      const int64_t left_b = claimants[b].weight * left % weights;
      return left_a != left_b ? left_a > left_b : claimants[a].tie_key < claimants[b].tie_key;
    });
    for (int64_t k = 0; k < rest; ++k) ++held[order[k]];
    return held;
  }
  // Nobody is free: all who have a weight are at their ceilings.
  std::vector<int64_t> held;
  for (const Claimant& claimant : claimants) {
    held.push_back(claimant.weight > 0 ? claimant.ceiling : claimant.floor);
  }
  return held;
}

TEST(ApportionmentPropertyTest, AgreesWithBruteForce) {
  std::mt19937 random(20241015);
  const auto upto = [&](int64_t most) {
    return static_cast<int64_t>(random() % static_cast<uint64_t>(most + 1));
  };
  for (int round = 0; round < 20000; ++round) {
    std::vector<Claimant> claimants;
    int64_t floors = 0;
    const int64_t n = upto(5);
    for (int64_t i = 0; i < n; ++i) {
      Claimant claimant{.weight = upto(upto(1) ? 6 : 1000), .tie_key = absl::StrCat(9 - i)};
      if (upto(2) == 0) claimant.floor = upto(4);
      if (upto(2) == 0) claimant.ceiling = claimant.floor + upto(6);
      floors += claimant.floor;
      claimants.push_back(claimant);
    }
    const int64_t supply = floors + upto(20);
    SCOPED_TRACE(absl::StrCat("round ", round));
    EXPECT_EQ(Seats(Method::kDHondt, supply, claimants), OneByOne(1, supply, claimants));
    EXPECT_EQ(Seats(Method::kSainteLague, supply, claimants), OneByOne(2, supply, claimants));
    EXPECT_EQ(Seats(Method::kLargestRemainder, supply, claimants), BySearch(supply, claimants));
    if (HasFailure()) break;
  }
}

}  // namespace
}  // namespace caravan::fairs
