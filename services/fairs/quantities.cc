#include "services/fairs/quantities.h"

#include <algorithm>
#include <numeric>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/apportionment.h"

namespace caravan::fairs {
namespace {

using absl::int128;

absl::Status Check(int64_t booths, absl::Span<const Candidate> candidates) {
  const auto invalid = [](std::string message) {
    return api::Error(absl::StatusCode::kInvalidArgument, "QUANTITY_OUT_OF_BOUNDS",
                      std::move(message));
  };
  if (booths < 0 || booths > kMaxSupply) {
    return invalid(absl::StrCat(booths, " booths should be from 0 to ", kMaxSupply));
  }
  if (static_cast<int64_t>(candidates.size()) > kMaxClaimants) {
    return invalid(absl::StrCat(candidates.size(), " firms should be at most ", kMaxClaimants));
  }
  for (const Candidate& candidate : candidates) {
    if (candidate.score < 0 || candidate.score > kMaxScore) {
      return invalid(
          absl::StrCat("a score of ", candidate.score, " should be from 0 to ", kMaxScore));
    }
    if (candidate.minimum < 1 || candidate.minimum > candidate.maximum ||
        candidate.maximum > kMaxSupply) {
      return invalid(absl::StrCat("from ", candidate.minimum, " to ", candidate.maximum,
                                  " booths should be from at least 1 to no fewer, at most ",
                                  kMaxSupply));
    }
  }
  return absl::OkStatus();
}

// One computation over the candidates that take part, who are in the order of
// their ranks. Numbers are by candidate.
class Division {
 public:
  Division(const QuantityRule& rule, int64_t booths, absl::Span<const Candidate> candidates)
      : rule_(rule), supply_(booths), candidates_(candidates) {}

  void Run(const std::vector<size_t>& ranked, Quantities* result) const {
    std::fill(result->booths.begin(), result->booths.end(), 0);
    result->step_points = result->step_booths = 0;
    switch (rule_.method) {
      case QuantityMethod::kRanked:
        return Ranked(ranked, result);
      case QuantityMethod::kScoreStep:
        return ScoreStep(ranked, result);
      case QuantityMethod::kHighestAverages:
        return OverScores(ApportionmentMethod::kDHondt, ranked, result);
      case QuantityMethod::kLargestRemainder:
        return OverScores(ApportionmentMethod::kLargestRemainder, ranked, result);
    }
  }

 private:
  void Ranked(const std::vector<size_t>& ranked, Quantities* result) const {
    int64_t left = supply_;
    for (const size_t i : ranked) {
      const int64_t booths = std::min(candidates_[i].maximum, left);
      if (booths < candidates_[i].minimum) continue;
      result->booths[i] = booths;
      left -= booths;
    }
  }

  void ScoreStep(const std::vector<size_t>& ranked, Quantities* result) const {
    const auto n = static_cast<int64_t>(ranked.size());
    for (int64_t k = 0; k < std::min(n, supply_); ++k) result->booths[ranked[k]] = 1;
    if (supply_ <= n) return;
    int64_t left = supply_ - n;
    int64_t excess = 0;  // S - base n
    for (const size_t i : ranked) excess += candidates_[i].score - rule_.base;
    if (excess > 0) {
      const int64_t further = left;
      result->step_points = excess;
      result->step_booths = further;
      std::vector<std::pair<int128, size_t>> remainders;
      for (const size_t i : ranked) {
        const int128 steps = int128(candidates_[i].score - rule_.base) * further;
        const int128 whole = steps / excess;
        const int64_t room = candidates_[i].maximum - 1;
        const int64_t booths = whole < room ? static_cast<int64_t>(whole) : room;
        result->booths[i] += booths;
        left -= booths;
        if (booths < room) remainders.emplace_back(steps % excess, i);
      }
      // Stable: of equal remainders the better rank is first.
      std::stable_sort(remainders.begin(), remainders.end(),
                       [](const auto& a, const auto& b) { return a.first > b.first; });
      for (const auto& [remainder, i] : remainders) {
        if (left == 0) break;
        ++result->booths[i];
        --left;
      }
    }
    ByRounds(ranked, left, result);
  }

  void ByRounds(const std::vector<size_t>& ranked, int64_t left, Quantities* result) const {
    for (bool given = true; left > 0 && given;) {
      given = false;
      for (const size_t i : ranked) {
        if (left == 0) return;
        if (result->booths[i] >= candidates_[i].maximum) continue;
        ++result->booths[i];
        --left;
        given = true;
      }
    }
  }

  void OverScores(ApportionmentMethod method, const std::vector<size_t>& ranked,
                  Quantities* result) const {
    std::vector<Claimant> claimants;
    claimants.reserve(ranked.size());
    for (const size_t i : ranked) {
      claimants.push_back({.weight = candidates_[i].score,
                           .ceiling = candidates_[i].maximum,
                           .tie_key = candidates_[i].tie_key});
    }
    const auto booths = Apportion(method, supply_, claimants);
    for (size_t k = 0; k < ranked.size(); ++k) result->booths[ranked[k]] = (*booths)[k];
  }

  const QuantityRule& rule_;
  const int64_t supply_;
  const absl::Span<const Candidate> candidates_;
};

}  // namespace

absl::StatusOr<Quantities> DivideBooths(const QuantityRule& rule, int64_t booths,
                                        absl::Span<const Candidate> candidates) {
  if (absl::Status status = Check(booths, candidates); !status.ok()) return status;
  if (rule.base < 0 || rule.base > kMaxScore) {
    return api::Error(absl::StatusCode::kInvalidArgument, "QUANTITY_OUT_OF_BOUNDS",
                      absl::StrCat("a base of ", rule.base, " should be from 0 to ", kMaxScore));
  }
  std::vector<size_t> ranked(candidates.size());
  std::iota(ranked.begin(), ranked.end(), size_t{0});
  std::sort(ranked.begin(), ranked.end(), [&](size_t a, size_t b) {
    if (candidates[a].score != candidates[b].score) {
      return candidates[a].score > candidates[b].score;
    }
    return candidates[a].tie_key < candidates[b].tie_key;
  });
  Quantities result;
  result.booths.resize(candidates.size());
  result.rank.resize(candidates.size());
  for (size_t k = 0; k < ranked.size(); ++k) {
    result.rank[ranked[k]] = static_cast<int64_t>(k) + 1;
  }
  if (rule.method == QuantityMethod::kScoreStep) {
    ranked.erase(std::find_if(ranked.begin(), ranked.end(),
                              [&](size_t i) { return candidates[i].score < rule.base; }),
                 ranked.end());
  }
  const Division division(rule, booths, candidates);
  while (true) {
    division.Run(ranked, &result);
    if (rule.method == QuantityMethod::kRanked) break;
    const auto lowest = std::find_if(ranked.rbegin(), ranked.rend(), [&](size_t i) {
      return result.booths[i] < candidates[i].minimum;
    });
    if (lowest == ranked.rend()) break;
    result.dropped.push_back(*lowest);
    ranked.erase(std::next(lowest).base());
  }
  result.left = std::accumulate(result.booths.begin(), result.booths.end(), booths,
                                [](int64_t left, int64_t given) { return left - given; });
  return result;
}

}  // namespace caravan::fairs
