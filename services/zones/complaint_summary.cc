#include "services/zones/complaint_summary.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/complaint.h"

namespace caravan::zones {

using Request = v1::SummarizeComplaintsRequest;
using v1::Complaint;
using v1::SummarizeComplaintsResponse;

namespace {

// Ours: how many years back another finding makes a repeat violator.
constexpr int kRepeatYears = 3;

double Median(std::vector<int64_t> values) {
  const size_t middle = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? static_cast<double>(values[middle])
                                : static_cast<double>(values[middle - 1] + values[middle]) / 2;
}

}  // namespace

absl::StatusOr<ComplaintSummary> ComplaintSummary::For(const Request& request, int64_t today) {
  api::Violations violations;
  CheckEndsAfter(request.start_date(), request.end_date(), "end_date", violations);
  if (!violations.empty()) return violations.ToStatus();
  return ComplaintSummary({api::FirstDay(request.start_date()), api::FirstDay(request.end_date())},
                          today, request.group_by());
}

void ComplaintSummary::Add(const Complaint& complaint) {
  AddTo(total_, complaint);
  if (group_by_ == Request::GROUP_BY_UNSPECIFIED) return;
  const std::string& group =
      group_by_ == Request::ASSOCIATION ? complaint.association() : complaint.pilot_zone();
  if (!group.empty()) AddTo(groups_[group], complaint);
}

void ComplaintSummary::AddTo(Group& group, const Complaint& complaint) const {
  const int64_t filed = api::FirstDay(complaint.filing_date());
  if (period_.Contains(filed)) ++group.filed;
  if (complaint.has_close_date()) {
    const int64_t closed = api::FirstDay(complaint.close_date());
    if (period_.Contains(closed)) {
      group.days_to_close.push_back(CivilDayOf(closed) - CivilDayOf(filed));
    }
  }
  const std::optional<HeldFinding> held = FindingOn(complaint, today_);
  if (!held.has_value() || held->under_appeal) return;
  const int64_t decided = api::FirstDay(held->finding->decision_date());
  if (decided < period_.end) group.violations[complaint.enterprise()].push_back(decided);
}

SummarizeComplaintsResponse ComplaintSummary::Response() const {
  SummarizeComplaintsResponse response;
  *response.mutable_total() = Summarize("", total_);
  for (const auto& [name, group] : groups_) *response.add_groups() = Summarize(name, group);
  return response;
}

SummarizeComplaintsResponse::Summary ComplaintSummary::Summarize(const std::string& scope,
                                                                 const Group& group) const {
  SummarizeComplaintsResponse::Summary summary;
  summary.set_scope(scope);
  summary.set_filed_count(group.filed);
  const std::vector<int64_t>& days = group.days_to_close;
  summary.set_closed_count(static_cast<int32_t>(days.size()));
  if (!days.empty()) {
    summary.set_median_days_to_close(Median(days));
    summary.set_mean_days_to_close(
        static_cast<double>(std::accumulate(days.begin(), days.end(), int64_t{0})) /
        static_cast<double>(days.size()));
  }
  int violators = 0;
  int repeated = 0;
  for (const auto& [enterprise, decided] : group.violations) {
    std::vector<int64_t> in_order = decided;
    std::sort(in_order.begin(), in_order.end());
    if (!period_.Contains(in_order.back())) continue;
    ++violators;
    if (in_order.size() > 1 &&
        YearsAfter(in_order[in_order.size() - 2], kRepeatYears) >= in_order.back()) {
      ++repeated;
    }
  }
  summary.set_violator_count(violators);
  summary.set_repeat_violator_count(repeated);
  if (violators > 0) {
    summary.set_repeat_violation_rate(static_cast<double>(repeated) / violators);
  }
  return summary;
}

}  // namespace caravan::zones
