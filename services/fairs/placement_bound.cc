#include "services/fairs/placement_bound.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <utility>

#include "absl/numeric/int128.h"

namespace caravan::fairs {
namespace {

// Runs longer than this are taken as if they could be filled to the last cell:
// nearly always they can be, and the tables would be large.
constexpr int64_t kLongRun = 4096;

// The fixed point of the simplex method, and of prices.
constexpr int kPointBits = 36, kPriceBits = 24;
constexpr int64_t kOne = int64_t{1} << kPointBits;
constexpr int64_t kBooth = int64_t{1} << kPriceBits;
// What a booth of a class can be worth beyond one of a later class.
constexpr int64_t kMaxExtra = 64;
// Where there are more rows, which takes many sizes and lengths, the simple
// bound is all there is.
constexpr size_t kMaxRows = 400;
// Sums of the sizes of a class are worked out where that takes no more steps.
constexpr int64_t kMaxSumSteps = 20'000'000;
// Elementary steps for a bound.
constexpr int64_t kBoundSteps = 20'000'000;

int64_t Longest(const std::vector<int64_t>& lengths) {
  return lengths.empty() ? 0 : *std::max_element(lengths.begin(), lengths.end());
}

// For every number up to `most`: the greatest one not above it that is a sum of sizes
// of stands. Stands are given as size and count.
std::vector<int64_t> Sums(const std::vector<std::pair<int64_t, int64_t>>& stands, int64_t most) {
  // How many stands of the size at hand are needed to make that sum; -1 where it
  // cannot be made.
  std::vector<int64_t> needed(most + 1, -1);
  needed[0] = 0;
  for (const auto& [size, count] : stands) {
    for (int64_t sum = 0; sum <= most; ++sum) {
      if (needed[sum] >= 0) {
        needed[sum] = 0;
      } else if (sum >= size && needed[sum - size] >= 0 && needed[sum - size] < count) {
        needed[sum] = needed[sum - size] + 1;
      }
    }
  }
  std::vector<int64_t> greatest(most + 1);
  for (int64_t sum = 1; sum <= most; ++sum) {
    greatest[sum] = needed[sum] >= 0 ? sum : greatest[sum - 1];
  }
  return greatest;
}

// The greatest rent of a run of every length up to `longest`, and how to have it.
class Rents {
 public:
  Rents(int64_t longest, size_t kinds) : rent_(longest + 1), taken_(kinds) {
    for (auto& taken : taken_) taken.resize(longest + 1);
  }

  // `prices` are of a whole stand; none is negative. At most `limits` of each.
  void Solve(const Demand& demand, const std::vector<int64_t>& prices,
             const std::vector<int64_t>& limits) {
    std::fill(rent_.begin(), rent_.end(), 0);
    const int64_t longest = static_cast<int64_t>(rent_.size()) - 1;
    for (size_t i = 0; i < taken_.size(); ++i) {
      std::vector<int32_t>& taken = taken_[i];
      std::fill(taken.begin(), taken.end(), 0);
      const int64_t size = demand.size(i), price = prices[i], limit = limits[i];
      if (price == 0 || limit == 0) continue;
      if (limit * size >= longest) {
        for (int64_t length = size; length <= longest; ++length) {
          if (rent_[length - size] + price > rent_[length]) {
            rent_[length] = rent_[length - size] + price;
            taken[length] = taken[length - size] + 1;
          }
        }
      } else {
        for (int64_t length = longest; length >= size; --length) {
          int64_t best = rent_[length];
          for (int64_t n = 1; n <= std::min(limit, length / size); ++n) {
            if (rent_[length - n * size] + n * price > best) {
              best = rent_[length - n * size] + n * price;
              taken[length] = static_cast<int32_t>(n);
            }
          }
          rent_[length] = best;
        }
      }
    }
  }

  int64_t Of(int64_t length) const { return rent_[length]; }

  // Adds the stands of such a run, by size.
  void AddStands(const Demand& demand, int64_t length, std::vector<int64_t>* stands) const {
    for (size_t i = taken_.size(); i-- > 0;) {
      const int64_t taken = taken_[i][length];
      (*stands)[i] += taken;
      length -= taken * demand.size(i);
    }
  }

