// Apportionment: dividing a supply of booths among claimants by their weights.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace caravan::fairs {

// Balinski and Young, "Fair Representation" (2001), is where their properties
// are proven.
enum class ApportionmentMethod {
  // Highest averages: the next booth goes to whom weight / (held + 1) is greatest.
  kDHondt,
  // The same with weight / (2 held + 1).
  kSainteLague,
  // Everybody gets the whole part of its proportional share; what is left goes to the
  // largest fractions.
  kLargestRemainder,
};

inline constexpr int64_t kNoCeiling = std::numeric_limits<int64_t>::max();

// The greatest weight, number of claimants and supply, so that products are
// exact in 128 bits.
inline constexpr int64_t kMaxWeight = 1'000'000'000'000'000;
inline constexpr int64_t kMaxClaimants = 1'000'000;
inline constexpr int64_t kMaxSupply = 1'000'000'000;

struct Claimant {
  // Of any unit, the same for all; from 0 to kMaxWeight. Who has none gets no
  // more than its floor.
  int64_t weight = 0;
  // What it gets at least and at the most; 0 <= floor <= ceiling.
  int64_t floor = 0;
  int64_t ceiling = kNoCeiling;
  // Of two claimants with an equal claim to a booth, the lesser key has it. Keys
  // of claimants with a weight differ.
  std::string tie_key = {};
};

// How many booths each claimant gets, in their order. Floors are given first.
// By the divisor methods, the rest goes booth by booth to those below their
// ceilings, from what they then hold. By LARGEST_REMAINDER, shares are
// proportional among those whom neither floor nor ceiling binds: shares beyond a
// bound are clamped and frozen, and the others are computed again until none is.
//
// The sum is `supply`, or less where all claimants with a weight are at their
// ceilings.
//
// FAILED_PRECONDITION with reason FLOORS_ABOVE_SUPPLY where the floors sum up
// to more than the supply; INVALID_ARGUMENT where a number is out of bounds.
absl::StatusOr<std::vector<int64_t>> Apportion(ApportionmentMethod method, int64_t supply,
                                               absl::Span<const Claimant> claimants);

}  // namespace caravan::fairs
