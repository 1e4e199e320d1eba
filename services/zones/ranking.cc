#include "services/zones/ranking.h"

#include <openssl/sha.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/decimal.h"
#include "services/zones/evaluation.h"

namespace caravan::zones {

using v1::Evaluation;
using v1::ExplainEvaluationResponse;
using v1::Ranking;
using v1::Submission;

namespace {

constexpr size_t kNamed = 10;  // resources that a message names

// The values of a submission by indicator.
using Values = std::map<std::string_view, Decimal>;

Values ValuesOf(const Submission& submission) {
  Values values;
  for (const auto& value : submission.values()) {
    // What is stored matches the pattern of its contract.
    values.emplace(value.indicator(), Decimal::Parse(value.value()).value_or(Decimal()));
  }
  return values;
}

Decimal Number(const std::string& text) { return Decimal::Parse(text).value_or(Decimal()); }

struct Range {
  Decimal min, max;
};

// The only rounding of an evaluation; docs/decisions/0009.
Decimal Share(Decimal part, Decimal whole) {
  return Decimal::Quotient(part, whole, 12, Rounding::kHalfToEven);
}

Decimal Normalise(const Evaluation::Indicator& indicator, Decimal value, const Range& range) {
  if (indicator.normalisation() == Evaluation::MIN_MAX) {
    if (range.min == range.max) return Decimal::Of(1);
    const bool higher = indicator.direction() == Evaluation::HIGHER_IS_BETTER;
    return Share(higher ? value - range.min : range.max - value, range.max - range.min);
  }
  const Decimal base = Number(indicator.base()), target = Number(indicator.target());
  const Decimal part = target > base ? value - base : base - value;
  const Decimal whole = target > base ? target - base : base - target;
  if (part <= Decimal()) return Decimal();
  return part >= whole ? Decimal::Of(1) : Share(part, whole);
}

// The zone's value, what it was held against, and what it came to.
ExplainEvaluationResponse::Contribution Contribution(const Evaluation::Indicator& indicator,
                                                     Decimal value, const Range& range) {
  const Decimal x = Normalise(indicator, value, range);
  ExplainEvaluationResponse::Contribution contribution;
  contribution.set_indicator(indicator.id());
  contribution.set_title(indicator.title());
  contribution.set_value(value.ToString());
  contribution.set_direction(indicator.direction());
  contribution.set_normalisation(indicator.normalisation());
  if (indicator.normalisation() == Evaluation::MIN_MAX) {
    contribution.set_min(range.min.ToString());
    contribution.set_max(range.max.ToString());
  } else {
    contribution.set_base(Number(indicator.base()).ToString());
    contribution.set_target(Number(indicator.target()).ToString());
  }
  contribution.set_normalised(x.ToString());
  contribution.set_weight(Number(indicator.weight()).ToString());
  contribution.set_contribution(Decimal::Product(Number(indicator.weight()), x).ToString());
  return contribution;
}

// A ranked zone while it is scored.
struct Place {
  const Entrant* entrant;
  Values values;
  Decimal score;
  int rank = 0;
};

// Position of the tier of a rank and score among so many ranked zones.
int TierOf(const Evaluation& evaluation, int rank, Decimal score, int zones) {
  Decimal sum;
  const int last = evaluation.tiers_size() - 1;
  for (int i = 0; i < last; ++i) {
    const Decimal bound = Number(evaluation.tiers(i).bound());
    sum = sum + bound;
    switch (evaluation.tier_rule()) {
      case Evaluation::THRESHOLD:
        if (score >= bound) return i;
        break;
      case Evaluation::SHARE:
        if (Decimal::Of(rank) <= sum * zones) return i;
        break;
      default:
        if (Decimal::Of(rank) <= sum) return i;
    }
  }
  return last;
}

// How many places the tiers up to one have, without ties.
int64_t PlacesUpTo(const Evaluation& evaluation, int tier, int zones) {
  Decimal sum;
  for (int i = 0; i <= tier; ++i) sum = sum + Number(evaluation.tiers(i).bound());
  return (evaluation.tier_rule() == Evaluation::SHARE ? sum * zones : sum).Floor();
}

// Lines of words, for a digest.
class Lines {
 public:
  template <class... Words>
  void Add(const Words&... words) {
    absl::StrAppend(&text_, absl::StrJoin(std::make_tuple(words...), " "), "\n");
  }

