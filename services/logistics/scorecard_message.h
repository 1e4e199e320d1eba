// Scorecards as the contract has them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "google/type/date.pb.h"
#include "services/logistics/comparison.h"
#include "services/logistics/contribution.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

// A half-open range of days.
struct Days {
  absl::CivilDay begin, end;
};

google::type::Date ToDate(absl::CivilDay day);

// The days that a request asks for: up to `end`, or where it is unset the period in
// which `begin` lies, a month where the granularity is not set either.
// INVALID_ARGUMENT with reason INVALID_PERIOD where a date is no day, where `end` is
// not behind `begin`, or more than 3,660 days are asked for.
absl::StatusOr<Days> ReadDays(const google::type::Date& begin, const google::type::Date& end,
                              v1::Granularity granularity);

// The period in which a day lies.
Days PeriodAt(absl::CivilDay day, Granularity granularity);

// The counts, rates and leg times; not the name, the dates and the sequence.
v1::Scorecard ToMessage(const Scorecard& scorecard);

// A rate with data.
v1::RateValue ToMessage(Rate rate, const Ratio& ratio);

// `0.981250`: numerator / denominator, rounded half up; both at least 0, the
// denominator above 0.
std::string DecimalOf(const Ratio& ratio);

// The contract's comparison, with the sentence that sums it up.
v1::CompareCouriersResponse ToMessage(const Comparison& comparison, Rate rate);

// The enums of the contract; they must be set to a known value.
Dimension FromMessage(v1::Dimension dimension);
Granularity FromMessage(v1::Granularity granularity);
Rate FromMessage(v1::Rate rate);

}  // namespace caravan::logistics
