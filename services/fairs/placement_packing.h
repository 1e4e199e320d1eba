// Packing: how many stands of each size go into each run, the first three aims of
// a placement (placement.h). Who stands where within that does not matter to them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "services/fairs/placement.h"

namespace caravan::fairs {

// A number for each class.
using ByClass = std::array<int64_t, kStandClasses>;

struct PackingSize {
  int64_t size = 1;     // in booths
  ByClass stands = {};  // applications of that size
};

struct PackingProblem {
  std::vector<int64_t> lengths;    // of the free runs, in cells
  std::vector<PackingSize> sizes;  // ascending, each once
};

struct Packing {
  // By run: the sizes of the stands in it, the greatest first.
  std::vector<std::vector<int64_t>> stands;
  // Booths by class. Slots of a size are filled with the classes in their order.
  ByClass placed = {};
  // As in ClassPlacement.
  ByClass bound = {};
};

// Packs. Two runs of the same length are alike, so which of them has which stands
// is arbitrary, but determined.
Packing Pack(const PackingProblem& problem, int64_t steps);

}  // namespace caravan::fairs