  std::string Digest() const {
    std::string digest(SHA256_DIGEST_LENGTH, '\0');
    SHA256(reinterpret_cast<const unsigned char*>(text_.data()), text_.size(),
           reinterpret_cast<unsigned char*>(digest.data()));
    return absl::BytesToHexString(digest);
  }

 private:
  std::string text_;
};

std::string Written(const std::string& number) {
  return number.empty() ? "-" : Number(number).ToString();
}

std::string InputsDigest(const Evaluation& evaluation, const std::vector<Place>& by_name,
                         const std::vector<const Entrant*>& missing) {
  Lines lines;
  lines.Add("caravan evaluation inputs 1");
  lines.Add("evaluation", evaluation.name(),
            api::FormatDay(api::FirstDay(evaluation.reference_date())));
  for (const auto& indicator : evaluation.indicators()) {
    lines.Add("indicator", indicator.id(), Evaluation::Direction_Name(indicator.direction()),
              Evaluation::Normalisation_Name(indicator.normalisation()),
              Written(indicator.weight()), Written(indicator.base()), Written(indicator.target()));
  }
  lines.Add("tiers", Evaluation::TierRule_Name(evaluation.tier_rule()));
  for (const auto& tier : evaluation.tiers()) lines.Add("tier", tier.id(), Written(tier.bound()));
  for (const Place& place : by_name) {
    lines.Add("zone", place.entrant->pilot_zone);
    for (const auto& indicator : evaluation.indicators()) {
      lines.Add("value", indicator.id(), place.values.at(indicator.id()).ToString());
    }
  }
  for (const Entrant* entrant : missing) lines.Add("missing", entrant->pilot_zone);
  return lines.Digest();
}

std::string ResultDigest(const Ranking& ranking) {
  Lines lines;
  lines.Add("caravan evaluation result 1");
  lines.Add("inputs", ranking.inputs_digest());
  for (const auto& range : ranking.ranges()) {
    lines.Add("range", range.indicator(), range.min(), range.max());
  }
  for (const auto& standing : ranking.standings()) {
    lines.Add("standing", standing.pilot_zone(), standing.rank(), standing.score(),
              standing.tier());
  }
  for (const auto& missing : ranking.missing()) lines.Add("missing", missing.pilot_zone());
  return lines.Digest();
}

absl::Status NotVerified(const Evaluation& evaluation, const std::vector<std::string>& names) {
  const std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<ptrdiff_t>(std::min(names.size(), kNamed)));
  const size_t more = names.size() - first.size();
  return api::Error(absl::StatusCode::kFailedPrecondition, "SUBMISSIONS_NOT_VERIFIED",
                    absl::StrCat(evaluation.name(), " cannot be scored while these are SUBMITTED: ",
                                 absl::StrJoin(first, ", "),
                                 more > 0 ? absl::StrCat(" and ", more, " more") : "",
                                 "; verify or return each of them"))
      .With("resource", evaluation.name())
      .With("submissions", absl::StrCat(names.size()))
      .Precondition("STATE", first[0], "is SUBMITTED");
}

// Why a zone has no place.
absl::Status Missing(const Evaluation& evaluation, const Ranking& ranking,
                     std::string_view pilot_zone) {
  const auto missing =
      std::find_if(ranking.missing().begin(), ranking.missing().end(),
                   [&](const Ranking::MissingZone& m) { return m.pilot_zone() == pilot_zone; });
  std::string why = "need not submit to it";
  if (missing != ranking.missing().end()) {
    why = missing->submission().empty()
              ? "has not submitted anything"
              : absl::StrCat("has a submission that was ", Submission::State_Name(missing->state()),
                             " when it was scored");
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "ZONE_MISSING",
                    absl::StrCat(pilot_zone, " has no place in ", evaluation.name(), ": it ", why))
      .With("resource", pilot_zone)
      .Precondition("SUBMISSION", pilot_zone, why);
}

// The least and greatest values by the position of the indicator.
std::vector<Range> RangesOf(const Evaluation& evaluation, const std::vector<Place>& places) {
  std::vector<Range> ranges;
  for (const auto& indicator : evaluation.indicators()) {
    Range range;
    for (const Place& place : places) {
      const Decimal value = place.values.at(indicator.id());
      const bool first = &place == &places.front();
      if (first || value < range.min) range.min = value;
      if (first || value > range.max) range.max = value;
    }
    ranges.push_back(range);
  }
  return ranges;
}

void Score(const Evaluation& evaluation, const std::vector<Range>& ranges,
           std::vector<Place>& places) {
  for (Place& place : places) {
    for (int i = 0; i < evaluation.indicators_size(); ++i) {
      const auto& indicator = evaluation.indicators(i);
      const Decimal x =
          Normalise(indicator, place.values.at(indicator.id()), ranges[static_cast<size_t>(i)]);
      place.score = place.score + Decimal::Product(Number(indicator.weight()), x);
    }
  }
  // They come by name, which thus decides among equals.
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.score > b.score; });
  for (size_t i = 0; i < places.size(); ++i) {
    const bool tied = i > 0 && places[i].score == places[i - 1].score;
    places[i].rank = tied ? places[i - 1].rank : static_cast<int>(i) + 1;
  }
}

