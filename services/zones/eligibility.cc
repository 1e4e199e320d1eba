#include "services/zones/eligibility.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/zones/policy.h"

namespace caravan::zones {

using v1::EligibilityContext;
using v1::Outcome;
using v1::PilotZone;
using v1::Policy;

namespace {

// The zone that answers for `name` on a day; nothing where none does.
absl::StatusOr<std::optional<PilotZone>> AnsweringZone(const std::string& name, int64_t day,
                                                       FindPilotZone find) {
  absl::StatusOr<std::optional<PilotZone>> zone = ResolvePilotZone(name, day, find);
  if (zone.status().code() == absl::StatusCode::kFailedPrecondition) return std::nullopt;
  return zone;
}

// Whether the zone that a piece of evidence names is, on the day, the one that
// answers for the enterprise.
absl::StatusOr<bool> IsAtHome(const EligibilityContext& context, const std::string& zone,
                              const std::string& field, int64_t day, FindPilotZone find) {
  absl::StatusOr<std::optional<PilotZone>> exists = find(zone);
  if (!exists.ok()) return exists.status();
  if (!exists->has_value()) {
    api::Violations violations;
    violations.Add(field, absl::StrCat("refers to ", zone, ", which does not exist"));
    return violations.ToStatus("REFERENCE_NOT_FOUND");
  }
  absl::StatusOr<std::optional<PilotZone>> answering = AnsweringZone(zone, day, find);
  if (!answering.ok()) return answering.status();
  return answering->has_value() && context.has_pilot_zone() &&
         (*answering)->name() == context.pilot_zone().name();
}

// Whether a list contains goods; nothing where the code is too short to tell.
std::optional<bool> Contains(const Policy::GoodsList& list, const std::string& hs_code) {
  bool may_contain = false;
  for (const std::string& prefix : list.hs_codes()) {
    if (absl::StartsWith(hs_code, prefix)) return true;
    may_contain |= absl::StartsWith(prefix, hs_code);
  }
  if (may_contain) return std::nullopt;
  return false;
}

bool CoversMode(const Policy::Clause& clause, const std::string& mode) {
  return clause.supervision_modes().empty() ||
         std::find(clause.supervision_modes().begin(), clause.supervision_modes().end(), mode) !=
             clause.supervision_modes().end();
}

bool CoversZone(const Policy::Clause& clause, const EligibilityContext& context) {
  return clause.pilot_zones().empty() ||
         std::any_of(clause.pilot_zones().begin(), clause.pilot_zones().end(),
                     [&](const std::string& zone) {
                       return zone == context.enterprise().pilot_zone() ||
                              (context.has_pilot_zone() && zone == context.pilot_zone().name());
                     });
}

// `from 2018-10-01`, `until 2020-01-01`, `from ... until ...`.
std::string Period(const google::type::Date& from, const google::type::Date& to) {
  std::string text;
  if (!api::IsUnset(from)) absl::StrAppend(&text, " from ", api::FormatDate(from));
  if (!api::IsUnset(to)) absl::StrAppend(&text, " until ", api::FormatDate(to));
  return text;
}

// Why a clause does not apply; empty where it does.
std::string WhyNotApplicable(const Policy& policy, const Policy::Clause& clause,
                             const EligibilityContext& context) {
  int64_t day = api::FirstDay(context.effective_date());
  const v1::SupervisionMode& mode = context.supervision_mode();
  std::string on = absl::StrCat(", not on ", api::FormatDay(day));
  if (policy.state() == Policy::DRAFT) {
    return absl::StrCat(policy.name(), " is a draft and has never been in force");
  }
  if (!IsInForce(policy, day)) {
    return absl::StrCat(policy.name(), " is in force",
                        Period(policy.effective_date(), policy.repeal_date()), on);
  }
  if (!api::InForce(clause.start_date(), clause.end_date(), day)) {
    return absl::StrCat("the clause applies", Period(clause.start_date(), clause.end_date()), on);
  }
  if (!CoversMode(clause, mode.name())) {
    return absl::StrCat("the clause covers ", absl::StrJoin(clause.supervision_modes(), ", "),
                        ", not ", mode.name());
  }
  if (!api::InForce(mode.introduction_date(), mode.end_date(), day)) {
    return absl::StrCat(mode.name(), " may be used",
                        Period(mode.introduction_date(), mode.end_date()), on);
  }
  if (!CoversZone(clause, context)) {
    return absl::StrCat(
        "the clause covers certain zones, and ",
        context.has_pilot_zone() ? absl::StrCat(context.pilot_zone().name(), ", which answers for ")
                                 : "no zone answers for ",
        context.enterprise().name(), context.has_pilot_zone() ? ", is not among them" : "");
  }
  return "";
}

Outcome OutcomeOf(api::Truth truth) {
  switch (truth) {
    case api::Truth::kTrue:
      return v1::MET;
    case api::Truth::kFalse:
      return v1::FAILED;
    case api::Truth::kUnknown:
      return v1::NOT_EVIDENCED;
  }
  return v1::NOT_EVIDENCED;
}

// `"Goods are logged" does not hold: evidence.goods_logged is false.`
std::string Explain(const Policy::Condition& condition, Outcome outcome,
                    const std::vector<api::Seen>& seen) {
  std::string_view says = outcome == v1::MET      ? "holds"
                          : outcome == v1::FAILED ? "does not hold"
                                                  : "is not evidenced";
  std::string text = absl::StrCat("\"", condition.title(), "\" ", says);
  std::string_view separator = ": ";
  for (const api::Seen& field : seen) {
    absl::StrAppend(&text, separator, field.path,
                    field.value.has_value() ? absl::StrCat(" is ", *field.value) : " is not set");
    separator = ", ";
  }
  return absl::StrCat(text, ".");
}

absl::StatusOr<v1::ConditionFinding> CheckCondition(const Policy& policy,
                                                    const Policy::Condition& condition,
                                                    const EligibilityContext& context) {
  absl::StatusOr<api::Filter> filter =
      api::Filter::Parse(condition.expression(), EligibilityContext::descriptor(), "expression");
  if (!filter.ok()) {
    // It was checked when the policy was written; the contract has changed since.
    return api::Error(absl::StatusCode::kFailedPrecondition, "CONDITION_NOT_EVALUABLE",
                      absl::StrCat(policy.name(), " has a condition '", condition.id(),
                                   "' that cannot be evaluated any more; correct the policy: ",
                                   filter.status().message()))
        .With("resource", policy.name())
        .With("condition", condition.id());
  }
  api::Explanation explanation = filter->Explain(context);
  v1::ConditionFinding finding;
  finding.set_condition(condition.id());
  finding.set_outcome(OutcomeOf(explanation.truth));
  finding.set_explanation(Explain(condition, finding.outcome(), explanation.seen));
  for (api::Seen& seen : explanation.seen) {
    v1::SeenValue* value = finding.add_seen();
    value->set_field(std::move(seen.path));
    if (seen.value.has_value()) value->set_value(std::move(*seen.value));
  }
  return finding;
}

// FAILED where one failed, else NOT_EVIDENCED where one is not evidenced, else
// MET. Those that are NOT_APPLICABLE do not count; where none counts, neither
// does the whole.
template <class Findings>
Outcome Combine(const Findings& findings) {
  auto has = [&](Outcome outcome) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const auto& f) { return f.outcome() == outcome; });
  };
  for (Outcome outcome : {v1::FAILED, v1::NOT_EVIDENCED, v1::MET}) {
    if (has(outcome)) return outcome;
  }
  return v1::NOT_APPLICABLE;
}

