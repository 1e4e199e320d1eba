// Random numbers that are the same everywhere.
#pragma once

#include <cstdint>
#include <iterator>

namespace caravan::testing {

// SplitMix64: small, and the same everywhere, unlike the distributions of <random>.
class Random {
 public:
  explicit Random(uint64_t state) : state_(state) {}

  // Less than `bound`, which is small.
  uint64_t Below(uint64_t bound) {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return (z ^ (z >> 31)) % bound;
  }

  template <class Items>
  const auto& Pick(const Items& items) {
    return items[Below(std::size(items))];
  }

 private:
  uint64_t state_;
};

}  // namespace caravan::testing