// What a zone in the tier at a position lacks to the one above. Nothing where
// there is none, or none that has places.
std::optional<ExplainEvaluationResponse::TierGap> Above(const Evaluation& evaluation,
                                                        const Ranking& ranking, int tier,
                                                        Decimal score) {
  if (tier == 0) return std::nullopt;
  ExplainEvaluationResponse::TierGap gap;
  Decimal needed;
  if (evaluation.tier_rule() == Evaluation::THRESHOLD) {
    needed = Number(evaluation.tiers(tier - 1).bound());
    gap.set_tier(evaluation.tiers(tier - 1).id());
  } else {
    // Who has the score of the last place shares its rank, and its tier.
    const int64_t places = PlacesUpTo(evaluation, tier - 1, ranking.standings_size());
    if (places == 0) return std::nullopt;
    const auto& last = ranking.standings(static_cast<int>(places) - 1);
    needed = Number(last.score());
    gap.set_tier(last.tier());
  }
  gap.set_score(needed.ToString());
  gap.set_points((needed - score).ToString());
  return gap;
}

// How far it is ahead of the best zone of a tier below; nothing where it is in
// the last tier that has zones.
std::optional<ExplainEvaluationResponse::TierGap> AheadOf(const Ranking& ranking,
                                                          const Ranking::Standing& standing) {
  bool behind = false;
  for (const auto& other : ranking.standings()) {
    behind = behind || other.pilot_zone() == standing.pilot_zone();
    if (!behind || other.tier() == standing.tier()) continue;
    ExplainEvaluationResponse::TierGap gap;
    gap.set_tier(other.tier());
    gap.set_score(other.score());
    gap.set_points((Number(standing.score()) - Number(other.score())).ToString());
    return gap;
  }
  return std::nullopt;
}

std::string Sentence(const ExplainEvaluationResponse& response) {
  std::string text = absl::StrCat(response.pilot_zone(), " has ", response.score(),
                                  " points, rank ", response.rank(), " of ",
                                  response.ranked_zones(), ", and is in tier ", response.tier());
  if (response.has_above()) {
    absl::StrAppend(&text, "; it lacks ", response.above().points(), " points to tier ",
                    response.above().tier());
  }
  if (response.has_below()) {
    absl::StrAppend(&text, "; it is ", response.below().points(), " points ahead of tier ",
                    response.below().tier());
  }
  return text;
}

int PositionOf(const Evaluation& evaluation, std::string_view tier) {
  int i = 0;
  while (i + 1 < evaluation.tiers_size() && evaluation.tiers(i).id() != tier) ++i;
  return i;
}

}  // namespace

