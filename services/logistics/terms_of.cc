#include "services/logistics/terms_of.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "services/common/api/date.h"
#include "services/logistics/millionths.h"
#include "services/logistics/register_rules.h"
#include "services/logistics/scorecard_message.h"

namespace caravan::logistics {

using v1::ServiceStandard;

namespace {

// The contract has its own zero before the first milestone.
Milestone MilestoneOf(int milestone) {
  return static_cast<Milestone>(milestone - ServiceStandard::HAND_OVER);
}

std::optional<Commitment> CommitmentOf(const ServiceStandard& standard,
                                       FindCalendar find_calendar) {
  Commitment commitment;
  commitment.start = MilestoneOf(standard.start());
  commitment.duration = standard.duration();
  commitment.kind = standard.deadline_kind() == ServiceStandard::LOCAL_DATE
                        ? DeadlineKind::kLocalDate
                        : DeadlineKind::kInstant;
  if (standard.unit() == ServiceStandard::WORKING_DAYS) {
    commitment.unit = DurationUnit::kWorkingDays;
    commitment.calendar = find_calendar(standard.calendar());
  }
  if (!CheckCommitment(commitment).ok()) return std::nullopt;
  return commitment;
}

// Whether an exclusion is of a parcel that was announced on a day, yyyymmdd.
bool Applies(const v1::Exclusion& exclusion, const std::string& lane, std::string_view postal_code,
             int64_t announced) {
  const auto& lanes = exclusion.lanes();
  const auto& areas = exclusion.postal_areas();
  if (!lanes.empty() && std::find(lanes.begin(), lanes.end(), lane) == lanes.end()) return false;
  if (!api::InForce(exclusion.start_date(), exclusion.end_date(), announced)) return false;
  return areas.empty() || std::any_of(areas.begin(), areas.end(), [&](const std::string& area) {
           return absl::StartsWith(postal_code, area);
         });
}

}  // namespace

absl::TimeZone ZoneOf(const v1::Lane& lane) {
  absl::TimeZone zone = absl::UTCTimeZone();
  absl::LoadTimeZone(lane.time_zone(), &zone);
  return zone;
}

const ServiceStandard* FindStandard(const v1::Partnership& partnership, std::string_view lane) {
  const ServiceStandard* found = nullptr;
  for (const ServiceStandard& standard : partnership.standards()) {
    if (standard.lane() == lane) return &standard;
    if (standard.lane().empty()) found = &standard;
  }
  return found;
}

Terms TermsOf(const v1::Partnership& partnership, const v1::Lane& lane,
              std::string_view postal_code, absl::Time announced, FindCalendar find_calendar) {
  Terms terms;
  terms.zone = ZoneOf(lane);
  const ServiceStandard* standard = FindStandard(partnership, lane.name());
  if (standard == nullptr) return terms;
  for (const int milestone : standard->expected_scans()) {
    terms.expected_scans |= uint8_t{1} << static_cast<int>(MilestoneOf(milestone));
  }
  if (standard->information_limit_hours() > 0) {
    terms.information_limit = absl::Hours(standard->information_limit_hours());
  }
  const std::string code = absl::AsciiStrToUpper(postal_code);
  const int64_t day = api::DayOf(announced, terms.zone);
  const bool excluded = std::any_of(
      partnership.exclusions().begin(), partnership.exclusions().end(),
      [&](const v1::Exclusion& exclusion) { return Applies(exclusion, lane.name(), code, day); });
  if (!excluded) terms.commitment = CommitmentOf(*standard, find_calendar);
  return terms;
}

std::vector<Target> TargetsOf(const v1::Partnership& partnership) {
  std::vector<Target> targets;
  for (const v1::Target& target : partnership.targets()) {
    if (target.rate() != v1::RATE_UNSPECIFIED) {
      targets.push_back(RateTarget{.rate = FromMessage(target.rate()),
                                   .bound = ParseMillionths(target.bound()).value_or(0)});
    } else {
      targets.push_back(LegTarget{.leg = static_cast<Leg>(target.leg() - v1::LINE_HAUL),
                                  .percent = target.percent(),
                                  .seconds = target.limit_seconds()});
    }
  }
  return targets;
}

std::optional<PaymentScale> ScaleOf(const v1::Partnership& partnership) {
  if (!partnership.has_payment_scale()) return std::nullopt;
  const v1::PaymentScale& agreed = partnership.payment_scale();
  PaymentScale scale;
  scale.rate = FromMessage(agreed.rate());
  scale.base = ParseMillionths(agreed.base_factor()).value_or(kMillion);
  for (const auto& tier : agreed.tiers()) {
    scale.tiers.push_back({.from = ParseMillionths(tier.from()).value_or(0),
                           .factor = ParseMillionths(tier.factor()).value_or(kMillion)});
  }
  return scale;
}

}  // namespace caravan::logistics