absl::StatusOr<v1::ClauseFinding> CheckClause(const Policy& policy, const Policy::Clause& clause,
                                              const EligibilityContext& context) {
  v1::ClauseFinding finding;
  finding.set_clause(clause.id());
  finding.set_reason(WhyNotApplicable(policy, clause, context));
  if (!finding.reason().empty()) {
    finding.set_outcome(v1::NOT_APPLICABLE);
    return finding;
  }
  for (const Policy::Condition& condition : clause.conditions()) {
    absl::StatusOr<v1::ConditionFinding> checked = CheckCondition(policy, condition, context);
    if (!checked.ok()) return checked.status();
    *finding.add_conditions() = *std::move(checked);
  }
  finding.set_outcome(Combine(finding.conditions()));
  return finding;
}

}  // namespace

absl::StatusOr<EligibilityContext> MakeEligibilityContext(const EligibilityQuery& query,
                                                          FindPilotZone find) {
  EligibilityContext context;
  *context.mutable_enterprise() = query.enterprise;
  *context.mutable_supervision_mode() = query.supervision_mode;
  *context.mutable_goods() = query.goods;
  *context.mutable_effective_date() = api::DateOfDay(query.day);
  *context.mutable_evidence() = query.evidence;
  if (!query.enterprise.pilot_zone().empty()) {
    absl::StatusOr<std::optional<PilotZone>> home =
        AnsweringZone(query.enterprise.pilot_zone(), query.day, find);
    if (!home.ok()) return home.status();
    if (home->has_value()) *context.mutable_pilot_zone() = **std::move(home);
  }
  if (query.evidence.has_declaration_zone()) {
    absl::StatusOr<bool> at_home = IsAtHome(context, query.evidence.declaration_zone(),
                                            "evidence.declaration_zone", query.day, find);
    if (!at_home.ok()) return at_home.status();
    context.set_declared_at_home_zone(*at_home);
  }
  if (query.evidence.has_platform_registration_zone()) {
    absl::StatusOr<bool> at_home = IsAtHome(context, query.evidence.platform_registration_zone(),
                                            "evidence.platform_registration_zone", query.day, find);
    if (!at_home.ok()) return at_home.status();
    context.set_logged_at_home_zone(*at_home);
  }
  return context;
}