absl::StatusOr<Ranking> Rank(const Evaluation& evaluation, std::vector<Entrant> entrants) {
  std::sort(entrants.begin(), entrants.end(),
            [](const Entrant& a, const Entrant& b) { return a.pilot_zone < b.pilot_zone; });
  std::vector<Place> places;
  std::vector<const Entrant*> missing;
  std::vector<std::string> not_verified;
  for (const Entrant& entrant : entrants) {
    const auto state =
        entrant.submission ? entrant.submission->state() : Submission::STATE_UNSPECIFIED;
    if (state == Submission::SUBMITTED) {
      not_verified.push_back(entrant.submission->name());
    } else if (state == Submission::VERIFIED) {
      if (absl::Status s = CheckComplete(evaluation, *entrant.submission); !s.ok()) return s;
      places.push_back({&entrant, ValuesOf(*entrant.submission), {}});
    } else {
      missing.push_back(&entrant);
    }
  }
  if (!not_verified.empty()) return NotVerified(evaluation, not_verified);
  if (places.empty()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "NO_SUBMISSIONS",
                      absl::StrCat(evaluation.name(), " has no VERIFIED submission of any of the ",
                                   entrants.size(),
                                   " zones that must submit; there is nothing "
                                   "to score"))
        .With("resource", evaluation.name());
  }

  Ranking ranking;
  ranking.set_inputs_digest(InputsDigest(evaluation, places, missing));
  const std::vector<Range> ranges = RangesOf(evaluation, places);
  for (int i = 0; i < evaluation.indicators_size(); ++i) {
    if (evaluation.indicators(i).normalisation() != Evaluation::MIN_MAX) continue;
    auto* range = ranking.add_ranges();
    range->set_indicator(evaluation.indicators(i).id());
    range->set_min(ranges[static_cast<size_t>(i)].min.ToString());
    range->set_max(ranges[static_cast<size_t>(i)].max.ToString());
  }
  Score(evaluation, ranges, places);
  for (const Place& place : places) {
    const int tier = TierOf(evaluation, place.rank, place.score, static_cast<int>(places.size()));
    auto* standing = ranking.add_standings();
    standing->set_pilot_zone(place.entrant->pilot_zone);
    standing->set_submission(place.entrant->submission->name());
    standing->set_rank(place.rank);
    standing->set_score(place.score.ToString());
    standing->set_tier(evaluation.tiers(tier).id());
  }
  for (const Entrant* entrant : missing) {
    auto* zone = ranking.add_missing();
    zone->set_pilot_zone(entrant->pilot_zone);
    if (!entrant->submission) continue;
    zone->set_submission(entrant->submission->name());
    zone->set_state(entrant->submission->state());
  }
  ranking.set_digest(ResultDigest(ranking));
  return ranking;
}

absl::Status CheckUnchanged(const Evaluation& evaluation, const Ranking& scored,
                            const absl::StatusOr<Ranking>& now) {
  // What could not be scored now was another when it was.
  const bool refused = now.status().code() == absl::StatusCode::kFailedPrecondition;
  if (!now.ok() && !refused) return now.status();
  if (now.ok() && now->digest() == scored.digest()) return absl::OkStatus();
  return api::Error(absl::StatusCode::kFailedPrecondition, "INPUTS_CHANGED",
                    absl::StrCat("submissions, indicators, tiers or zones of ", evaluation.name(),
                                 " have changed since it was scored as ", evaluation.result(),
                                 refused ? absl::StrCat(" (", now.status().message(), ")") : "",
                                 "; score it again"))
      .With("resource", evaluation.name())
      .With("scored_digest", scored.digest())
      .Precondition("INPUTS", evaluation.name(), "are not those that were scored");
}

absl::StatusOr<ExplainEvaluationResponse> Explain(const Evaluation& evaluation,
                                                  const Ranking& ranking,
                                                  std::string_view pilot_zone,
                                                  const Submission& submission) {
  const auto standing =
      std::find_if(ranking.standings().begin(), ranking.standings().end(),
                   [&](const Ranking::Standing& s) { return s.pilot_zone() == pilot_zone; });
  if (standing == ranking.standings().end()) return Missing(evaluation, ranking, pilot_zone);
  ExplainEvaluationResponse response;
  response.set_pilot_zone(standing->pilot_zone());
  response.set_rank(standing->rank());
  response.set_ranked_zones(ranking.standings_size());
  response.set_score(standing->score());
  response.set_tier(standing->tier());
  response.set_digest(ranking.digest());
  const Values values = ValuesOf(submission);
  int next = 0;  // of the ranges, which follow the indicators
  for (const auto& indicator : evaluation.indicators()) {
    Range range;
    if (indicator.normalisation() == Evaluation::MIN_MAX) {
      range = {Number(ranking.ranges(next).min()), Number(ranking.ranges(next).max())};
      ++next;
    }
    *response.add_contributions() = Contribution(indicator, values.at(indicator.id()), range);
  }
  if (auto above = Above(evaluation, ranking, PositionOf(evaluation, standing->tier()),
                         Number(standing->score()))) {
    *response.mutable_above() = *std::move(above);
  }
  if (auto below = AheadOf(ranking, *standing)) *response.mutable_below() = *std::move(below);
  response.set_explanation(Sentence(response));
  return response;
}

}  // namespace caravan::zones
