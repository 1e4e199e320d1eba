#include "services/fairs/fair.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/date.h"
#include "services/common/api/text.h"
#include "services/fairs/lottery.h"
#include "services/fairs/points.h"

namespace caravan::fairs {

using google::protobuf::RepeatedPtrField;
using google::protobuf::util::TimeUtil;
using v1::Fair;
using v1::Rules;
using v1::Stage;

namespace {

constexpr Stage kStages[] = {v1::BRAND, v1::GENERAL, v1::PLACEMENT};

void CheckCriteria(const RepeatedPtrField<Rules::Criterion>& criteria, const std::string& field,
                   api::Violations& violations) {
  absl::flat_hash_set<std::string_view> ids;
  for (int i = 0; i < criteria.size(); ++i) {
    const Rules::Criterion& criterion = criteria[i];
    if (!ids.insert(criterion.id()).second) {
      violations.Add(
          absl::StrCat(field, "[", i, "].id"),
          absl::StrCat("is ", api::Quoted(criterion.id()), " once more; ids of criteria differ"));
    }
    if (ParsePoints(criterion.maximum()) == 0 && !criterion.maximum().empty()) {
      violations.Add(absl::StrCat(field, "[", i, "].maximum"),
                     "is 0; a criterion that counts has points");
    }
  }
}

void CheckQuantity(const Rules::QuantityRule& rule, const std::string& field,
                   api::Violations& violations) {
  if (!rule.base().empty() && rule.method() != v1::SCORE_STEP) {
    violations.Add(absl::StrCat(field, ".base"),
                   absl::StrCat("is ", rule.base(),
                                ", but only SCORE_STEP has a base, and the "
                                "method is ",
                                v1::QuantityMethod_Name(rule.method())));
  }
}

// Whether a date is a day of the calendar; one that is not set is left to limits.
bool IsDay(const google::type::Date& date) {
  return !api::IsUnset(date) && !api::DateProblem(date).has_value() && date.day() != 0;
}

void RequireDay(const google::type::Date& date, const std::string& field,
                api::Violations& violations) {
  if (api::IsUnset(date) || api::DateProblem(date).has_value() || date.day() != 0) return;
  violations.Add(field, absl::StrCat("is ", api::FormatDate(date), ", which is no day"));
}

void CheckPhases(const Fair& fair, api::Violations& violations) {
  absl::flat_hash_set<std::string_view> ids;
  const Fair::Phase* previous = nullptr;
  for (int i = 0; i < fair.phases_size(); ++i) {
    const Fair::Phase& phase = fair.phases(i);
    const std::string field = absl::StrCat("phases[", i, "]");
    if (!ids.insert(phase.id()).second) {
      violations.Add(absl::StrCat(field, ".id"), absl::StrCat("is ", api::Quoted(phase.id()),
                                                              " once more; ids of phases differ"));
    }
    RequireDay(phase.start_date(), absl::StrCat(field, ".start_date"), violations);
    RequireDay(phase.end_date(), absl::StrCat(field, ".end_date"), violations);
    if (!IsDay(phase.start_date()) || !IsDay(phase.end_date())) continue;
    if (api::FirstDay(phase.end_date()) < api::FirstDay(phase.start_date())) {
      violations.Add(absl::StrCat(field, ".end_date"),
                     absl::StrCat(api::FormatDate(phase.end_date()), " is before its first day, ",
                                  api::FormatDate(phase.start_date())));
    }
    if (previous != nullptr &&
        api::FirstDay(phase.start_date()) <= api::FirstDay(previous->end_date())) {
      violations.Add(absl::StrCat(field, ".start_date"),
                     absl::StrCat(api::FormatDate(phase.start_date()),
                                  " is not after the end of "
                                  "phase ",
                                  previous->id(), ", ", api::FormatDate(previous->end_date())));
    }
    previous = &phase;
  }
}

void CheckDueDates(const Fair& fair, api::Violations& violations) {
  RequireDay(fair.application_due_date(), "application_due_date", violations);
  RequireDay(fair.screening_due_date(), "screening_due_date", violations);
  RequireDay(fair.renewal_due_date(), "renewal_due_date", violations);
  if (IsDay(fair.application_due_date()) && IsDay(fair.screening_due_date()) &&
      api::FirstDay(fair.screening_due_date()) < api::FirstDay(fair.application_due_date())) {
    violations.Add("screening_due_date",
                   absl::StrCat(api::FormatDate(fair.screening_due_date()),
                                " is before applications are due, ",
                                api::FormatDate(fair.application_due_date())));
  }
  if (fair.phases().empty() || !IsDay(fair.phases(0).start_date())) return;
  const google::type::Date& start = fair.phases(0).start_date();
  const auto before_start = [&](const google::type::Date& date, const char* field) {
    if (!IsDay(date) || api::FirstDay(date) < api::FirstDay(start)) return;
    violations.Add(field,
                   absl::StrCat(api::FormatDate(date), " is not before the fair's first day, ",
                                api::FormatDate(start)));
  };
  before_start(fair.application_due_date(), "application_due_date");
  before_start(fair.screening_due_date(), "screening_due_date");
  before_start(fair.renewal_due_date(), "renewal_due_date");
}

absl::Status Refuse(std::string_view reason, const Fair& fair, std::string_view field,
                    const std::string& sentence) {
  api::Error error(absl::StatusCode::kFailedPrecondition, reason, sentence);
  error.With("resource", fair.name());
  if (!field.empty()) error.Field(field, sentence);
  return error;
}

Fair::Draw* MutableDraw(Fair& fair, Stage stage) {
  for (Fair::Draw& draw : *fair.mutable_draws()) {
    if (draw.stage() == stage) return &draw;
  }
  return nullptr;
}

absl::Time ToTime(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

}  // namespace

google::type::Date DaysAfter(const google::type::Date& date, int32_t days) {
  const absl::CivilDay day =
      absl::CivilDay(date.year(), date.month(), date.day()) + static_cast<absl::civil_diff_t>(days);
  google::type::Date after;
  after.set_year(static_cast<int32_t>(day.year()));
  after.set_month(day.month());
  after.set_day(day.day());
  return after;
}

const Fair::Phase* FindPhase(const Fair& fair, std::string_view id) {
  for (const Fair::Phase& phase : fair.phases()) {
    if (phase.id() == id) return &phase;
  }
  return nullptr;
}

std::string PhaseIds(const Fair& fair) {
  return absl::StrJoin(fair.phases(), ", ", [](std::string* out, const Fair::Phase& phase) {
    absl::StrAppend(out, phase.id());
  });
}

void CheckRules(const Rules& rules, std::string_view prefix, api::Violations& violations) {
  const auto path = [&](std::string_view field) { return absl::StrCat(prefix, field); };
  CheckCriteria(rules.brand_criteria(), path("brand_criteria"), violations);
  CheckCriteria(rules.general_criteria(), path("general_criteria"), violations);
  CheckQuantity(rules.brand_quantity(), path("brand_quantity"), violations);
  CheckQuantity(rules.general_quantity(), path("general_quantity"), violations);
  if (rules.newcomer_divisor() > 0 && rules.newcomer_maximum() == 0) {
    violations.Add(path("newcomer_maximum"),
                   "is 0, though newcomer_divisor lets newcomers in; must be at least 1");
  }
  if (rules.host_partners() > 0 && rules.host_booths() == 0) {
    violations.Add(path("host_booths"),
                   "is 0, though host_partners lets distributors host; must be at least 1");
  }
  for (int i = 1; i < rules.tiers_size(); ++i) {
    const auto above = ParsePoints(rules.tiers(i - 1));
    const auto here = ParsePoints(rules.tiers(i));
    if (!above.has_value() || !here.has_value() || *here < *above) continue;
    violations.Add(absl::StrCat(path("tiers"), "[", i, "]"),
                   absl::StrCat("is ", rules.tiers(i),
                                ", not less than the score of the tier "
                                "before, ",
                                rules.tiers(i - 1)));
  }
  absl::flat_hash_set<int> violated;
  for (int i = 0; i < rules.sanctions_size(); ++i) {
    const Rules::SanctionRule& rule = rules.sanctions(i);
    const std::string field = absl::StrCat(path("sanctions"), "[", i, "]");
    if (!violated.insert(rule.violation()).second) {
      violations.Add(absl::StrCat(field, ".violation"),
                     absl::StrCat("is ", v1::Violation_Name(rule.violation()),
                                  " once more; each has one rule"));
    }
  }
}

absl::Status CheckFair(const Fair& fair) {
  api::Violations violations;
  CheckPhases(fair, violations);
  CheckDueDates(fair, violations);
  CheckRules(fair.rules(), "rules.", violations);
  return violations.ToStatus();
}

absl::Status CheckRulesChange(const Fair& before, const Fair& after) {
  if (before.state() == Fair::PLANNED || before.state() == Fair::OPEN) return absl::OkStatus();
  if (google::protobuf::util::MessageDifferencer::Equals(before.rules(), after.rules())) {
    return absl::OkStatus();
  }
  return Refuse(
      "RULES_IN_FORCE", before, "rules",
      absl::StrCat("the rules of ", before.name(),
                   " can be changed until applications "
                   "are closed, and it is ",
                   Fair::State_Name(before.state()), "; SimulateAllocation tries other rules"));
}

absl::Status CheckEditionChange(const Fair& before, const Fair& after) {
  if (before.state() == Fair::PLANNED || before.edition() == after.edition()) {
    return absl::OkStatus();
  }
  return Refuse("EDITION_IN_FORCE", before, "edition",
                absl::StrCat(before.name(), " is edition ", before.edition(),
                             ", by which sanctions are counted; it can be changed while the fair "
                             "is PLANNED, and it is ",
                             Fair::State_Name(before.state())));
}

absl::Status CheckOpening(const Fair& fair) {
  std::vector<std::string> missing;
  for (const Stage stage : kStages) {
    if (FindDraw(fair, stage) == nullptr) missing.push_back(v1::Stage_Name(stage));
  }
  if (missing.empty()) return absl::OkStatus();
  return Refuse("LOTTERY_NOT_COMMITTED", fair, "",
                absl::StrCat(fair.name(),
                             " cannot be opened before the secrets of its lotteries "
                             "are committed to; CommitLottery lacks for ",
                             absl::StrJoin(missing, ", ")));
}

const Fair::Draw* FindDraw(const Fair& fair, Stage stage) {
  for (const Fair::Draw& draw : fair.draws()) {
    if (draw.stage() == stage) return &draw;
  }
  return nullptr;
}

absl::Status Commit(const v1::CommitLotteryRequest& request, absl::Time now, Fair& fair) {
  if (fair.state() != Fair::PLANNED) {
    return Refuse("FAIR_NOT_PLANNED", fair, "",
                  absl::StrCat(fair.name(), " is ", Fair::State_Name(fair.state()),
                               "; lotteries are committed to while it is PLANNED"));
  }
  if (FindDraw(fair, request.stage()) != nullptr) {
    return Refuse("LOTTERY_COMMITTED", fair, "stage",
                  absl::StrCat("the lottery of stage ", v1::Stage_Name(request.stage()), " of ",
                               fair.name(), " is committed to already; a commitment stays"));
  }
  Fair::Draw& draw = *fair.add_draws();
  draw.set_stage(request.stage());
  draw.set_commitment(request.commitment());
  *draw.mutable_commit_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(now));
  return absl::OkStatus();
}

absl::Status Reveal(const v1::RevealLotteryRequest& request, const v1::Snapshot* first,
                    absl::Time now, Fair& fair) {
  const std::string lottery =
      absl::StrCat("the lottery of stage ", v1::Stage_Name(request.stage()), " of ", fair.name());
  Fair::Draw* draw = MutableDraw(fair, request.stage());
  if (draw == nullptr) {
    return Refuse("LOTTERY_NOT_COMMITTED", fair, "stage",
                  absl::StrCat(lottery, " was never committed to, so it cannot be drawn"));
  }
  if (!draw->seed().empty()) {
    return Refuse("LOTTERY_DRAWN", fair, "stage",
                  absl::StrCat(lottery, " is drawn; every run takes its seed"));
  }
  if (first == nullptr) {
    return Refuse("INPUTS_NOT_FROZEN", fair, "stage",
                  absl::StrCat(lottery,
                               " is drawn from the digest of its inputs; call "
                               "FreezeSnapshot first"));
  }
  if (LotteryCommitment(request.secret()) != draw->commitment()) {
    return Refuse("SECRET_MISMATCH", fair, "secret",
                  absl::StrCat("the SHA-256 of the secret is not what ", lottery,
                               " was committed to, ", draw->commitment()));
  }
  const absl::Time dated = ToTime(request.public_time());
  if (dated > now) {
    api::Violations violations;
    violations.Add("public_time", absl::StrCat("is ", absl::FormatTime(dated, absl::UTCTimeZone()),
                                               ", which is still to come"));
    return violations.ToStatus();
  }
  const absl::Time frozen = ToTime(first->freeze_time());
  if (dated <= frozen) {
    return Refuse(
        "PUBLIC_VALUE_TOO_EARLY", fair, "public_time",
        absl::StrCat("the public value is of ", absl::FormatTime(dated, absl::UTCTimeZone()),
                     ", but must be later than the freeze of ", first->name(), " at ",
                     absl::FormatTime(frozen, absl::UTCTimeZone())));
  }
  draw->set_snapshot(first->name());
  draw->set_inputs_digest(first->digest());
  draw->set_secret(request.secret());
  draw->set_public_value(request.public_value());
  draw->set_public_source(request.public_source());
  *draw->mutable_public_time() = request.public_time();
  draw->set_seed(LotterySeed(request.secret(), first->digest(), request.public_value()));
  *draw->mutable_reveal_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(now));
  return absl::OkStatus();
}

}  // namespace caravan::fairs
