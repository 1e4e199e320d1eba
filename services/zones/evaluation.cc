#include "services/zones/evaluation.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/zones/decimal.h"
#include "services/zones/pilot_zone.h"

namespace caravan::zones {

using v1::Evaluation;
using v1::Submission;

namespace {

constexpr size_t kNamed = 10;  // indicators that a message names

// Adds a violation for every id that comes twice.
template <class Items>
void CheckIds(const Items& items, const std::string& path, api::Violations& violations) {
  std::set<std::string_view> seen;
  for (int i = 0; i < items.size(); ++i) {
    const std::string& id = items[i].id();
    if (id.empty() || seen.insert(id).second) continue;
    violations.Add(absl::StrCat(path, "[", i, "].id"),
                   absl::StrCat("'", id, "' comes twice in ", path, "; ids must differ"));
  }
}

void CheckIndicator(const Evaluation::Indicator& indicator, const std::string& at,
                    api::Violations& violations) {
  // What is no number, its contract refuses.
  const std::optional<Decimal> weight = Decimal::Parse(indicator.weight());
  if (weight.has_value() && *weight <= Decimal()) {
    violations.Add(at + ".weight", "is 0; must be above 0");
  }
  if (indicator.normalisation() != Evaluation::TARGET) {
    for (const auto& [field, value] :
         {std::pair(".base", indicator.base()), std::pair(".target", indicator.target())}) {
      if (!value.empty()) {
        violations.Add(at + field, "is for indicators with a TARGET; leave it out");
      }
    }
    return;
  }
  if (indicator.target().empty()) {
    violations.Add(at + ".target", "is required for an indicator with a TARGET");
    return;
  }
  const std::optional<Decimal> target = Decimal::Parse(indicator.target());
  const std::optional<Decimal> base =
      indicator.base().empty() ? Decimal() : Decimal::Parse(indicator.base());
  if (!target.has_value() || !base.has_value()) return;
  const bool higher = indicator.direction() == Evaluation::HIGHER_IS_BETTER;
  if (higher ? *target <= *base : *target >= *base) {
    violations.Add(at + ".target",
                   absl::StrCat("is ", indicator.target(), "; must be ", higher ? "above" : "below",
                                " the base, which is ", base->ToString(), ", where ",
                                higher ? "higher" : "lower", " is better"));
  }
}

void CheckTiers(const Evaluation& evaluation, api::Violations& violations) {
  Decimal sum, previous;
  for (int i = 0; i < evaluation.tiers_size(); ++i) {
    const std::string at = absl::StrCat("tiers[", i, "].bound");
    const std::string& text = evaluation.tiers(i).bound();
    if (i + 1 == evaluation.tiers_size()) {
      if (!text.empty()) {
        violations.Add(at, "is of the last tier, which takes whoever is left; leave it out");
      }
      continue;
    }
    if (text.empty()) {
      violations.Add(at, "is required, but for the last tier");
      continue;
    }
    const std::optional<Decimal> bound = Decimal::Parse(text);
    if (!bound.has_value()) continue;  // its contract refuses it
    sum = sum + *bound;
    if (*bound <= Decimal()) {
      violations.Add(at, "is 0; must be above 0");
    } else if (evaluation.tier_rule() == Evaluation::COUNT && !bound->IsWhole()) {
      violations.Add(at, absl::StrCat("is ", text, "; must be a whole number of zones"));
    } else if (evaluation.tier_rule() == Evaluation::SHARE && sum > Decimal::Of(1)) {
      violations.Add(at, absl::StrCat("makes the shares ", sum.ToString(),
                                      "; together they must be 1 at the most"));
    } else if (evaluation.tier_rule() == Evaluation::THRESHOLD && i > 0 && *bound >= previous) {
      violations.Add(at, absl::StrCat("is ", text, "; must be below that of the tier before, ",
                                      previous.ToString()));
    }
    previous = *bound;
  }
}

}  // namespace

std::string SubmissionName(std::string_view evaluation, std::string_view pilot_zone) {
  return absl::StrCat(evaluation, "/submissions/", pilot_zone.substr(pilot_zone.find('/') + 1));
}

std::string EvaluationOf(std::string_view name) {
  return std::string(name.substr(0, name.find('/', name.find('/') + 1)));
}

bool MustSubmit(const Evaluation& evaluation, const v1::PilotZone& zone) {
  const auto& batches = evaluation.batches();
  return IsInForce(zone, api::FirstDay(evaluation.reference_date())) &&
         (batches.empty() ||
          std::find(batches.begin(), batches.end(), zone.batch()) != batches.end());
}

absl::Status CheckEvaluation(const Evaluation& evaluation) {
  api::Violations violations;
  CheckIds(evaluation.indicators(), "indicators", violations);
  CheckIds(evaluation.tiers(), "tiers", violations);
  for (int i = 0; i < evaluation.indicators_size(); ++i) {
    CheckIndicator(evaluation.indicators(i), absl::StrCat("indicators[", i, "]"), violations);
  }
  CheckTiers(evaluation, violations);
  return violations.ToStatus();
}

absl::Status CheckNotPublished(const Evaluation& evaluation, std::string_view what) {
  if (evaluation.state() != Evaluation::PUBLISHED) return absl::OkStatus();
  return api::Error(absl::StatusCode::kFailedPrecondition, "EVALUATION_PUBLISHED",
                    absl::StrCat(evaluation.name(), " is PUBLISHED, which freezes it and its ",
                                 "submissions; ", what, " cannot change"))
      .With("resource", evaluation.name())
      .Precondition("STATE", evaluation.name(), "is PUBLISHED");
}

absl::Status CheckValues(const Evaluation& evaluation, const Submission& submission) {
  std::vector<std::string> ids;
  for (const auto& indicator : evaluation.indicators()) ids.push_back(indicator.id());
  api::Violations violations;
  std::set<std::string_view> seen;
  for (int i = 0; i < submission.values_size(); ++i) {
    const std::string& id = submission.values(i).indicator();
    if (id.empty()) continue;  // its contract requires it
    const std::string at = absl::StrCat("values[", i, "].indicator");
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
      const std::vector<std::string> near = api::NearNames(id, ids);
      violations.Add(
          at, absl::StrCat("is ", api::Quoted(id), ", which is no indicator of ", evaluation.name(),
                           near.empty() ? "" : "; did you mean ", absl::StrJoin(near, ", ")));
    } else if (!seen.insert(id).second) {
      violations.Add(at, absl::StrCat("'", id, "' is there twice; each indicator has one value"));
    }
  }
  return violations.ToStatus();
}

absl::Status CheckComplete(const Evaluation& evaluation, const Submission& submission) {
  std::set<std::string_view> has;
  for (const auto& value : submission.values()) has.insert(value.indicator());
  std::vector<std::string_view> lacking;
  for (const auto& indicator : evaluation.indicators()) {
    if (has.count(indicator.id()) == 0) lacking.push_back(indicator.id());
  }
  if (lacking.empty()) return absl::OkStatus();
  const size_t more = lacking.size() > kNamed ? lacking.size() - kNamed : 0;
  lacking.resize(lacking.size() - more);
  return api::Error(
             absl::StatusCode::kFailedPrecondition, "SUBMISSION_INCOMPLETE",
             absl::StrCat(submission.name(), " has no value of ", absl::StrJoin(lacking, ", "),
                          more > 0 ? absl::StrCat(" and ", more, " more") : "",
                          "; each indicator of ", evaluation.name(), " needs one"))
      .With("resource", submission.name())
      .With("indicators", absl::StrJoin(lacking, ","))
      .Precondition("VALUES", submission.name(),
                    absl::StrCat("has no value of ", absl::StrJoin(lacking, ", ")));
}

}  // namespace caravan::zones