bool Covers(const Policy& policy, const std::string& supervision_mode, int64_t day) {
  return IsInForce(policy, day) &&
         std::any_of(policy.clauses().begin(), policy.clauses().end(),
                     [&](const Policy::Clause& clause) {
                       return api::InForce(clause.start_date(), clause.end_date(), day) &&
                              CoversMode(clause, supervision_mode);
                     });
}

absl::StatusOr<v1::PolicyFinding> CheckPolicyEligibility(const Policy& policy,
                                                         const EligibilityContext& context) {
  EligibilityContext with_lists = context;
  for (const Policy::GoodsList& list : policy.goods_lists()) {
    std::optional<bool> contains = Contains(list, context.goods().hs_code());
    if (contains.has_value()) (*with_lists.mutable_goods_lists())[list.id()] = *contains;
  }
  v1::PolicyFinding finding;
  finding.set_policy(policy.name());
  for (const Policy::Clause& clause : policy.clauses()) {
    absl::StatusOr<v1::ClauseFinding> checked = CheckClause(policy, clause, with_lists);
    if (!checked.ok()) return checked.status();
    *finding.add_clauses() = *std::move(checked);
  }
  finding.set_outcome(Combine(finding.clauses()));
  return finding;
}

absl::StatusOr<v1::CheckEligibilityResponse> CheckEligibility(const EligibilityQuery& query,
                                                              FindPilotZone find,
                                                              const std::vector<Policy>& policies) {
  absl::StatusOr<EligibilityContext> context = MakeEligibilityContext(query, find);
  if (!context.ok()) return context.status();
  std::vector<const Policy*> ordered;
  for (const Policy& policy : policies) ordered.push_back(&policy);
  std::sort(ordered.begin(), ordered.end(),
            [](const Policy* a, const Policy* b) { return a->name() < b->name(); });
  v1::CheckEligibilityResponse response;
  *response.mutable_effective_date() = context->effective_date();
  response.set_pilot_zone(context->pilot_zone().name());
  for (const Policy* policy : ordered) {
    absl::StatusOr<v1::PolicyFinding> finding = CheckPolicyEligibility(*policy, *context);
    if (!finding.ok()) return finding.status();
    *response.add_policies() = *std::move(finding);
  }
  return response;
}

}  // namespace caravan::zones
