#include "services/logistics/comparison.h"

#include <algorithm>
#include <cmath>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

constexpr double kTail = 0.05;

double ShareOf(const Ratio& ratio) {
  return static_cast<double>(ratio.numerator) / static_cast<double>(ratio.denominator);
}

// Whether `a` is before `b` in a comparison.
bool IsBefore(const Contestant& a, const Contestant& b, bool greater_is_better) {
  const bool has_data = a.ratio.denominator > 0;
  if (has_data != (b.ratio.denominator > 0)) return has_data;
  if (has_data) {
    const absl::int128 left = absl::int128(a.ratio.numerator) * b.ratio.denominator;
    const absl::int128 right = absl::int128(b.ratio.numerator) * a.ratio.denominator;
    if (left != right) return greater_is_better ? left > right : left < right;
    if (a.ratio.denominator != b.ratio.denominator) {
      return a.ratio.denominator > b.ratio.denominator;
    }
  }
  return a.courier < b.courier;
}

}  // namespace

Interval WilsonInterval(const Ratio& ratio, double z) {
  if (ratio.denominator <= 0) return {};
  const auto n = static_cast<double>(ratio.denominator);
  const double p = ShareOf(ratio);
  const double scale = 1 + z * z / n;
  const double center = (p + z * z / (2 * n)) / scale;
  const double half = z / scale * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  // The ends are exact where all or none are of a kind; rounding would miss them.
  return {ratio.numerator == 0 ? 0 : std::max(0.0, center - half),
          ratio.numerator == ratio.denominator ? 1 : std::min(1.0, center + half)};
}

Interval DifferenceInterval(const Ratio& a, const Ratio& b, double z) {
  if (a.denominator <= 0 || b.denominator <= 0) return {-1, 1};
  const double p = ShareOf(a);
  const double q = ShareOf(b);
  const Interval of_a = WilsonInterval(a, z);
  const Interval of_b = WilsonInterval(b, z);
  return {p - q - std::hypot(p - of_a.low, of_b.high - q),
          p - q + std::hypot(of_a.high - p, q - of_b.low)};
}

double NormalQuantile(double tail) {
  double low = 0;
  double high = 40;  // the tail beyond is below the least double
  for (int i = 0; i < 100; ++i) {
    const double z = (low + high) / 2;
    (std::erfc(z / std::sqrt(2.0)) > tail ? low : high) = z;
  }
  return low;
}

absl::StatusOr<Comparison> CompareCouriers(absl::Span<const Contestant> contestants,
                                           bool greater_is_better) {
  const size_t n = contestants.size();
  if (n > kMaxContestants) {
    return api::Error(
        absl::StatusCode::kInvalidArgument, "TOO_MANY_COURIERS",
        absl::StrCat(n, " couriers are compared; there would be at most ", kMaxContestants));
  }
  for (const Contestant& contestant : contestants) {
    const Ratio& ratio = contestant.ratio;
    if (ratio.numerator < 0 || ratio.numerator > ratio.denominator) {
      return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_RATIO",
                        absl::StrCat("'", contestant.courier, "' has ", ratio.numerator, " of ",
                                     ratio.denominator, "; it would be some of all"));
    }
  }
  std::vector<Contestant> sorted(contestants.begin(), contestants.end());
  std::sort(sorted.begin(), sorted.end(), [&](const Contestant& a, const Contestant& b) {
    return IsBefore(a, b, greater_is_better);
  });
  Comparison comparison;
  const double z = NormalQuantile(kTail);
  for (Contestant& contestant : sorted) {
    comparison.rows.push_back(
        {std::move(contestant.courier), contestant.ratio, WilsonInterval(contestant.ratio, z), {}});
  }
  const auto with_data =
      std::count_if(comparison.rows.begin(), comparison.rows.end(),
                    [](const Comparison::Row& row) { return row.ratio.denominator > 0; });
  const auto pairs = static_cast<double>(with_data * (with_data - 1)) / 2;
  const double z_of_pair = NormalQuantile(kTail / std::max(1.0, pairs));
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = i + 1; j < n; ++j) {
      const Interval difference =
          DifferenceInterval(comparison.rows[i].ratio, comparison.rows[j].ratio, z_of_pair);
      if (difference.low > 0 || difference.high < 0) {
        comparison.cannot_tell_apart = false;
      } else {
        comparison.rows[i].alike.push_back(j);
        comparison.rows[j].alike.push_back(i);
      }
    }
  }
  return comparison;
}

}  // namespace caravan::logistics
