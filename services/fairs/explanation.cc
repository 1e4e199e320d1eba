#include "services/fairs/explanation.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/next_booth.h"
#include "services/fairs/placement_explanation.h"
#include "services/fairs/points.h"
#include "services/fairs/section_pools.h"

namespace caravan::fairs {
namespace {

using v1::ExplainApplicationResponse;
using v1::SectionInputs;
using v1::SectionResult;
using Decisions = google::protobuf::RepeatedPtrField<SectionResult::Decision>;

absl::Status NotInRun(std::string_view pseudonym) {
  return api::Error(absl::StatusCode::kNotFound, "APPLICATION_NOT_IN_RUN",
                    absl::StrCat("the run of this section has had no application ", pseudonym));
}

absl::Status OtherInputs(std::string_view pseudonym) {
  return api::Error(absl::StatusCode::kInvalidArgument, "RESULT_OF_OTHER_INPUTS",
                    absl::StrCat("what the result says of ", pseudonym,
                                 " does not follow from these inputs, rules and seed"));
}

std::string Count(int64_t number, std::string_view one, std::string_view many) {
  return absl::StrCat(number, " ", number == 1 ? one : many);
}

std::string Booths(int64_t number) { return Count(number, "booth", "booths"); }

std::string Points(int64_t thousandths) {
  return absl::StrCat(FormatPoints(thousandths), thousandths == kOnePoint ? " point" : " points");
}

// The decision on an application of a result whose decisions are by pseudonym.
const SectionResult::Decision* FindDecision(const SectionResult& result,
                                            std::string_view pseudonym) {
  const auto decision =
      std::find_if(result.decisions().begin(), result.decisions().end(),
                   [&](const auto& decision) { return decision.pseudonym() == pseudonym; });
  return decision == result.decisions().end() ? nullptr : &*decision;
}

// The pool in which a decision was made: of a delegation where it is QUOTA.
const SectionResult::Pool* FindPool(const SectionResult& result,
                                    const SectionResult::Decision& decision,
                                    const std::string& delegation) {
  for (const SectionResult::Pool& pool : result.pools()) {
    if (pool.pool() != decision.pool()) continue;
    if (pool.pool() != ExplainApplicationResponse::QUOTA || pool.delegation() == delegation) {
      return &pool;
    }
  }
  return nullptr;
}

// Adds sentences to a text.
class Sentences {
 public:
  template <class... Parts>
  void Add(const Parts&... parts) {
    absl::StrAppend(&text_, text_.empty() ? "" : " ", parts...);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// One application of a section whose booths were divided.
class Explainer {
 public:
  Explainer(const v1::Rules& rules, const SectionInputs& inputs, const SectionResult& result,
            const SectionPools& pools, const Applicant& applicant,
            const SectionResult::Decision& decision)
      : rules_(rules),
        inputs_(inputs),
        result_(result),
        pools_(pools),
        applicant_(applicant),
        decision_(decision) {}

  absl::StatusOr<ExplainApplicationResponse> Explain() {
    const SectionResult::Pool* const pool =
        FindPool(result_, decision_, applicant_.entry->delegation());
    const NextBooth next = FindNextBooth(inputs_, pools_, applicant_, FirmLimit());
    if (pool == nullptr || next.booths != decision_.booths()) {
      return OtherInputs(decision_.pseudonym());
    }
    pool_ = pool;
    Describe(next);
    response_.set_explanation(Tell(next));
    return std::move(response_);
  }

 private:
  // How many newcomers could get booths.
  int64_t FirmLimit() const {
    const auto others = std::count_if(
        result_.decisions().begin(), result_.decisions().end(), [](const auto& decision) {
          return decision.pool() != ExplainApplicationResponse::NEWCOMERS && decision.booths() > 0;
        });
    return NewcomerFirms(rules_, inputs_, others);
  }

  void Describe(const NextBooth& next) {
    response_.set_pseudonym(decision_.pseudonym());
    response_.set_score(FormatPoints(applicant_.score));
    response_.set_pool(decision_.pool());
    if (decision_.pool() == ExplainApplicationResponse::QUOTA) {
      response_.set_delegation(absl::StrCat("delegations/", pool_->delegation()));
    }
    response_.set_pool_booths(pool_->booths());
    response_.set_pool_size(pool_->applications());
    response_.set_rank(decision_.rank());
    response_.set_lottery_key(applicant_.key);
    response_.set_booths(decision_.booths());
    response_.set_reason(decision_.reason());
    if (next.points.has_value()) {
      response_.set_points_to_next_booth(FormatPoints(*next.points));
    }
    ComparePool();
  }

  // The cut-off, and how many have as many points: over those who stand in the pool.
  void ComparePool() {
    int64_t cut_off = -1;
    for (const Applicant& other : pools_.applicants) {
      const SectionResult::Decision* const decision = DecisionOn(other);
      if (decision == nullptr || decision->pool() != decision_.pool()) continue;
      if (decision->pool() == ExplainApplicationResponse::QUOTA &&
          other.entry->delegation() != applicant_.entry->delegation()) {
        continue;
      }
      if (other.score == applicant_.score) ++equals_;
      if (decision->booths() > 0 && (cut_off < 0 || other.score < cut_off)) cut_off = other.score;
    }
    response_.set_tie(equals_ > 1);
    if (cut_off >= 0) response_.set_cut_off(FormatPoints(cut_off));
  }

  // By binary search, as decisions are by pseudonym.
  const SectionResult::Decision* DecisionOn(const Applicant& applicant) const {
    const Decisions& decisions = result_.decisions();
    const auto decision = std::lower_bound(
        decisions.begin(), decisions.end(), applicant.entry->pseudonym(),
        [](const auto& decision, const std::string& p) { return decision.pseudonym() < p; });
    const bool found =
        decision != decisions.end() && decision->pseudonym() == applicant.entry->pseudonym();
    return found ? &*decision : nullptr;
  }

  std::string Tell(const NextBooth& next) {
    Sentences text;
    text.Add(PoolAndMethod());
    text.Add("With ", Points(applicant_.score), " this application had rank ", decision_.rank(),
             " of ", pool_->applications(),
             equals_ > 1 ? absl::StrCat("; the lottery ranked the ", equals_,
                                        " applications that had as many points.")
                         : ".");
    if (decision_.booths() > 0) {
      text.Add("It got ", Booths(decision_.booths()), ", of ", applicant_.maximum,
               " that it could have at the most.");
    } else {
      text.Add("It got none, and waits.");
    }
    text.Add(Reason());
    if (!response_.cut_off().empty()) {
      text.Add("The lowest score with a booth was ", response_.cut_off(), ".");
    }
    if (decision_.reason() != kMaximumReached) text.Add(Cost(next));
    return text.Take();
  }

  std::string PoolAndMethod() const {
    const std::string booths = Booths(pool_->booths());
    switch (decision_.pool()) {
      case ExplainApplicationResponse::BRAND_BOOTHS:
        return absl::StrCat("The brand booths of the section, ", booths, ", were divided ",
                            Method());
      case ExplainApplicationResponse::QUOTA:
        return pools_.waiting_list
                   ? absl::StrCat("Of the booths of its delegation in the section, ", booths,
                                  " were returned or left; they went to those who waited, by rank, "
                                  "each as many as it may have while there were any.")
                   : absl::StrCat("The booths of its delegation in the section, ", booths,
                                  ", were divided ", Method());
      case ExplainApplicationResponse::NEWCOMERS:
        return absl::StrCat("The section had ", booths,
                            " for newcomers; they were divided by rank, each as many as it may "
                            "have while there were any, among ",
                            Count(FirmLimit(), "firm", "firms"), " at the most.");
      default:
        return absl::StrCat("In the section, ", booths,
                            " that others had returned or left went to those who waited, by rank, "
                            "each as many as it may have while there were any.");
    }
  }

  std::string Method() const {
    switch (pools_.rule.method) {
      case QuantityMethod::kRanked:
        return "by rank, each as many as it may have while there were any.";
      case QuantityMethod::kScoreStep:
        return absl::StrCat("by steps: one for reaching the base of ", Points(pools_.rule.base),
                            Step());
      case QuantityMethod::kHighestAverages:
        return "in proportion to points, by highest averages (D'Hondt).";
      case QuantityMethod::kLargestRemainder:
        return "in proportion to points, by largest remainders.";
    }
    return "";
  }

  std::string Step() const {
    if (pool_->step().empty()) return ", by rank; no points were left to divide further ones by.";
    const std::pair<int64_t, int64_t> step = StepOf(pool_->step());
    const int64_t floor = step.first / step.second;
    return absl::StrCat(", one more for every ", step.first % step.second == 0 ? "" : "about ",
                        Points(floor), " above it.");
  }

  // `1250/3`; the text is ours.
  static std::pair<int64_t, int64_t> StepOf(std::string_view step) {
    const size_t slash = step.find('/');
    int64_t points = 0;
    int64_t booths = 0;
    if (!absl::SimpleAtoi(step.substr(0, slash), &points) || slash == std::string_view::npos ||
        !absl::SimpleAtoi(step.substr(slash + 1), &booths) || booths <= 0) {
      return {0, 1};
    }
    return {points, booths};
  }

  std::string Reason() const {
    const std::string& reason = decision_.reason();
    if (reason == kMaximumReached) return "It cannot have more.";
    if (reason == kBelowBase) {
      return absl::StrCat("Its points are below the base of ", Points(pools_.rule.base), ".");
    }
    if (reason == kNoPoints) return "In proportion to points nobody gets booths for none.";
    if (reason == kNewcomerFirmsExhausted) {
      return "No more newcomers may have booths in the section, in proportion to its other firms.";
    }
    if (reason == kBelowMinimum) {
      return applicant_.maximum < applicant_.minimum
                 ? absl::StrCat("It needs at least ", Booths(applicant_.minimum),
                                ", but may have no more than ", applicant_.maximum, ".")
                 : absl::StrCat("What it could have had was fewer than the ",
                                Booths(applicant_.minimum), " that it needs at least.");
    }
    return decision_.booths() > 0 ? "All others went to applications with a better claim."
                                  : "All went to applications with a better claim.";
  }

  std::string Cost(const NextBooth& next) const {
    const std::string_view more = decision_.booths() > 0 ? "more" : "a booth";
    if (!next.points.has_value()) {
      return next.proven ? absl::StrCat("No number of further points would have given it ", more,
                                        ", all others as they are.")
                         : absl::StrCat(
                               "No number of further points was found that would have "
                               "given it ",
                               more, ", all others as they are.");
    }
    std::string text =
        absl::StrCat(FormatPoints(*next.points),
                     *next.points == kOnePoint ? " further point" : " further points",
                     " would have given it ", more, ", all others as they are");
    if (!next.proven) {
      absl::StrAppend(&text,
                      "; by this rule it is possible that fewer would have, too, as not all "
                      "could be tried");
    }
    if (const int64_t most = MostPoints(); most > 0 && applicant_.score + *next.points > most) {
      absl::StrAppend(&text, "; the criteria give ", Points(most), " at the most");
    }
    return text + ".";
  }

  // That the criteria give together; 0 where there are none.
  int64_t MostPoints() const {
    int64_t most = 0;
    const auto& criteria =
        pools_.stage == v1::BRAND ? rules_.brand_criteria() : rules_.general_criteria();
    for (const v1::Rules::Criterion& criterion : criteria) {
      most += ParsePoints(criterion.maximum()).value_or(0);
    }
    return most;
  }

  const v1::Rules& rules_;
  const SectionInputs& inputs_;
  const SectionResult& result_;
  const SectionPools& pools_;
  const Applicant& applicant_;
  const SectionResult::Decision& decision_;
  const SectionResult::Pool* pool_ = nullptr;
  int64_t equals_ = 0;  // who have as many points, itself included
  ExplainApplicationResponse response_;
};

ExplainApplicationResponse ExplainExclusion(const SectionInputs::Entry& entry,
                                            const SectionResult::Decision& decision,
                                            std::string lottery_key) {
  ExplainApplicationResponse response;
  response.set_pseudonym(decision.pseudonym());
  response.set_score(FormatPoints(ParsePoints(entry.score()).value_or(0)));
  response.set_pool(decision.pool());
  response.set_lottery_key(std::move(lottery_key));
  response.set_reason(decision.reason());
  response.set_explanation(
      absl::StrCat("This application took no part in the run: ", entry.exclusion(), "."));
  return response;
}

std::string_view PointsOf(const google::protobuf::RepeatedPtrField<v1::VerifiedPoints>& all,
                          std::string_view criterion, std::string* note) {
  for (const v1::VerifiedPoints& points : all) {
    if (points.criterion() != criterion) continue;
    *note = points.note();
    return points.points();
  }
  return "";
}

}  // namespace

absl::StatusOr<ExplainApplicationResponse> Explain(const v1::Rules& rules,
                                                   const SectionInputs& inputs,
                                                   const SectionResult& result,
                                                   std::string_view seed,
                                                   std::string_view pseudonym) {
  const SectionResult::Decision* const decision = FindDecision(result, pseudonym);
  const auto entry = std::find_if(inputs.applications().begin(), inputs.applications().end(),
                                  [&](const auto& e) { return e.pseudonym() == pseudonym; });
  if (entry == inputs.applications().end() || decision == nullptr) return NotInRun(pseudonym);
  if (entry->exclusion().empty() == (decision->reason() == kExcluded)) {
    return OtherInputs(pseudonym);
  }
  if (!entry->exclusion().empty()) {
    return ExplainExclusion(*entry, *decision,
                            LotteryKey(seed, LastSegment(inputs.name()), pseudonym));
  }
  if (inputs.stage() == v1::PLACEMENT)
    return ExplainPlacement(rules, inputs, result, seed, pseudonym);
  const absl::StatusOr<SectionPools> pools = ReadSectionPools(rules, inputs, seed);
  if (!pools.ok()) return pools.status();
  const auto applicant =
      std::find_if(pools->applicants.begin(), pools->applicants.end(),
                   [&](const Applicant& a) { return a.entry->pseudonym() == pseudonym; });
  return Explainer(rules, inputs, result, *pools, *applicant, *decision).Explain();
}

void AddPoints(const v1::Rules& rules, const v1::Application& application,
               ExplainApplicationResponse& response) {
  const auto& criteria = application.kind() == v1::Application::BRAND ? rules.brand_criteria()
                                                                      : rules.general_criteria();
  if (application.kind() == v1::Application::SPECIAL) return;
  for (const v1::Rules::Criterion& criterion : criteria) {
    ExplainApplicationResponse::CriterionPoints& points = *response.add_points();
    points.set_criterion(criterion.id());
    points.set_title(criterion.title());
    points.set_maximum(criterion.maximum());
    for (const v1::Application::ClaimedPoints& claimed : application.claimed_points()) {
      if (claimed.criterion() != criterion.id()) continue;
      points.set_claimed(claimed.points());
      *points.mutable_documents() = claimed.documents();
    }
    std::string note;
    std::string_view counts = PointsOf(application.rechecked_points(), criterion.id(), &note);
    if (counts.empty()) counts = PointsOf(application.verified_points(), criterion.id(), &note);
    points.set_verified(std::string(counts));
    points.set_note(note);
  }
}

void CompareSection(std::string_view section, const SectionResult& run, const SectionResult& other,
                    int limit, v1::CompareAllocationsResponse& response) {
  v1::CompareAllocationsResponse::SectionComparison& comparison = *response.add_sections();
  comparison.set_section(std::string(section));
  comparison.set_firms(run.firms());
  comparison.set_other_firms(other.firms());
  comparison.set_booths(run.booths());
  comparison.set_other_booths(other.booths());
  const auto differ = [&](const std::string& pseudonym, int32_t booths, int32_t other_booths) {
    if (booths == other_booths) return;
    response.set_differing_applications(response.differing_applications() + 1);
    if (response.differences_size() >= limit) return;
    v1::CompareAllocationsResponse::Difference& difference = *response.add_differences();
    difference.set_section(std::string(section));
    difference.set_pseudonym(pseudonym);
    difference.set_booths(booths);
    difference.set_other_booths(other_booths);
  };
  const Decisions& a = run.decisions();
  const Decisions& b = other.decisions();
  for (int i = 0, k = 0; i < a.size() || k < b.size();) {
    if (k == b.size() || (i < a.size() && a[i].pseudonym() < b[k].pseudonym())) {
      differ(a[i].pseudonym(), a[i].booths(), 0);
      ++i;
    } else if (i == a.size() || b[k].pseudonym() < a[i].pseudonym()) {
      differ(b[k].pseudonym(), 0, b[k].booths());
      ++k;
    } else {
      differ(a[i].pseudonym(), a[i].booths(), b[k].booths());
      ++i;
      ++k;
    }
  }
}

}  // namespace caravan::fairs
