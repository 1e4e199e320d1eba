#include "services/fairs/next_booth.h"

#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"

namespace caravan::fairs {
namespace {

// The greatest score that is tried: the greatest that points can be (points.h).
constexpr int64_t kGreatestScore = kMaxScore - 1;

// How many numbers of booths of candidates a search may compute, and a proof after it.
constexpr int64_t kEffort = 1'500'000;

// What the applicant at `index` of a ranking gets.
using BoothsInRanking = absl::FunctionRef<int64_t(const Ranking& ranking, size_t index)>;

// Where only the rank counts: one score is tried for each rank that is better.
class SearchByRank {
 public:
  SearchByRank(const Ranking& ranking, const Applicant& applicant, BoothsInRanking divide)
      : applicant_(applicant), divide_(divide) {
    for (const Applicant* other : ranking) {
      if (other != &applicant) others_.push_back(other);
    }
  }

  // `monotone`: a better rank never gets fewer.
  NextBooth Find(bool monotone) {
    NextBooth next{.booths = Booths(applicant_.score), .points = std::nullopt};
    if (next.booths >= applicant_.maximum) return next;
    const std::vector<int64_t> scores = BetterScores();
    const auto gains = [&](int64_t score) { return Booths(score) > next.booths; };
    const auto first = monotone ? std::partition_point(scores.begin(), scores.end(),
                                                       [&](int64_t score) { return !gains(score); })
                                : std::find_if(scores.begin(), scores.end(), gains);
    if (first != scores.end()) next.points = *first - applicant_.score;
    return next;
  }

 private:
  int64_t Booths(int64_t score) const {
    Applicant applicant = applicant_;
    applicant.score = score;
    Ranking ranking = others_;
    const auto place = ranking.insert(std::lower_bound(ranking.begin(), ranking.end(), &applicant,
                                                       [](const Applicant* a, const Applicant* b) {
                                                         return RanksBefore(*a, *b);
                                                       }),
                                      &applicant);
    return divide_(ranking, place - ranking.begin());
  }

  // The least score for each better rank, ascending.
  std::vector<int64_t> BetterScores() const {
    std::vector<int64_t> scores;
    for (auto other = others_.rbegin(); other != others_.rend(); ++other) {
      if (!RanksBefore(**other, applicant_)) continue;
      const int64_t score = (*other)->score + (applicant_.key < (*other)->key ? 0 : 1);
      if (scores.empty() || score > scores.back()) scores.push_back(score);
    }
    return scores;
  }

  const Applicant& applicant_;
  Ranking others_;
  BoothsInRanking divide_;
};

// Where the score itself counts.
class SearchByScore {
 public:
  SearchByScore(const QuantityRule& rule, int64_t booths, const Ranking& ranking,
                const Applicant& applicant)
      : rule_(rule), booths_(booths), applicant_(applicant) {
    for (const Applicant* other : ranking) {
      if (other->maximum < other->minimum) continue;
      if (other == &applicant) index_ = candidates_.size();
      candidates_.push_back({.score = other->score,
                             .minimum = other->minimum,
                             .maximum = other->maximum,
                             .tie_key = other->key});
    }
  }

  NextBooth Find() {
    const Outcome now = At(applicant_.score);
    NextBooth next{.booths = now.booths, .points = std::nullopt};
    if (now.booths >= applicant_.maximum || applicant_.score >= kGreatestScore) return next;
    now_ = now.booths;
    std::optional<int64_t> score = Least(applicant_.score, now, kGreatestScore, At(kGreatestScore));
    if (rule_.method != QuantityMethod::kHighestAverages) {
      effort_ = kEffort;
      const int64_t end = score.value_or(kGreatestScore);
      for (int64_t lesser = applicant_.score + 1; lesser < end; ++lesser) {
        if (effort_ <= 0) {
          proven_ = false;
          break;
        }
        if (At(lesser).booths > now_) {
          score = lesser;
          proven_ = true;
          break;
        }
      }
    }
    if (score.has_value()) next.points = *score - applicant_.score;
    next.proven = proven_;
    return next;
  }

