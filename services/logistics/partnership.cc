#include "services/logistics/partnership.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/logistics/millionths.h"
#include "services/logistics/register_rules.h"
#include "services/logistics/scorecard_message.h"
#include "services/logistics/sketch.h"
#include "services/logistics/targets.h"

namespace caravan::logistics {

using v1::Partner;
using v1::Partnership;
using v1::ServiceStandard;

namespace {

absl::Status Refuse(std::string_view reason, const std::string& name, const std::string& sentence) {
  return api::Error(absl::StatusCode::kFailedPrecondition, reason, sentence)
      .With("resource", name)
      .Precondition(reason, name, sentence);
}

// Checks that `to` is behind `from`, where both are set; both must be days.
void CheckDays(const google::type::Date& from, const google::type::Date& to,
               const std::string& prefix, api::Violations& violations) {
  RequireDay(from, prefix + "start_date", violations);
  RequireDay(to, prefix + "end_date", violations);
  if (api::IsUnset(from) || api::IsUnset(to)) return;
  if (api::DateProblem(from).has_value() || api::DateProblem(to).has_value()) return;
  if (api::FirstDay(to) > api::FirstDay(from)) return;
  violations.Add(prefix + "end_date", absl::StrCat(api::FormatDate(to), " is not behind the first ",
                                                   "day, ", api::FormatDate(from)));
}

void CheckLanesServed(const absl::flat_hash_set<std::string_view>& served, const std::string& lane,
                      std::string field, api::Violations& violations) {
  if (served.contains(lane)) return;
  violations.Add(std::move(field),
                 absl::StrCat("is ", api::Quoted(lane), ", which the partnership does not serve"));
}

void CheckStandards(const Partnership& partnership,
                    const absl::flat_hash_set<std::string_view>& served,
                    api::Violations& violations) {
  absl::flat_hash_set<std::string_view> lanes;
  for (int i = 0; i < partnership.standards_size(); ++i) {
    const ServiceStandard& standard = partnership.standards(i);
    const std::string at = absl::StrCat("standards[", i, "].");
    if (!standard.lane().empty()) {
      CheckLanesServed(served, standard.lane(), at + "lane", violations);
    }
    if (!lanes.insert(standard.lane()).second) {
      violations.Add(at + "lane",
                     standard.lane().empty()
                         ? "is not set, as in an earlier standard; one is for all other lanes"
                         : absl::StrCat("is ", api::Quoted(standard.lane()),
                                        ", which has a standard already"));
    }
    if (standard.start() == ServiceStandard::DELIVERY) {
      violations.Add(at + "start", "is DELIVERY, with which the clock stops");
    }
    const bool days = standard.unit() == ServiceStandard::WORKING_DAYS;
    if (days == standard.calendar().empty()) {
      violations.Add(at + "calendar",
                     days ? "is not set; a standard in WORKING_DAYS names the calendar"
                          : "is set, but only a standard in WORKING_DAYS has one");
    }
  }
}

void CheckExclusions(const Partnership& partnership,
                     const absl::flat_hash_set<std::string_view>& served,
                     api::Violations& violations) {
  for (int i = 0; i < partnership.exclusions_size(); ++i) {
    const v1::Exclusion& exclusion = partnership.exclusions(i);
    const std::string at = absl::StrCat("exclusions[", i, "].");
    for (int j = 0; j < exclusion.lanes_size(); ++j) {
      CheckLanesServed(served, exclusion.lanes(j), absl::StrCat(at, "lanes[", j, "]"), violations);
    }
    CheckDays(exclusion.start_date(), exclusion.end_date(), at, violations);
    if (exclusion.lanes().empty() && exclusion.postal_areas().empty() &&
        api::IsUnset(exclusion.start_date()) && api::IsUnset(exclusion.end_date())) {
      violations.Add(absl::StrCat("exclusions[", i, "]"),
                     "has neither lanes, postal areas nor days, and would leave nothing");
    }
  }
}

void CheckTargets(const Partnership& partnership, api::Violations& violations) {
  for (int i = 0; i < partnership.targets_size(); ++i) {
    const v1::Target& target = partnership.targets(i);
    const std::string at = absl::StrCat("targets[", i, "]");
    const bool rate = target.rate() != v1::RATE_UNSPECIFIED;
    const bool leg = target.leg() != v1::LEG_UNSPECIFIED;
    if (rate == leg) {
      violations.Add(at, rate ? "has both a rate and a leg; it is of one of them"
                              : "has neither a rate nor a leg");
      continue;
    }
    if (rate == target.bound().empty()) {
      violations.Add(at + ".bound", rate ? "is not set; the bound of a rate would be, such as 0.98"
                                         : "is set, but only a rate has one");
    }
    if (leg == (target.percent() == 0)) {
      violations.Add(at + ".percent", leg ? "is 0; a percentile from 1 to 100 would be right"
                                          : "is set, but only a leg has one");
    }
    if (leg == (target.limit_seconds() == 0)) {
      violations.Add(at + ".limit_seconds", leg ? "is 0; a time of some seconds would be right"
                                                : "is set, but only a leg has one");
    } else if (target.limit_seconds() > Sketch::kMaxValue) {
      violations.Add(at + ".limit_seconds", absl::StrCat("is more than ", Sketch::kMaxValue));
    }
  }
  if (partnership.at_risk_after() > 0 && partnership.targets().empty()) {
    violations.Add("at_risk_after", "is set, but there are no targets to breach");
  }
}

void CheckScale(const v1::PaymentScale& scale, api::Violations& violations) {
  if (scale.rate() != v1::RATE_UNSPECIFIED && v1::Rate_IsValid(scale.rate()) &&
      !IsGreaterBetter(FromMessage(scale.rate()))) {
    violations.Add("payment_scale.rate",
                   absl::StrCat("is ", v1::Rate_Name(scale.rate()),
                                ", of which less is better; the scale ascends with what is good"));
  }
  int64_t last = -1;
  for (int i = 0; i < scale.tiers_size(); ++i) {
    const std::optional<int64_t> from = ParseMillionths(scale.tiers(i).from());
    if (!from.has_value()) continue;
    if (*from <= last) {
      violations.Add(absl::StrCat("payment_scale.tiers[", i, "].from"),
                     absl::StrCat("is ", scale.tiers(i).from(), ", not above that before, ",
                                  FormatMillionths(last)));
    }
    last = *from;
  }
}

absl::Status CheckActive(const Partnership& partnership, const Partner& party) {
  if (party.state() == Partner::ACTIVE) return absl::OkStatus();
  return Refuse("PARTNER_NOT_ACTIVE", party.name(),
                absl::StrCat(party.name(), ", a party of ", partnership.name(), ", is ",
                             Partner::State_Name(party.state()), "; both must be ACTIVE"));
}

absl::Status CheckNotOver(const Partnership& partnership, int64_t today) {
  if (today < api::FirstDay(partnership.end_date())) return absl::OkStatus();
  return Refuse("PARTNERSHIP_OVER", partnership.name(),
                absl::StrCat(partnership.name(), " is over since ",
                             api::FormatDate(partnership.end_date()), "; it may only expire"));
}

}  // namespace

bool IsOpen(const Partnership& partnership) {
  return partnership.state() != Partnership::TERMINATED &&
         partnership.state() != Partnership::EXPIRED;
}

absl::Status CheckPartnership(const Partnership& partnership) {
  api::Violations violations;
  const absl::flat_hash_set<std::string_view> served(partnership.lanes().begin(),
                                                     partnership.lanes().end());
  CheckDays(partnership.start_date(), partnership.end_date(), "", violations);
  CheckStandards(partnership, served, violations);
  CheckExclusions(partnership, served, violations);
  CheckTargets(partnership, violations);
  if (partnership.has_payment_scale()) CheckScale(partnership.payment_scale(), violations);
  return violations.ToStatus();
}

absl::Status CheckParties(const Partner* line_haul_company, const Partner* courier) {
  api::Violations violations;
  const auto check = [&](const Partner* party, Partner::Kind kind, const char* field) {
    if (party == nullptr || HasKind(*party, kind)) return;
    violations.Add(field, absl::StrCat("is ", party->name(), ", which is no ",
                                       Partner::Kind_Name(kind), " by its kinds"));
  };
  check(line_haul_company, Partner::LINE_HAUL_COMPANY, "line_haul_company");
  check(courier, Partner::COURIER, "courier");
  return violations.ToStatus();
}

bool TermsDiffer(const Partnership& before, const Partnership& after) {
  const auto terms = [](const Partnership& partnership) {
    Partnership terms = partnership;
    terms.clear_title();
    terms.clear_documents();
    terms.clear_drafter();
    terms.clear_state();
    terms.clear_state_reason();
    terms.clear_create_time();
    terms.clear_update_time();
    terms.clear_etag();
    return terms;
  };
  return !google::protobuf::util::MessageDifferencer::Equals(terms(before), terms(after));
}

absl::Status CheckTermsChange(const Partnership& before, const Partnership& after) {
  if (before.state() == Partnership::DRAFT || !TermsDiffer(before, after)) return absl::OkStatus();
  return Refuse("TERMS_IN_FORCE", before.name(),
                absl::StrCat(before.name(), " is ", Partnership::State_Name(before.state()),
                             "; the terms of a DRAFT may change, of others only title and "
                             "documents"));
}

absl::Status CheckDeletion(const Partnership& partnership) {
  if (partnership.state() == Partnership::DRAFT) return absl::OkStatus();
  return Refuse(
      "NOT_DRAFT", partnership.name(),
      absl::StrCat(partnership.name(), " is ", Partnership::State_Name(partnership.state()),
                   "; only a DRAFT may be deleted, others are terminated"));
}

absl::Status CheckStep(const Partnership& before, const Partnership& after,
                       const Partner& line_haul_company, const Partner& courier, int64_t today) {
  const bool begins =
      after.state() == Partnership::ACTIVE && before.state() != Partnership::AT_RISK;
  if (after.state() == Partnership::SIGNED || begins) {
    absl::Status s = CheckActive(after, line_haul_company);
    if (s.ok()) s = CheckActive(after, courier);
    if (s.ok()) s = CheckNotOver(after, today);
    if (!s.ok()) return s;
  }
  if (begins && today < api::FirstDay(after.start_date())) {
    return Refuse("PARTNERSHIP_NOT_BEGUN", after.name(),
                  absl::StrCat(after.name(), " begins on ", api::FormatDate(after.start_date()),
                               "; it may be activated from then on"));
  }
  if (after.state() == Partnership::EXPIRED && today < api::FirstDay(after.end_date())) {
    return Refuse("PARTNERSHIP_NOT_OVER", after.name(),
                  absl::StrCat(after.name(), " is over on ", api::FormatDate(after.end_date()),
                               "; before that it may be terminated"));
  }
  return absl::OkStatus();
}

absl::Status CheckExcludable(const Partnership& partnership) {
  if (partnership.state() == Partnership::DRAFT) {
    return Refuse("NOT_SIGNED", partnership.name(),
                  absl::StrCat(partnership.name(), " is a DRAFT; update its exclusions"));
  }
  if (!IsOpen(partnership)) {
    return Refuse(
        "PARTNERSHIP_ENDED", partnership.name(),
        absl::StrCat(partnership.name(), " is ", Partnership::State_Name(partnership.state()),
                     "; nothing can be excluded any more"));
  }
  return absl::OkStatus();
}

}  // namespace caravan::logistics