  // Steps of solving it once.
  int64_t cost() const { return static_cast<int64_t>(rent_.size() * taken_.size()) * 2; }

 private:
  std::vector<int64_t> rent_;
  std::vector<std::vector<int32_t>> taken_;  // by size and length
};

// The simplex method in fixed point, for a greatest value: it knows its rows and the
// inverse of the basis; columns are offered to it. All is computed in integers, so it
// takes the same way everywhere.
class Simplex {
 public:
  using Column = std::vector<std::pair<size_t, int64_t>>;  // row, coefficient

  // `right` is not negative. The row begins with a variable of its own, worth
  // `cost`.
  size_t AddRow(int64_t right, int64_t cost) {
    const size_t row = right_.size();
    // Slightly moved, each by another amount: equal ratios make the method stall.
    right_.push_back(right * kOne + static_cast<int64_t>(row + 1) * (kOne >> 22));
    costs_.push_back(cost);
    return row;
  }

  void Start() {
    inverse_.assign(rows(), std::vector<int64_t>(rows()));
    for (size_t i = 0; i < rows(); ++i) inverse_[i][i] = kOne;
  }

  size_t rows() const { return right_.size(); }

  // What one more on the right side of each row is worth.
  std::vector<int64_t> Prices() const {
    std::vector<int64_t> prices(rows());
    for (size_t i = 0; i < rows(); ++i) {
      if (costs_[i] == 0) continue;
      for (size_t j = 0; j < rows(); ++j) prices[j] += costs_[i] * inverse_[i][j];
    }
    return prices;
  }

  // Takes a column into the basis. False where that cannot be done, or numbers
  // become too great.
  bool Enter(const Column& column, int64_t cost) {
    std::vector<int64_t> direction(rows());
    for (size_t i = 0; i < rows(); ++i) {
      for (const auto& [row, coefficient] : column) {
        direction[i] += coefficient * inverse_[i][row];
      }
      if (std::abs(direction[i]) > kTooGreat) return false;
    }
    size_t leaves = rows();
    for (size_t i = 0; i < rows(); ++i) {
      if (direction[i] < (kOne >> 12)) continue;
      if (leaves == rows() || absl::int128(right_[i]) * direction[leaves] <
                                  absl::int128(right_[leaves]) * direction[i]) {
        leaves = i;
      }
    }
    if (leaves == rows()) return false;
    const int64_t pivot = direction[leaves];
    const auto divided = [&](int64_t x) {
      return static_cast<int64_t>(absl::int128(x) * kOne / pivot);
    };
    for (int64_t& x : inverse_[leaves]) {
      if (x != 0) x = divided(x);
      if (std::abs(x) > kTooGreat) return false;
    }
    right_[leaves] = divided(right_[leaves]);
    costs_[leaves] = cost;
    for (size_t i = 0; i < rows(); ++i) {
      if (i == leaves || direction[i] == 0) continue;
      const auto part = [&](int64_t x) {
        return static_cast<int64_t>((absl::int128(direction[i]) * x) >> kPointBits);
      };
      for (size_t j = 0; j < rows(); ++j) {
        if (inverse_[leaves][j] == 0) continue;
        inverse_[i][j] -= part(inverse_[leaves][j]);
        if (std::abs(inverse_[i][j]) > kTooGreat) return false;
      }
      right_[i] = std::max<int64_t>(0, right_[i] - part(right_[leaves]));
    }
    return true;
  }

 private:
  // Sums of a few products with sizes stay within 64 bits.
  static constexpr int64_t kTooGreat = int64_t{1} << 48;

