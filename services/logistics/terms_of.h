// What partnerships agree on, as the domain has it.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"
#include "services/logistics/commitment.h"
#include "services/logistics/parcel_course.h"
#include "services/logistics/targets.h"
#include "services/logistics/working_calendar.h"

namespace caravan::logistics {

// Finds a calendar (`workingCalendars/*`); null where there is none.
using FindCalendar =
    absl::FunctionRef<std::shared_ptr<const WorkingCalendar>(std::string_view name)>;

// The zone of a valid lane's destination.
absl::TimeZone ZoneOf(const v1::Lane& lane);

// The standard for a lane: its own, else that for all others; null where there is none.
const v1::ServiceStandard* FindStandard(const v1::Partnership& partnership, std::string_view lane);

// What a parcel of a valid partnership is measured by, on a lane that may be of another
// one, to a postal code that may be empty, and announced at a time. Nothing is committed
// without a standard, without its calendar, or where an exclusion applies. Terms::begin is
// not set.
Terms TermsOf(const v1::Partnership& partnership, const v1::Lane& lane,
              std::string_view postal_code, absl::Time announced, FindCalendar find_calendar);

// Of a valid partnership; targets in their order.
std::vector<Target> TargetsOf(const v1::Partnership& partnership);
std::optional<PaymentScale> ScaleOf(const v1::Partnership& partnership);

}  // namespace caravan::logistics
