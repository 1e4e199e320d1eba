// Bounds: what no packing of a section can exceed, whatever the search finds.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "services/fairs/placement_packing.h"

namespace caravan::fairs {

// What stands of given sizes are worth: booths of the first class, of the first
// two, and of all. A slot of a size serves the classes in their order, so these sums,
// compared one after the other, are what tells two packings apart.
using Worth = ByClass;

// What is asked for, without what could not be placed even if it were alone.
class Demand {
 public:
  explicit Demand(const PackingProblem& problem);

  // Sizes are named by an index, ascending.
  size_t kinds() const { return sizes_.size(); }
  int64_t size(size_t i) const { return sizes_[i]; }
  // Stands of a size, of the classes up to k.
  int64_t stands(size_t i, size_t k = kStandClasses - 1) const { return stands_[i][k]; }
  // The worth of all.
  const Worth& booths() const { return booths_; }

  // The worth of so many stands of each size.
  Worth WorthOf(const std::vector<int64_t>& slots) const;

 private:
  std::vector<int64_t> sizes_;
  std::vector<ByClass> stands_;
  Worth booths_ = {};
};

// How many cells of a run can be filled with stands of the classes up to k.
class FillTable {
 public:
  FillTable(const std::vector<int64_t>& lengths, const Demand& demand);

  int64_t Best(size_t k, int64_t length) const {
    return best_[k].empty() ? length : best_[k][length];
  }

 private:
  std::array<std::vector<int64_t>, kStandClasses> best_;  // by length
};

// How many booths of a class can be placed, by the sizes of its stands alone: 8
// booths where there are three stands of 3, say, can be no more than 6.
class SumTable {
 public:
  explicit SumTable(const PackingProblem& problem);

  // The greatest number that is not above `booths`, which is not negative.
  int64_t Floor(size_t k, int64_t booths) const {
    if (booths >= asked_[k]) return asked_[k];
    return floor_[k].empty() ? booths : floor_[k][booths];
  }

 private:
  ByClass asked_ = {};
  std::array<std::vector<int64_t>, kStandClasses> floor_;  // by booths
};

// The most that a packing can be worth in k among those that are worth at least
// as much as `worth` in every class before k; never below worth[k]. A Lagrangian bound:
// cells are let at a price for each size, every run is filled for the
// greatest rent, every stand takes a slot if it is worth the price, and subgradient
// steps look for prices at which both agree. The bound holds at whatever prices.
int64_t ProveBound(const std::vector<int64_t>& lengths, const Demand& demand, size_t k,
                   const Worth& worth);

}  // namespace caravan::fairs