  std::vector<int64_t> right_, costs_;
  std::vector<std::vector<int64_t>> inverse_;
};

// The linear relaxation: runs may be filled with fractions of several fillings, and
// stands may be placed by fractions.
//
//   greatest  booths of the classes up to k, where
//     size row:   stands of a size that are placed <= slots of it in the fillings
//     stand row:  stands of a size and class that are placed <= those asked for
//     run row:    fillings of runs of a length <= runs of that length
//     class row:  booths of the classes up to j < k >= those of `worth`
//
// Fillings are made when the prices ask for them. Of its solution only the prices
// are used, and any prices prove a bound, which is computed from them exactly:
// rounding can make it weaker, not wrong.
class Relaxation {
 public:
  Relaxation(const std::vector<int64_t>& lengths, const Demand& demand, size_t k,
             const Worth& worth)
      : demand_(demand),
        k_(k),
        worth_(worth),
        rents_(Longest(lengths), demand.kinds()),
        prices_(demand.kinds()) {
    std::map<int64_t, int64_t> runs;
    for (const int64_t length : lengths) ++runs[length];
    for (size_t i = 0; i < demand.kinds(); ++i) {
      size_rows_.push_back(simplex_.AddRow(0, 0));
      limits_.push_back(demand.stands(i, k));
      for (size_t j = 0; j <= k; ++j) {
        const int64_t count = demand.stands(i, j) - (j == 0 ? 0 : demand.stands(i, j - 1));
        if (count > 0) stands_.push_back({i, j, count, simplex_.AddRow(count, 0)});
      }
    }
    for (const auto& [length, count] : runs) {
      runs_.push_back({length, count, simplex_.AddRow(count, 0)});
    }
    for (size_t j = 0; j < k; ++j) class_rows_.push_back(simplex_.AddRow(worth[j], -kMaxExtra));
  }

  int64_t Bound() {
    if (simplex_.rows() > kMaxRows) return demand_.booths()[k_];
    int64_t lowest = demand_.booths()[k_] * kBooth;
    simplex_.Start();
    const int64_t cost = static_cast<int64_t>(simplex_.rows() * simplex_.rows()) + rents_.cost();
    for (int64_t steps = kBoundSteps; steps > 0; steps -= cost) {
      shadow_ = simplex_.Prices();
      lowest = std::min(lowest, Value());
      if (lowest / kBooth <= worth_[k_] || !Advance()) break;
    }
    return std::max(worth_[k_], lowest / kBooth);
  }

 private:
  struct Stands {
    size_t size, stand_class;
    int64_t count;
    size_t row;
  };
  struct Runs {
    int64_t length, count;
    size_t row;
  };

  // A shadow price in the fixed point of prices, within bounds.
  static int64_t Price(int64_t shadow, int64_t most) {
    return std::clamp<int64_t>(shadow >> (kPointBits - kPriceBits), 0, most * kBooth);
  }

  // The bound at the prices of size rows and class rows: every run is let for the
  // greatest rent, every stand takes a slot that is worth its price, and the booths of
  // `worth` have been promised.
  int64_t Value() {
    for (size_t i = 0; i < prices_.size(); ++i) {
      prices_[i] = Price(shadow_[size_rows_[i]], demand_.size(i) * (1 + 2 * kMaxExtra));
    }
    rents_.Solve(demand_, prices_, limits_);
    int64_t value = 0;
    ByClass gain = {};
    gain[k_] = kBooth;
    for (size_t j = k_; j-- > 0;) {
      const int64_t extra = Price(-shadow_[class_rows_[j]], kMaxExtra);
      gain[j] = gain[j + 1] + extra;
      value -= extra * worth_[j];
    }
    for (const Runs& r : runs_) value += rents_.Of(r.length) * r.count;
    for (const Stands& s : stands_) {
      const int64_t surplus = gain[s.stand_class] * demand_.size(s.size) - prices_[s.size];
      if (surplus > 0) value += surplus * s.count;
    }
    return value;
  }

