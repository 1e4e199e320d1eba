#include "services/fairs/apportionment.h"

#include <algorithm>
#include <queue>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::fairs {
namespace {

using absl::int128;

absl::Status Check(int64_t supply, absl::Span<const Claimant> claimants) {
  const auto invalid = [](std::string message) {
    return api::Error(absl::StatusCode::kInvalidArgument, "APPORTIONMENT_OUT_OF_BOUNDS",
                      std::move(message));
  };
  if (supply < 0 || supply > kMaxSupply) {
    return invalid(
        absl::StrCat("a supply of ", supply, " booths should be from 0 to ", kMaxSupply));
  }
  if (static_cast<int64_t>(claimants.size()) > kMaxClaimants) {
    return invalid(absl::StrCat(claimants.size(), " claimants should be at most ", kMaxClaimants));
  }
  int128 floors = 0;
  for (const Claimant& claimant : claimants) {
    if (claimant.weight < 0 || claimant.weight > kMaxWeight) {
      return invalid(
          absl::StrCat("a weight of ", claimant.weight, " should be from 0 to ", kMaxWeight));
    }
    if (claimant.floor < 0 || claimant.floor > claimant.ceiling) {
      return invalid(absl::StrCat("a floor of ", claimant.floor,
                                  " should be from 0 to the ceiling, ", claimant.ceiling));
    }
    floors += claimant.floor;
  }
  if (floors > supply) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "FLOORS_ABOVE_SUPPLY",
                      absl::StrCat("the floors sum up to ", absl::Int128Low64(floors),
                                   " booths, more than the supply of ", supply,
                                   "; lower floors or a greater supply would do"));
  }
  return absl::OkStatus();
}

// A claimant's claim to its next booth: weight / divisor.
struct Claim {
  int64_t weight;
  int64_t divisor;
  size_t claimant;
};

std::vector<int64_t> HighestAverages(int64_t step, int64_t supply,
                                     absl::Span<const Claimant> claimants) {
  const auto weaker = [&](const Claim& a, const Claim& b) {
    const int128 left = int128(a.weight) * b.divisor, right = int128(b.weight) * a.divisor;
    if (left != right) return left < right;
    return claimants[a.claimant].tie_key > claimants[b.claimant].tie_key;
  };
  std::priority_queue<Claim, std::vector<Claim>, decltype(weaker)> claims(weaker);
  std::vector<int64_t> held(claimants.size());
  const auto claim = [&](size_t i) {
    if (claimants[i].weight > 0 && held[i] < claimants[i].ceiling) {
      claims.push({claimants[i].weight, step * held[i] + 1, i});
    }
  };
  int64_t left = supply;
  for (size_t i = 0; i < claimants.size(); ++i) {
    held[i] = claimants[i].floor;
    left -= held[i];
    claim(i);
  }
  for (; left > 0 && !claims.empty(); --left) {
    const size_t strongest = claims.top().claimant;
    claims.pop();
    ++held[strongest];
    claim(strongest);
  }
  return held;
}

std::vector<int64_t> LargestRemainder(int64_t supply, absl::Span<const Claimant> claimants) {
  std::vector<int64_t> held(claimants.size());
  std::vector<size_t> free;  // those whom no bound binds, as far as is known
  int64_t left = supply;
  int128 weights = 0;
  for (size_t i = 0; i < claimants.size(); ++i) {
    if (claimants[i].weight > 0) {
      free.push_back(i);
      weights += claimants[i].weight;
    } else {
      held[i] = claimants[i].floor;
      left -= held[i];
    }
  }
  // Shares that are clamped up take from the others, those clamped down give to
  // them. Only those on the side that moves more booths are frozen: the others
  // of this round may come to lie between their bounds.
  while (!free.empty()) {
    int128 above = 0, below = 0;  // booths times `weights`
    for (const size_t i : free) {
      const int128 share = int128(claimants[i].weight) * left;
      const int128 floor = int128(claimants[i].floor) * weights;
      if (share < floor) below += floor - share;
      if (claimants[i].ceiling < supply) {
        const int128 ceiling = int128(claimants[i].ceiling) * weights;
        if (share > ceiling) above += share - ceiling;
      }
    }
    if (above == 0 && below == 0) break;
    std::vector<size_t> still_free;
    int128 still_weights = 0;
    int64_t still_left = left;
    for (const size_t i : free) {
      const int128 share = int128(claimants[i].weight) * left;
      const bool low = share < int128(claimants[i].floor) * weights;
      const bool high =
          claimants[i].ceiling < supply && share > int128(claimants[i].ceiling) * weights;
      if ((low && below >= above) || (high && above >= below)) {
        held[i] = low ? claimants[i].floor : claimants[i].ceiling;
        still_left -= held[i];
      } else {
        still_free.push_back(i);
        still_weights += claimants[i].weight;
      }
    }
    free = std::move(still_free);
    weights = still_weights;
    left = still_left;
  }
  if (free.empty()) return held;

  std::vector<std::pair<int128, size_t>> remainders;
  const int64_t shared = left;
  for (const size_t i : free) {
    const int128 share = int128(claimants[i].weight) * shared;
    held[i] = static_cast<int64_t>(share / weights);
    left -= held[i];
    remainders.emplace_back(share % weights, i);
  }
  // There are more claimants with a remainder than booths left, and none of them
  // is at its ceiling, a whole number below which its share is.
  std::sort(remainders.begin(), remainders.end(), [&](const auto& a, const auto& b) {
    if (a.first != b.first) return a.first > b.first;
    return claimants[a.second].tie_key < claimants[b.second].tie_key;
  });
  for (int64_t k = 0; k < left; ++k) ++held[remainders[k].second];
  return held;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> Apportion(ApportionmentMethod method, int64_t supply,
                                               absl::Span<const Claimant> claimants) {
  if (absl::Status status = Check(supply, claimants); !status.ok()) return status;
  switch (method) {
    case ApportionmentMethod::kDHondt:
      return HighestAverages(1, supply, claimants);
    case ApportionmentMethod::kSainteLague:
      return HighestAverages(2, supply, claimants);
    case ApportionmentMethod::kLargestRemainder:
      break;
  }
  return LargestRemainder(supply, claimants);
}

}  // namespace caravan::fairs