 private:
  struct Outcome {
    int64_t booths;
    // Candidates that were dropped, in order. Between two scores with the same ones
    // a higher score never has fewer booths; for HIGHEST_AVERAGES, all scores between
    // them have the same ones too: others get ever fewer booths there, and the
    // candidate ever more, so that at each turn the same one is the lowest below
    // its minimum.
    std::vector<size_t> dropped;
  };

  Outcome At(int64_t score) {
    candidates_[index_].score = score;
    // Its numbers are within bounds: the run has used them.
    Quantities quantities = *DivideBooths(rule_, booths_, candidates_);
    effort_ -= static_cast<int64_t>(candidates_.size() * (quantities.dropped.size() + 1));
    return {quantities.booths[index_], std::move(quantities.dropped)};
  }

  // The least score above `low`, up to `high`, with more booths than now. There are
  // no more at `low`.
  std::optional<int64_t> Least(int64_t low, const Outcome& at_low, int64_t high,
                               const Outcome& at_high) {
    const bool gains = at_high.booths > now_;
    if (high - low == 1) return gains ? std::optional(high) : std::nullopt;
    const bool spent = effort_ <= 0;
    if (spent) proven_ = false;
    if (spent || at_low.dropped == at_high.dropped) {
      return gains ? std::optional(Bisect(low, high)) : std::nullopt;
    }
    const int64_t middle = low + (high - low) / 2;
    const Outcome at_middle = At(middle);
    const std::optional<int64_t> below = Least(low, at_low, middle, at_middle);
    return below.has_value() ? below : Least(middle, at_middle, high, at_high);
  }

  // A score with more booths than now whose predecessor has none more; there are none
  // more at `low`, and more at `high`.
  int64_t Bisect(int64_t low, int64_t high) {
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      (At(middle).booths > now_ ? high : low) = middle;
    }
    return high;
  }

  const QuantityRule rule_;
  const int64_t booths_;
  const Applicant& applicant_;
  std::vector<Candidate> candidates_;
  size_t index_ = 0;
  int64_t now_ = 0;
  int64_t effort_ = kEffort;
  bool proven_ = true;
};

NextBooth FindByRule(const QuantityRule& rule, int64_t booths, const Ranking& ranking,
                     const Applicant& applicant) {
  if (rule.method != QuantityMethod::kRanked) {
    return SearchByScore(rule, booths, ranking, applicant).Find();
  }
  return SearchByRank(ranking, applicant,
                      [&](const Ranking& trial, size_t index) {
                        return DivideByRank(booths, kAnyNumberOfFirms, trial).grants[index].booths;
                      })
      .Find(/*monotone=*/true);
}

}  // namespace

NextBooth FindNextBooth(const v1::SectionInputs& inputs, const SectionPools& pools,
                        const Applicant& applicant, int64_t newcomer_firms) {
  if (applicant.maximum < applicant.minimum) return NextBooth{.points = std::nullopt};
  const bool newcomer = pools.stage == v1::GENERAL && applicant.entry->newcomer();
  if (newcomer || (pools.stage == v1::BRAND && pools.waiting_list)) {
    const int64_t booths = newcomer ? inputs.newcomer_booths() : inputs.brand_booths();
    const int64_t firms = newcomer ? newcomer_firms : kAnyNumberOfFirms;
    return SearchByRank(newcomer ? pools.Newcomers() : pools.Others(), applicant,
                        [&](const Ranking& ranking, size_t index) {
                          return DivideByRank(booths, firms, ranking).grants[index].booths;
                        })
        .Find(/*monotone=*/true);
  }
  if (pools.waiting_list) {
    return SearchByRank(pools.Others(), applicant,
                        [&](const Ranking& ranking, size_t index) {
                          return DivideWaitingList(inputs.general_booths(), pools.quotas, ranking)
                              .grants[index]
                              .booths;
                        })
        .Find(/*monotone=*/false);
  }
  if (pools.stage == v1::BRAND) {
    return FindByRule(pools.rule, inputs.brand_booths(), pools.Others(), applicant);
  }
  const std::string& delegation = applicant.entry->delegation();
  return FindByRule(pools.rule, pools.quotas.find(delegation)->second, pools.OthersOf(delegation),
                    applicant);
}

}  // namespace caravan::fairs
