// The definitions of parcel_course.h and scorecard.h written out once more, as
// plainly as can be and with no thought of speed, to test against: clocks are run
// tick by tick, and everything is computed from all messages at once.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "services/logistics/scorecard.h"
#include "services/logistics/testing/journeys.h"

namespace caravan::logistics::testing {

// What is counted on a day, and the times of legs that ended on it, one by one.
struct PlainDay {
  std::map<Measure, int64_t> counts;  // none is 0
  std::array<std::vector<int64_t>, kLegs> legs;
};

using PlainDays = std::map<absl::CivilDay, PlainDay>;

// What a parcel adds to scorecards as of a moment, from the messages that have come.
PlainDays PlainContribution(const std::vector<TrackingEvent>& messages, const Terms& terms,
                            absl::Time as_of);

}  // namespace caravan::logistics::testing
