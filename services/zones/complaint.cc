#include "services/zones/complaint.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/association.h"

namespace caravan::zones {

using google::type::Date;
using v1::Complaint;

namespace {

bool IsIn(Complaint::State state, std::initializer_list<Complaint::State> states) {
  return std::find(states.begin(), states.end(), state) != states.end();
}

// Checks that a field is set in the states that need it, and in no other.
void CheckPresence(const Complaint& complaint, std::string_view field, bool given, bool needed,
                   bool allowed, api::Violations& violations) {
  const std::string& state = Complaint::State_Name(complaint.state());
  if (needed && !given) {
    violations.Add(std::string(field), absl::StrCat("is required of a complaint that is ", state));
  } else if (given && !needed && !allowed) {
    violations.Add(std::string(field),
                   absl::StrCat("may not be set in a complaint that is ", state));
  }
}

void CheckState(const Complaint& complaint, api::Violations& violations) {
  const Complaint::State state = complaint.state();
  const bool refused = state == Complaint::REFUSED;
  const bool closed = state == Complaint::CLOSED;
  const bool decided = IsIn(
      state, {Complaint::UPHELD, Complaint::DISMISSED, Complaint::APPEALED, Complaint::CLOSED});
  const bool accepted = decided || IsIn(state, {Complaint::ACCEPTED, Complaint::INVESTIGATING});
  const auto check = [&](std::string_view field, bool given, bool needed, bool allowed = false) {
    CheckPresence(complaint, field, given, needed, allowed, violations);
  };
  check("acceptance_date", complaint.has_acceptance_date(), accepted);
  check("refusal_date", complaint.has_refusal_date(), refused);
  check("refusal_reason", !complaint.refusal_reason().empty(), refused);
  check("finding", complaint.has_finding(), decided);
  check("appeal", complaint.has_appeal(), state == Complaint::APPEALED, closed);
  check("appeal_decision", complaint.has_appeal_decision(), closed && complaint.has_appeal());
  check("close_date", complaint.has_close_date(), closed);
}

// Checks a finding. `earliest` is the first day on which its measure may begin.
void CheckFinding(const Complaint::Finding& finding, const Date& earliest,
                  const std::string& prefix, api::Violations& violations) {
  if (finding.measure() == Complaint::MEASURE_UNSPECIFIED) {
    violations.Add(prefix + "measure", "is required");
    return;
  }
  if (finding.measure() == Complaint::DISMISSAL) {
    for (const auto& [field, given] : {std::pair("start_date", finding.has_start_date()),
                                       std::pair("end_date", finding.has_end_date())}) {
      if (given) violations.Add(prefix + field, "may not be set: a dismissal has no measure");
    }
    return;
  }
  if (finding.has_start_date() && api::FirstDay(finding.start_date()) < api::FirstDay(earliest)) {
    violations.Add(prefix + "start_date",
                   absl::StrCat(api::FormatDate(finding.start_date()),
                                " is before the decision on ", api::FormatDate(earliest)));
  }
  CheckEndsAfter(finding.has_start_date() ? finding.start_date() : finding.decision_date(),
                 finding.end_date(), prefix + "end_date", violations);
  if (finding.measure() == Complaint::SUSPENSION && !finding.has_end_date()) {
    violations.Add(prefix + "end_date", "is required of a suspension");
  }
}

void CheckDecisions(const Complaint& complaint, api::Violations& violations) {
  if (complaint.has_finding()) {
    const Complaint::Measure measure = complaint.finding().measure();
    const bool dismissal = measure == Complaint::DISMISSAL;
    CheckFinding(complaint.finding(), complaint.finding().decision_date(), "finding.", violations);
    if (complaint.state() == Complaint::UPHELD && dismissal) {
      violations.Add("finding.measure", "is DISMISSAL, but the complaint is UPHELD");
    }
    if (complaint.state() == Complaint::DISMISSED && !dismissal) {
      violations.Add("finding.measure", absl::StrCat("is ", Complaint::Measure_Name(measure),
                                                     ", but the complaint is DISMISSED"));
    }
  }
  if (!complaint.has_appeal_decision()) return;
  const Complaint::AppealDecision& decision = complaint.appeal_decision();
  const bool changed = decision.outcome() == Complaint::AppealDecision::FINDING_CHANGED;
  const std::string field = "appeal_decision.changed_finding";
  if (changed && !decision.has_changed_finding()) {
    violations.Add(field, "is required where the finding is changed");
  } else if (!changed && decision.has_changed_finding()) {
    violations.Add(field, "may only be set where the finding is changed");
  } else if (changed) {
    const Complaint::Finding& finding = decision.changed_finding();
    CheckFinding(finding, complaint.finding().decision_date(), field + ".", violations);
    if (api::FirstDay(finding.decision_date()) != api::FirstDay(decision.decision_date())) {
      violations.Add(field + ".decision_date",
                     absl::StrCat(api::FormatDate(finding.decision_date()),
                                  " is not the day of the decision on the appeal, ",
                                  api::FormatDate(decision.decision_date())));
    }
  }
  if (decision.outcome() == Complaint::AppealDecision::FINDING_QUASHED &&
      complaint.finding().measure() == Complaint::DISMISSAL) {
    violations.Add("appeal_decision.outcome",
                   "is FINDING_QUASHED, but a dismissal can only be upheld or changed");
  }
}

struct Step {
  std::string_view field;
  const Date* date;  // may be unset
};

// The days of a complaint's course, in their order.
std::vector<Step> StepsOf(const Complaint& complaint) {
  return {{"filing_date", &complaint.filing_date()},
          {"acceptance_date", &complaint.acceptance_date()},
          {"refusal_date", &complaint.refusal_date()},
          {"finding.decision_date", &complaint.finding().decision_date()},
          {"appeal.appeal_date", &complaint.appeal().appeal_date()},
          {"appeal_decision.decision_date", &complaint.appeal_decision().decision_date()},
          {"close_date", &complaint.close_date()}};
}

void CheckOrder(const Complaint& complaint, api::Violations& violations) {
  const Step* last = nullptr;
  const std::vector<Step> steps = StepsOf(complaint);
  for (const Step& step : steps) {
    if (api::IsUnset(*step.date)) continue;
    if (last != nullptr && api::FirstDay(*step.date) < api::FirstDay(*last->date)) {
      violations.Add(std::string(step.field),
                     absl::StrCat(api::FormatDate(*step.date), " is before ", last->field, ", ",
                                  api::FormatDate(*last->date)));
    }
    last = &step;
  }
}

// What a change of a complaint is called, and through which resources those may
// hold the permission who are to make it.
struct Deed {
  std::string_view what;
  std::vector<std::string_view> through;
};

Deed DeedOf(const Complaint* before, const Complaint& after) {
  const std::vector<std::string_view> handlers = {after.name(), after.association(),
                                                  after.pilot_zone()};
  if (before != nullptr && before->state() != after.state()) {
    if (after.state() != Complaint::APPEALED) return {"take the complaint further", handlers};
    return before->state() == Complaint::UPHELD
               ? Deed{"appeal against what was upheld", {after.name(), after.enterprise()}}
               : Deed{"appeal against a dismissal", {after.name(), after.complainant()}};
  }
  Deed deed{before == nullptr ? "file the complaint" : "update the complaint", handlers};
  deed.through.push_back(after.complainant());
  return deed;
}

}  // namespace

absl::Status CheckComplaint(const Complaint& complaint) {
  api::Violations violations;
  CheckState(complaint, violations);
  CheckDecisions(complaint, violations);
  CheckOrder(complaint, violations);
  return violations.ToStatus();
}

absl::Status CheckNoFutureDays(const Complaint* before, const Complaint& after, int64_t today) {
  api::Violations violations;
  const std::vector<Step> had =
      StepsOf(before == nullptr ? Complaint::default_instance() : *before);
  const std::vector<Step> has = StepsOf(after);
  for (size_t i = 0; i < has.size(); ++i) {
    const int64_t day = api::FirstDay(*has[i].date);
    if (day <= today || day == api::FirstDay(*had[i].date)) continue;
    violations.Add(
        std::string(has[i].field),
        absl::StrCat(api::FormatDate(*has[i].date), " is after today, ", api::FormatDay(today)));
  }
  return violations.ToStatus();
}

absl::Status Assign(const std::optional<v1::Association>& association, std::string_view home,
                    Complaint& complaint) {
  std::string zone(home);
  if (association.has_value()) {
    zone = association->pilot_zone();
    const int64_t filed = api::FirstDay(complaint.filing_date());
    if (association->state() != v1::Association::ACTIVE) {
      return api::Error(absl::StatusCode::kFailedPrecondition, "ASSOCIATION_DISSOLVED",
                        absl::StrCat(association->name(), " cannot handle the complaint: it ended ",
                                     "on ", api::FormatDate(association->dissolution_date())))
          .With("resource", association->name());
    }
    if (home != zone && !HasMember(*association, complaint.enterprise(), {filed, filed + 1})) {
      return api::Error(absl::StatusCode::kFailedPrecondition, "NOT_A_MEMBER",
                        absl::StrCat(association->name(), " cannot handle the complaint: on ",
                                     api::FormatDay(filed), " ", complaint.enterprise(),
                                     " was no member, and its home was not ", zone))
          .With("resource", association->name())
          .With("enterprise", complaint.enterprise());
    }
  }
  if (!complaint.pilot_zone().empty() && complaint.pilot_zone() != zone) {
    api::Violations violations;
    violations.Add(
        "pilot_zone",
        zone.empty()
            ? absl::StrCat(complaint.pilot_zone(), " does not handle it: ", complaint.enterprise(),
                           " has no home zone; leave it empty")
            : absl::StrCat(complaint.pilot_zone(), " does not handle it; ", zone, " does"));
    return violations.ToStatus();
  }
  complaint.set_pilot_zone(std::move(zone));
  return absl::OkStatus();
}

absl::Status CheckParty(const Complaint* before, const Complaint& after, HoldsOn holds) {
  Deed deed = DeedOf(before, after);
  auto& through = deed.through;
  through.erase(std::remove(through.begin(), through.end(), ""), through.end());
  if (std::any_of(through.begin(), through.end(), holds)) return absl::OkStatus();
  return api::Error(absl::StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY",
                    absl::StrCat("to ", deed.what, " takes the permission on ",
                                 absl::StrJoin(through, " or "),
                                 "; a role on another party to it is not enough"))
      .With("resource", after.name());
}

absl::Status CheckOpenForUpdate(const Complaint& before, const Complaint& after) {
  if (IsIn(before.state(), {Complaint::FILED, Complaint::ACCEPTED, Complaint::INVESTIGATING}) ||
      google::protobuf::util::MessageDifferencer::Equals(before, after)) {
    return absl::OkStatus();
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "COMPLAINT_DECIDED",
                    absl::StrCat(before.name(), " is ", Complaint::State_Name(before.state()),
                                 " and stays as it is; it can be updated until it is decided"))
      .With("resource", before.name())
      .With("state", Complaint::State_Name(before.state()));
}

void CompleteDecision(const Complaint& before, std::string_view principal, Complaint& after) {
  const std::string who(principal);
  if (after.state() == Complaint::UPHELD || after.state() == Complaint::DISMISSED) {
    Complaint::Finding& finding = *after.mutable_finding();
    finding.set_decider(who);
    if (after.state() == Complaint::DISMISSED &&
        finding.measure() == Complaint::MEASURE_UNSPECIFIED) {
      finding.set_measure(Complaint::DISMISSAL);
    }
  } else if (after.state() == Complaint::APPEALED) {
    after.mutable_appeal()->set_appellant(who);
  } else if (before.state() == Complaint::APPEALED) {
    Complaint::AppealDecision& decision = *after.mutable_appeal_decision();
    decision.set_decider(who);
    if (decision.has_changed_finding()) decision.mutable_changed_finding()->set_decider(who);
    *after.mutable_close_date() = decision.decision_date();
  }
}

std::optional<HeldFinding> FindingOn(const Complaint& complaint, int64_t day) {
  const auto by_then = [&](const Date& date) {
    return !api::IsUnset(date) && api::FirstDay(date) <= day;
  };
  if (!by_then(complaint.finding().decision_date())) return std::nullopt;
  const Complaint::AppealDecision& decision = complaint.appeal_decision();
  const Complaint::Finding* finding = &complaint.finding();
  bool under_appeal = false;
  if (by_then(decision.decision_date())) {
    if (decision.outcome() == Complaint::AppealDecision::FINDING_QUASHED) return std::nullopt;
    if (decision.has_changed_finding()) finding = &decision.changed_finding();
  } else {
    under_appeal = by_then(complaint.appeal().appeal_date());
  }
  if (finding->measure() == Complaint::DISMISSAL) return std::nullopt;
  const Period in_force{
      api::FirstDay(finding->has_start_date() ? finding->start_date() : finding->decision_date()),
      finding->has_end_date() ? api::FirstDay(finding->end_date())
                              : std::numeric_limits<int64_t>::max()};
  return HeldFinding{&complaint, finding, in_force, under_appeal};
}

}  // namespace caravan::zones
