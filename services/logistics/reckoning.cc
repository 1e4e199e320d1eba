#include "services/logistics/reckoning.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/logistics/millionths.h"
#include "services/logistics/register_rules.h"
#include "services/logistics/scorecard_message.h"
#include "services/logistics/terms_of.h"

namespace caravan::logistics {

using google::protobuf::util::TimeUtil;
using v1::Dispute;
using v1::Partnership;
using v1::Reckoning;

namespace {

// By Dispute::Claim::Measure.
constexpr std::array<Measure, 12> kClaimed = {
    Measure::kHandedOver,  // of the zero, which is not used
    Measure::kHandedOver, Measure::kLost,         Measure::kUnknown,   Measure::kDamaged,
    Measure::kReturned,   Measure::kDue,          Measure::kOnTime,    Measure::kRefused,
    Measure::kAttempted,  Measure::kFirstAttempt, Measure::kDelivered,
};
static_assert(Dispute::Claim::Measure_ARRAYSIZE == kClaimed.size());

// What is counted of a part is counted of the whole too.
struct PartOf {
  Measure part, whole;
};
constexpr PartOf kParts[] = {
    {Measure::kLost, Measure::kHandedOver},    {Measure::kUnknown, Measure::kHandedOver},
    {Measure::kDamaged, Measure::kHandedOver}, {Measure::kReturned, Measure::kHandedOver},
    {Measure::kOnTime, Measure::kDue},         {Measure::kFirstAttempt, Measure::kAttempted},
};

int64_t& At(Scorecard& scorecard, Measure measure) {
  return scorecard.counts[static_cast<size_t>(measure)];
}

void Put(const Dispute::Claim& claim, Scorecard& parcel) {
  At(parcel, kClaimed[static_cast<size_t>(claim.measure())]) = claim.counted() ? 1 : 0;
}

absl::Status Refuse(std::string_view reason, const std::string& name, const std::string& sentence) {
  return api::Error(absl::StatusCode::kFailedPrecondition, reason, sentence)
      .With("resource", name)
      .Precondition(reason, name, sentence);
}

absl::Status Final(const Reckoning& reckoning) {
  return Refuse("RECKONING_FINAL", reckoning.name(),
                absl::StrCat(reckoning.name(), " is FINAL, and stays as it is"));
}

std::string MonthName(absl::CivilMonth month) {
  return absl::StrFormat("%04d-%02d", month.year(), month.month());
}

int64_t DayNumber(absl::CivilDay day) {
  return day.year() * 10000 + day.month() * int64_t{100} + day.day();
}

absl::CivilDay CivilOf(int64_t day) {
  return absl::CivilDay(day / 10000, day / 100 % 100, day % 100);
}

Reckoning::Verdict ToMessage(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMet:
      return Reckoning::MET;
    case Verdict::kBreached:
      return Reckoning::BREACHED;
    case Verdict::kNoData:
      break;
  }
  return Reckoning::NO_DATA;
}

Verdict FromMessage(Reckoning::Verdict verdict) {
  return verdict == Reckoning::MET        ? Verdict::kMet
         : verdict == Reckoning::BREACHED ? Verdict::kBreached
                                          : Verdict::kNoData;
}

// The counts that differ. The sequence says how far the store was, and is none.
std::vector<Reckoning::Change> ChangesBetween(const v1::Scorecard& before,
                                              const v1::Scorecard& after) {
  std::vector<Reckoning::Change> changes;
  const auto& descriptor = *v1::Scorecard::descriptor();
  const auto& reflection = *before.GetReflection();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = descriptor.field(i);
    if (field->is_repeated() ||
        field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_INT64 ||
        field->number() == v1::Scorecard::kSequenceFieldNumber) {
      continue;
    }
    Reckoning::Change change;
    change.set_measure(field->name());
    change.set_before(reflection.GetInt64(before, field));
    change.set_after(reflection.GetInt64(after, field));
    if (change.before() != change.after()) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

std::string ReckoningName(std::string_view partnership, absl::CivilMonth month) {
  return absl::StrCat(partnership, "/reckonings/", MonthName(month));
}

absl::CivilMonth MonthOf(std::string_view reckoning) {
  const std::string_view id = reckoning.substr(reckoning.rfind('/') + 1);
  int year = 0, month = 0;
  if (id.size() != 7 || !absl::SimpleAtoi(id.substr(0, 4), &year) ||
      !absl::SimpleAtoi(id.substr(5), &month)) {
    return absl::CivilMonth();
  }
  return absl::CivilMonth(year, month);
}

std::string_view PartnershipOf(std::string_view reckoning) {
  return reckoning.substr(0, reckoning.find('/', reckoning.find('/') + 1));
}

absl::Status CheckOpening(const Partnership& partnership, absl::CivilMonth month,
                          std::optional<absl::CivilMonth> latest, int64_t today) {
  const std::string& name = partnership.name();
  const int64_t begin = DayNumber(absl::CivilDay(month));
  const int64_t end = DayNumber(absl::CivilDay(month + 1));
  if (partnership.state() == Partnership::DRAFT) {
    return Refuse("NOT_SIGNED", name,
                  absl::StrCat(name, " is a DRAFT; what nobody has signed is not reckoned"));
  }
  if (end <= api::FirstDay(partnership.start_date()) ||
      begin >= api::FirstDay(partnership.end_date())) {
    return Refuse("MONTH_OUTSIDE", name,
                  absl::StrCat("no day of ", MonthName(month), " is of ", name,
                               ", which begins on ", api::FormatDate(partnership.start_date()),
                               " and is over on ", api::FormatDate(partnership.end_date())));
  }
  if (today <= end) {
    return Refuse("MONTH_NOT_OVER", name,
                  absl::StrCat(MonthName(month), " is not over everywhere before ",
                               api::FormatDay(DayNumber(absl::CivilDay(month + 1) + 1))));
  }
  if (latest.has_value() && month != *latest + 1) {
    return Refuse(
        "NOT_NEXT_MONTH", name,
        absl::StrCat("the latest reckoning of ", name, " is of ", MonthName(*latest),
                     "; the next is of ", MonthName(*latest + 1), ", not of ", MonthName(month)));
  }
  return absl::OkStatus();
}

Reckoning NewReckoning(const Partnership& partnership, absl::CivilMonth month,
                       std::string_view opener, int64_t today) {
  Reckoning reckoning;
  reckoning.set_name(ReckoningName(partnership.name(), month));
  *reckoning.mutable_begin_date() = ToDate(absl::CivilDay(month));
  reckoning.set_line_haul_company(partnership.line_haul_company());
  reckoning.set_courier(partnership.courier());
  *reckoning.mutable_dispute_due_date() =
      ToDate(CivilOf(today) + partnership.dispute_window_days());
  reckoning.set_opener(std::string(opener));
  reckoning.set_state(Reckoning::OPEN);
  return reckoning;
}

Reckoning::Result ResultOf(const Partnership& partnership, absl::CivilMonth month,
                           const Scorecard& scorecard, absl::Time now) {
  Reckoning::Result result;
  *result.mutable_measure_time() = TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(now));
  v1::Scorecard& message = *result.mutable_scorecard();
  message = logistics::ToMessage(scorecard);
  message.set_dimension(v1::PARTNERSHIP);
  message.set_value(partnership.name());
  *message.mutable_begin_date() = ToDate(absl::CivilDay(month));
  *message.mutable_end_date() = ToDate(absl::CivilDay(month + 1));

  const std::vector<Finding> findings = Assess(scorecard, TargetsOf(partnership));
  for (const Finding& finding : findings) {
    Reckoning::Finding& added = *result.add_findings();
    added.set_target(static_cast<int32_t>(finding.target));
    added.set_verdict(ToMessage(finding.verdict));
    added.set_numerator(finding.ratio.numerator);
    added.set_denominator(finding.ratio.denominator);
    added.set_seconds(static_cast<int64_t>(finding.seconds + 0.5));
    added.set_count(finding.count);
  }
  result.set_verdict(ToMessage(Overall(findings)));
  if (const auto scale = ScaleOf(partnership)) {
    if (const auto factor = PaymentFactor(scorecard, *scale)) {
      result.set_payment_factor(FormatMillionths(*factor));
    }
  }
  return result;
}

bool Counts(const Dispute& dispute) {
  return dispute.state() == Dispute::ACCEPTED ||
         (dispute.state() == Dispute::ARBITRATED && dispute.upheld());
}

void ApplyClaims(absl::Span<const Dispute> disputes, FindParcel find_parcel, Scorecard& scorecard) {
  // As claimed; of the legs nothing is.
  absl::btree_map<std::string, Scorecard> claimed;
  for (const Dispute& dispute : disputes) {
    if (!Counts(dispute)) continue;
    for (const Dispute::Claim& claim : dispute.claims()) {
      const Scorecard* found = find_parcel(claim.parcel());
      if (found == nullptr) continue;
      const auto [parcel, added] = claimed.try_emplace(claim.parcel());
      if (added) parcel->second.counts = found->counts;
      Put(claim, parcel->second);
    }
  }
  for (auto& [name, parcel] : claimed) {
    for (const auto& [part, whole] : kParts) {
      At(parcel, part) = std::min(At(parcel, part), At(parcel, whole));
    }
    const Scorecard& found = *find_parcel(name);
    for (size_t i = 0; i < kMeasures; ++i) {
      scorecard.counts[i] += parcel.counts[i] - found.counts[i];
    }
  }
}

absl::Status CheckClaims(const Dispute& dispute, FindParcel find_parcel) {
  api::Violations violations;
  struct Claimed {
    int first = 0;  // its first claim
    Scorecard scorecard;
  };
  absl::btree_map<std::string, Claimed> parcels;
  absl::flat_hash_set<std::pair<std::string_view, int>> seen;
  for (int i = 0; i < dispute.claims_size(); ++i) {
    const Dispute::Claim& claim = dispute.claims(i);
    const std::string at = absl::StrCat("claims[", i, "]");
    // Left to the check of what is declared.
    if (claim.measure() == Dispute::Claim::MEASURE_UNSPECIFIED ||
        !Dispute::Claim::Measure_IsValid(claim.measure())) {
      continue;
    }
    const Scorecard* found = find_parcel(claim.parcel());
    if (found == nullptr) {
      violations.Add(at + ".parcel", absl::StrCat("is ", claim.parcel(), ", which is no parcel of ",
                                                  PartnershipOf(dispute.name())));
      continue;
    }
    if (!seen.emplace(claim.parcel(), claim.measure()).second) {
      violations.Add(at + ".measure",
                     absl::StrCat("is ", Dispute::Claim::Measure_Name(claim.measure()), " of ",
                                  claim.parcel(), ", which is claimed already"));
      continue;
    }
    const auto [parcel, added] = parcels.try_emplace(claim.parcel());
    if (added) parcel->second = {.first = i, .scorecard = *found};
    Put(claim, parcel->second.scorecard);
  }
  for (auto& [name, parcel] : parcels) {
    for (const auto& [part, whole] : kParts) {
      if (At(parcel.scorecard, part) <= At(parcel.scorecard, whole)) continue;
      violations.Add(absl::StrCat("claims[", parcel.first, "]"),
                     absl::StrCat("and those after it would count ", name, " as ", NameOf(part),
                                  ", but not as ", NameOf(whole), "; claim both"));
    }
  }
  return violations.ToStatus();
}

absl::Status CheckDisputable(const Reckoning& reckoning, int64_t today) {
  if (reckoning.state() == Reckoning::FINAL) return Final(reckoning);
  if (today <= api::FirstDay(reckoning.dispute_due_date())) return absl::OkStatus();
  return Refuse("WINDOW_CLOSED", reckoning.name(),
                absl::StrCat(reckoning.name(), " could be disputed until ",
                             api::FormatDate(reckoning.dispute_due_date())));
}

bool SilenceAccepts(const Dispute& dispute, int64_t today) {
  return dispute.state() == Dispute::FILED && today > api::FirstDay(dispute.answer_due_date());
}

absl::Status CheckFinalizable(const Reckoning& reckoning, const Reckoning* before,
                              absl::Span<const Dispute> disputes, int64_t today) {
  if (reckoning.state() == Reckoning::FINAL) return Final(reckoning);
  if (today <= api::FirstDay(reckoning.dispute_due_date())) {
    return Refuse("WINDOW_OPEN", reckoning.name(),
                  absl::StrCat(reckoning.name(), " may be disputed until ",
                               api::FormatDate(reckoning.dispute_due_date()),
                               "; it becomes FINAL behind that day"));
  }
  if (before != nullptr && before->state() != Reckoning::FINAL) {
    return Refuse("EARLIER_MONTH_OPEN", reckoning.name(),
                  absl::StrCat(before->name(), " is ", Reckoning::State_Name(before->state()),
                               "; months become FINAL in their order"));
  }
  std::vector<std::string> open;
  for (const Dispute& dispute : disputes) {
    if (dispute.state() == Dispute::REJECTED ||
        (dispute.state() == Dispute::FILED && !SilenceAccepts(dispute, today))) {
      open.push_back(absl::StrCat(dispute.name(), " (", Dispute::State_Name(dispute.state()), ")"));
    }
  }
  if (open.empty()) return absl::OkStatus();
  constexpr size_t kNamed = 10;
  const size_t all = open.size();
  open.resize(std::min(all, kNamed));
  return Refuse("DISPUTES_OPEN", reckoning.name(),
                absl::StrCat(all, " disputes of ", reckoning.name(),
                             " are open: ", absl::StrJoin(open, ", ")));
}

std::optional<Reckoning::Adjustment> AdjustmentOf(const Reckoning& reckoning,
                                                  absl::Span<const Reckoning> later,
                                                  const Reckoning::Result& result) {
  // As it was settled last.
  const v1::Scorecard* scorecard = &reckoning.result().scorecard();
  const std::string* factor = &reckoning.result().payment_factor();
  for (const Reckoning& month : later) {
    for (const Reckoning::Adjustment& adjustment : month.adjustments()) {
      if (adjustment.reckoning() != reckoning.name()) continue;
      scorecard = &adjustment.scorecard();
      factor = &adjustment.payment_factor_after();
    }
  }
  Reckoning::Adjustment adjustment;
  adjustment.set_reckoning(reckoning.name());
  for (Reckoning::Change& change : ChangesBetween(*scorecard, result.scorecard())) {
    *adjustment.add_changes() = std::move(change);
  }
  // The targets' and the scale's own numbers do not change, so neither does the factor
  // without a count.
  if (adjustment.changes().empty()) return std::nullopt;
  adjustment.set_payment_factor_before(*factor);
  adjustment.set_payment_factor_after(result.payment_factor());
  *adjustment.mutable_scorecard() = result.scorecard();
  return adjustment;
}

std::optional<std::string> RiskOf(const Partnership& partnership,
                                  absl::Span<const Reckoning::Verdict> verdicts) {
  std::vector<Verdict> months;
  for (const Reckoning::Verdict verdict : verdicts) months.push_back(FromMessage(verdict));
  const int limit = partnership.at_risk_after();
  if (limit == 0 || !IsAtRisk(months, limit)) return std::nullopt;
  return absl::StrCat("the latest ", limit, " reckoned months with data breached the targets");
}

}  // namespace caravan::logistics
