#include "services/zones/adoption.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/zones/period.h"

namespace caravan::zones {

using v1::Adoption;
using Request = v1::SummarizeAdoptionsRequest;

namespace {

constexpr int kMostPeriods = 100;

int MonthsOf(Request::Period period) {
  switch (period) {
    case Request::MONTH:
      return 1;
    case Request::QUARTER:
      return 3;
    case Request::HALF_YEAR:
      return 6;
    default:
      return 12;
  }
}

// The first month of the period of the calendar in which a day lies.
absl::CivilMonth BeginOfPeriod(int64_t day, int months) {
  const absl::CivilMonth month(CivilDayOf(day));
  return month - (month.month() - 1) % months;
}

// The name of the practice: the adoption's without its last two segments.
std::string_view PracticeOf(const Adoption& adoption) {
  return std::string_view(adoption.name()).substr(0, adoption.name().rfind("/adoptions/"));
}

// The last segment of a name.
std::string_view IdOf(std::string_view name) { return name.substr(name.rfind('/') + 1); }

}  // namespace

absl::Status CheckAdoption(const Adoption& adoption) {
  api::Violations violations;
  const std::string_view id = IdOf(adoption.name());
  if (!adoption.pilot_zone().empty() && id != IdOf(adoption.pilot_zone())) {
    violations.Add("pilot_zone",
                   absl::StrCat("is ", adoption.pilot_zone(), ", but the adoption's id is ", id,
                                "; an adoption has the id of its zone"));
  }
  if (adoption.has_end_date() && adoption.has_adoption_date() &&
      api::FirstDay(adoption.end_date()) <= api::FirstDay(adoption.adoption_date())) {
    violations.Add("end_date", absl::StrCat(api::FormatDate(adoption.end_date()),
                                            " is not after the adoption on ",
                                            api::FormatDate(adoption.adoption_date())));
  }
  return violations.ToStatus();
}

absl::Status CheckAdoptable(const Adoption& adoption, const v1::Practice& practice) {
  const int64_t day = api::FirstDay(adoption.adoption_date());
  std::string why;
  if (!practice.has_publication_date()) {
    why = absl::StrCat("it is ", v1::Practice::State_Name(practice.state()),
                       " and has not been published");
  } else if (day < api::FirstDay(practice.publication_date())) {
    why = absl::StrCat("it was published on ", api::FormatDate(practice.publication_date()));
  } else if (practice.has_retirement_date() && day >= api::FirstDay(practice.retirement_date())) {
    why = absl::StrCat("it was retired on ", api::FormatDate(practice.retirement_date()));
  } else {
    return absl::OkStatus();
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "PRACTICE_NOT_PUBLISHED",
                    absl::StrCat(practice.name(), " cannot be adopted on ",
                                 api::FormatDate(adoption.adoption_date()), ": ", why))
      .With("resource", practice.name())
      .With("adoption_date", api::FormatDate(adoption.adoption_date()));
}

absl::StatusOr<std::vector<int64_t>> AdoptionPeriods(const Request& request, int64_t today) {
  const int months = MonthsOf(request.period());
  const int64_t end = request.has_end_date() ? api::FirstDay(request.end_date()) : today;
  absl::CivilMonth month = BeginOfPeriod(api::FirstDay(request.start_date()), months);
  const absl::CivilMonth last = BeginOfPeriod(end, months);
  api::Violations violations;
  if (last < month) {
    violations.Add("end_date", absl::StrCat(api::FormatDay(end), " is before start_date, ",
                                            api::FormatDate(request.start_date())));
    return violations.ToStatus();
  }
  const int64_t count = (last - month) / months + 1;
  if (count > kMostPeriods) {
    violations.Add("end_date",
                   absl::StrCat("would make ", count, " periods; at most ", kMostPeriods,
                                " may be: begin later, end earlier, or take longer ones"));
    return violations.ToStatus();
  }
  std::vector<int64_t> periods;
  for (; month <= last; month += months) periods.push_back(NumberOf(absl::CivilDay(month)));
  periods.push_back(NumberOf(absl::CivilDay(month)));
  return periods;
}

AdoptionCounter::AdoptionCounter(Request::Grouping grouping, std::vector<int64_t> periods,
                                 std::string after, int rows)
    : ordered_(grouping != Request::PILOT_ZONE),
      periods_(std::move(periods)),
      after_(std::move(after)),
      rows_(static_cast<size_t>(rows)) {}

void AdoptionCounter::Add(const Adoption& adoption) {
  const int64_t day = api::FirstDay(adoption.adoption_date());
  if (day >= periods_.back()) return;
  // With the slash, so that rows come in the order of the names below them.
  std::string row = absl::StrCat(ordered_ ? PracticeOf(adoption) : adoption.pilot_zone(), "/");
  if (row <= after_) return;
  const auto [found, added] = counts_.try_emplace(std::move(row));
  Counts& counts = found->second;
  const size_t periods = periods_.size() - 1;
  if (added) {
    counts.began.resize(periods);
    counts.active.resize(periods);
  }
  // The first period whose last day is this one or a later one.
  const auto first = std::upper_bound(periods_.begin() + 1, periods_.end(), day);
  size_t i = static_cast<size_t>(first - periods_.begin()) - 1;
  ++(day < periods_.front() ? counts.earlier : counts.began[i]);
  const bool ends = adoption.has_end_date();
  const int64_t end = ends ? api::FirstDay(adoption.end_date()) : 0;
  // It is active on the last day of a period where it ends on a later day.
  for (; i < periods && (!ends || end >= periods_[i + 1]); ++i) ++counts.active[i];
  // Of the rows behind the page, one says that there are more. What is dropped
  // never comes back, for the page only ever moves forward.
  if (counts_.size() > rows_ + 1) counts_.erase(std::prev(counts_.end()));
}

std::string AdoptionCounter::last() const {
  auto last = counts_.end();
  if (last != counts_.begin()) --last;
  if (more()) --last;
  return last == counts_.end() ? "" : last->first;
}

std::vector<v1::AdoptionSummary> AdoptionCounter::Summaries() const {
  std::vector<v1::AdoptionSummary> summaries;
  for (const auto& [name, counts] : counts_) {
    if (summaries.size() == rows_) break;
    v1::AdoptionSummary& summary = summaries.emplace_back();
    (ordered_ ? *summary.mutable_practice() : *summary.mutable_pilot_zone()) =
        name.substr(0, name.size() - 1);
    summary.set_earlier_count(counts.earlier);
    int32_t cumulative = counts.earlier;
    for (size_t i = 0; i + 1 < periods_.size(); ++i) {
      cumulative += counts.began[i];
      v1::AdoptionPeriod& period = *summary.add_periods();
      *period.mutable_start_date() = api::DateOfDay(periods_[i]);
      period.set_adoption_count(counts.began[i]);
      period.set_cumulative_count(cumulative);
      period.set_active_count(counts.active[i]);
    }
  }
  return summaries;
}

}  // namespace caravan::zones
