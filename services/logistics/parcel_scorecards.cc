#include "services/logistics/parcel_scorecards.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {

namespace {

int32_t FirstDayOf(absl::CivilMonth month) {
  return static_cast<int32_t>(absl::CivilDay(month) - absl::CivilDay(1970, 1, 1));
}

}  // namespace

ParcelScorecards::ParcelScorecards(std::shared_ptr<ParcelHost> host) : host_(std::move(host)) {}

absl::StatusOr<Scorecard> ParcelScorecards::OfMonth(std::string_view partnership,
                                                    absl::CivilMonth month) {
  ScorecardRange range;
  range.dimension = static_cast<int>(Dimension::kPartnership);
  range.first_value = range.last_value = std::string(partnership);
  range.begin_day = FirstDayOf(month);
  range.end_day = FirstDayOf(month + 1);
  auto read = host_->keeper().ReadScorecards(range, std::nullopt);
  if (!read.ok()) return read.status();
  return read->days.empty() ? Scorecard() : std::move(read->days[0].scorecard);
}

absl::StatusOr<Scorecard> ParcelScorecards::OfParcel(std::string_view partnership,
                                                     std::string_view parcel,
                                                     absl::CivilMonth month) {
  absl::StatusOr<v1::Parcel> found = host_->keeper().Get(parcel);
  if (!found.ok()) return found.status();
  if (found->partnership() != partnership) {
    return api::Error(
        absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
        absl::StrCat(partnership, " has no parcel ", parcel, "; name one that travels under it"));
  }
  auto days = host_->keeper().ScorecardsOf(parcel);
  if (!days.ok()) return days.status();
  Scorecard sum;
  for (const ParcelKeeper::DayScorecard& day : *days) {
    if (day.day >= FirstDayOf(month) && day.day < FirstDayOf(month + 1)) sum.Merge(day.scorecard);
  }
  return sum;
}

}  // namespace caravan::logistics
