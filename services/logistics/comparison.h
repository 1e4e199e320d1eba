// Compares couriers on a lane by one of their rates, and says where the data
// cannot tell them apart.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

struct Interval {
  double low = 0;
  double high = 1;
};

// Wilson's score interval for a share; z is the normal quantile of the confidence
// (1.96 for 95 %). Of no data, everything from 0 to 1 is possible.
Interval WilsonInterval(const Ratio& ratio, double z);

// Newcombe's interval for the difference of two shares, a - b, made of Wilson's
// (method 10 of "Interval estimation for the difference between independent
// proportions", 1998).
Interval DifferenceInterval(const Ratio& a, const Ratio& b, double z);

// The z beyond which the normal distribution has `tail` on each of its two sides
// together: 1.96 for 0.05. 0 < tail < 1.
double NormalQuantile(double tail);

struct Contestant {
  std::string courier;
  Ratio ratio;  // 0 <= numerator <= denominator
};

struct Comparison {
  struct Row {
    std::string courier;
    Ratio ratio;
    Interval interval;  // Wilson's, 95 %
    // The rows from which the data cannot tell it apart, ascending.
    std::vector<size_t> alike;
  };

  // The best share first, those without data last; equal ones by more data, then by
  // name.
  std::vector<Row> rows;

  // Whether the data can tell no two of them apart.
  bool cannot_tell_apart = true;
};

inline constexpr size_t kMaxContestants = 200;

// Two couriers are told apart where Newcombe's interval for the difference of their
// shares leaves out 0. Its confidence is 95 % for all pairs with data together (Bonferroni):
// among couriers that are the same, one time in twenty some two are told apart. That
// two intervals overlap does not mean that they can't be.
//
// INVALID_ARGUMENT with reason TOO_MANY_COURIERS above kMaxContestants, or
// INVALID_RATIO where one is no share.
absl::StatusOr<Comparison> CompareCouriers(absl::Span<const Contestant> contestants,
                                           bool greater_is_better);

}  // namespace caravan::logistics
