#include "services/zones/compliance_standing.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "services/common/api/date.h"
#include "services/zones/complaint.h"
#include "services/zones/period.h"

namespace caravan::zones {

using v1::Complaint;
using v1::ComplianceStanding;
using v1::Enterprise;

namespace {

// Ours: a suspension repeats another one that began so many years before it, or
// fewer.
constexpr int kRepeatYears = 3;

ComplianceStanding::Level LevelOf(Complaint::Measure measure) {
  switch (measure) {
    case Complaint::RECTIFICATION:
    case Complaint::WARNING:
      return ComplianceStanding::WARNED;
    case Complaint::SUSPENSION:
      return ComplianceStanding::RESTRICTED;
    default:
      return ComplianceStanding::GOOD;
  }
}

bool IsSuspension(const HeldFinding& held) {
  return held.finding->measure() == Complaint::SUSPENSION && !held.under_appeal;
}

// The suspension that another one repeats: the latest before it; null where
// there is none. Of two that begin on one day, the second by name repeats.
const HeldFinding* Repeated(const HeldFinding& later, const std::vector<HeldFinding>& all) {
  const HeldFinding* repeated = nullptr;
  for (const HeldFinding& earlier : all) {
    if (&earlier == &later) break;
    const int64_t began = earlier.in_force.begin;
    if (!IsSuspension(earlier) || YearsAfter(began, kRepeatYears) < later.in_force.begin) continue;
    repeated = &earlier;
  }
  return repeated;
}

bool IsSuspended(const Enterprise& enterprise, int64_t day) {
  bool open = false;
  for (const auto& suspension : enterprise.suspensions()) {
    if (api::InForce(suspension.start_date(), suspension.end_date(), day)) return true;
    open = open || !suspension.has_end_date();
  }
  return enterprise.state() == Enterprise::SUSPENDED && !open;
}

}  // namespace

ComplianceStanding StandingOn(const Enterprise& enterprise, absl::Span<const Complaint> complaints,
                              int64_t day) {
  ComplianceStanding standing;
  standing.set_enterprise(enterprise.name());
  *standing.mutable_effective_date() = api::DateOfDay(day);
  standing.set_level(ComplianceStanding::GOOD);
  if (enterprise.has_close_date() && api::FirstDay(enterprise.close_date()) <= day) {
    standing.set_bar(ComplianceStanding::ENTERPRISE_CLOSED);
  } else if (IsSuspended(enterprise, day)) {
    standing.set_bar(ComplianceStanding::ENTERPRISE_SUSPENDED);
  }

  std::vector<HeldFinding> held;
  for (const Complaint& complaint : complaints) {
    if (std::optional<HeldFinding> finding = FindingOn(complaint, day)) held.push_back(*finding);
  }
  std::stable_sort(held.begin(), held.end(), [](const HeldFinding& a, const HeldFinding& b) {
    return a.in_force.begin < b.in_force.begin;
  });
  for (const HeldFinding& one : held) {
    if (!one.in_force.Contains(day)) continue;
    ComplianceStanding::Finding& finding = *standing.add_findings();
    finding.set_complaint(one.complaint->name());
    finding.set_measure(one.finding->measure());
    *finding.mutable_start_date() = api::DateOfDay(one.in_force.begin);
    if (one.finding->has_end_date()) *finding.mutable_end_date() = one.finding->end_date();
    finding.set_under_appeal(one.under_appeal);
    finding.set_level(one.under_appeal ? ComplianceStanding::GOOD
                                       : LevelOf(one.finding->measure()));
    const HeldFinding* repeated = IsSuspension(one) ? Repeated(one, held) : nullptr;
    if (repeated != nullptr) {
      finding.set_level(ComplianceStanding::BARRED);
      finding.set_repeats(repeated->complaint->name());
      if (standing.bar() == ComplianceStanding::BAR_UNSPECIFIED) {
        standing.set_bar(ComplianceStanding::REPEATED_SUSPENSION);
      }
    }
    standing.set_level(std::max(standing.level(), finding.level()));
  }
  if (standing.bar() != ComplianceStanding::BAR_UNSPECIFIED) {
    standing.set_level(ComplianceStanding::BARRED);
  }
  return standing;
}

}  // namespace caravan::zones
