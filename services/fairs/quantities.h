// Quantities: how many booths each firm of a section gets for its points.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace caravan::fairs {

enum class QuantityMethod {
  // By rank, each as many as it asks for at the most, while there are any.
  kRanked,
  // One booth for reaching the base, one more for every step above it.
  kScoreStep,
  // D'Hondt's apportionment over the scores.
  kHighestAverages,
  // The apportionment by largest remainders over the scores.
  kLargestRemainder,
};

// The greatest score, so that the sum of all scores of a section fits 64 bits.
inline constexpr int64_t kMaxScore = 1'000'000'000'000;

struct QuantityRule {
  QuantityMethod method = QuantityMethod::kRanked;
  // For kScoreStep: the score from which a firm gets a booth.
  int64_t base = 0;
};

struct Candidate {
  // Points in the edition's fixed-point unit, from 0 to kMaxScore.
  int64_t score = 0;
  // The fewest booths that are of use to the firm, and the most that it may
  // have: what it asks for below the cap. 1 <= minimum <= maximum.
  int64_t minimum = 1;
  int64_t maximum = 1;
  // Ranks firms of equal score, the lesser key first; keys differ.
  std::string tie_key = {};
};

// What came of the rule: enough to explain each firm's number.
struct Quantities {
  // By candidate, in their order.
  std::vector<int64_t> booths;
  std::vector<int64_t> rank;  // from 1: by score, then by key

  // Candidates that were dropped because their number was below their minimum,
  // in the order in which they were.
  std::vector<size_t> dropped;

  // kScoreStep: one more booth costs step_points / step_booths points; both 0 where
  // there is no step, for a lack of booths or because all scores equal the base.
  int64_t step_points = 0;
  int64_t step_booths = 0;

  // Booths that nobody gets.
  int64_t left = 0;
};

// Divides `booths` among the candidates.
//
// RANKED: by rank min(maximum, left), or none where that is below the minimum.
//
// SCORE_STEP: the n firms at or above the base get a booth each, by rank. Where
// B, the booths, are more than n: with S the sum of the n scores, the step is
// (S - base n) / (B - n), and a firm gets floor((score - base) / step) further
// ones within its maximum. Left-overs go to the largest remainders of that
// division, one to each; what is still left, or all where S = base n, goes by
// rank, one to each firm below its maximum, round by round (these rounds are a
// rule of ours).
//
// Except for RANKED: while a firm has fewer than its minimum, the lowest-ranked
// such firm is dropped and all is computed again. Firms below the base take no
// part.
//
// INVALID_ARGUMENT where a number is out of bounds.
absl::StatusOr<Quantities> DivideBooths(const QuantityRule& rule, int64_t booths,
                                        absl::Span<const Candidate> candidates);

}  // namespace caravan::fairs