  // Takes the column that is worth most more than what it needs into the basis. False
  // where there is none.
  bool Advance() {
    int64_t most = kOne >> 20;
    Simplex::Column best;
    int64_t best_cost = 0;
    const auto offer = [&](int64_t gain, int64_t cost, auto column) {
      if (gain <= most) return;
      most = gain;
      best_cost = cost;
      best = column();
    };
    const auto slack = [&](size_t row) {
      offer(-shadow_[row], 0, [&] { return Simplex::Column{{row, 1}}; });
    };
    for (const Stands& s : stands_) {
      const int64_t size = demand_.size(s.size);
      int64_t gain = size * kOne - shadow_[size_rows_[s.size]] - shadow_[s.row];
      for (size_t j = s.stand_class; j < k_; ++j) gain -= size * shadow_[class_rows_[j]];
      offer(gain, size, [&] {
        Simplex::Column column = {{size_rows_[s.size], 1}, {s.row, 1}};
        for (size_t j = s.stand_class; j < k_; ++j) column.push_back({class_rows_[j], size});
        return column;
      });
      slack(s.row);
    }
    std::vector<int64_t> filling(demand_.kinds());
    for (const Runs& r : runs_) {
      std::fill(filling.begin(), filling.end(), 0);
      rents_.AddStands(demand_, r.length, &filling);
      int64_t gain = -shadow_[r.row];
      for (size_t i = 0; i < filling.size(); ++i) gain += filling[i] * shadow_[size_rows_[i]];
      offer(gain, 0, [&] {
        Simplex::Column column = {{r.row, 1}};
        for (size_t i = 0; i < filling.size(); ++i) {
          if (filling[i] > 0) column.push_back({size_rows_[i], -filling[i]});
        }
        return column;
      });
      slack(r.row);
    }
    for (const size_t row : size_rows_) slack(row);
    for (const size_t row : class_rows_) {
      offer(shadow_[row], 0, [&] { return Simplex::Column{{row, -1}}; });
      offer(-shadow_[row] - kMaxExtra * kOne, -kMaxExtra, [&] {
        return Simplex::Column{{row, 1}};
      });
    }
    return !best.empty() && simplex_.Enter(best, best_cost);
  }

  const Demand& demand_;
  const size_t k_;
  const Worth worth_;
  Rents rents_;
  Simplex simplex_;
  std::vector<Stands> stands_;
  std::vector<Runs> runs_;
  std::vector<size_t> size_rows_, class_rows_;
  std::vector<int64_t> limits_, prices_, shadow_;
};

}  // namespace

Demand::Demand(const PackingProblem& problem) {
  for (const PackingSize& size : problem.sizes) {
    int64_t most = 0;
    for (const int64_t length : problem.lengths) most += length / size.size;
    if (most == 0) continue;
    ByClass stands;
    std::partial_sum(size.stands.begin(), size.stands.end(), stands.begin());
    for (size_t k = 0; k < kStandClasses; ++k) {
      stands[k] = std::min(stands[k], most);
      booths_[k] += size.size * stands[k];
    }
    sizes_.push_back(size.size);
    stands_.push_back(stands);
  }
}

Worth Demand::WorthOf(const std::vector<int64_t>& slots) const {
  Worth worth = {};
  for (size_t i = 0; i < kinds(); ++i) {
    for (size_t k = 0; k < kStandClasses; ++k) {
      worth[k] += sizes_[i] * std::min(slots[i], stands_[i][k]);
    }
  }
  return worth;
}

FillTable::FillTable(const std::vector<int64_t>& lengths, const Demand& demand) {
  const int64_t longest = Longest(lengths);
  if (longest > kLongRun) return;
  for (size_t k = 0; k < kStandClasses; ++k) {
    std::vector<std::pair<int64_t, int64_t>> stands;
    for (size_t i = 0; i < demand.kinds(); ++i) {
      stands.emplace_back(demand.size(i), demand.stands(i, k));
    }
    best_[k] = Sums(stands, longest);
  }
}

SumTable::SumTable(const PackingProblem& problem) {
  for (size_t k = 0; k < kStandClasses; ++k) {
    std::vector<std::pair<int64_t, int64_t>> stands;
    for (const PackingSize& size : problem.sizes) {
      if (size.stands[k] > 0) stands.emplace_back(size.size, size.stands[k]);
      asked_[k] += size.size * size.stands[k];
    }
    const int64_t kinds = static_cast<int64_t>(stands.size());
    if (asked_[k] * kinds <= kMaxSumSteps) floor_[k] = Sums(stands, asked_[k]);
  }
}

int64_t ProveBound(const std::vector<int64_t>& lengths, const Demand& demand, size_t k,
                   const Worth& worth) {
  if (lengths.empty() || Longest(lengths) > kLongRun) return demand.booths()[k];
  return Relaxation(lengths, demand, k, worth).Bound();
}

}  // namespace caravan::fairs
