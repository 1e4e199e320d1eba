// The local day of a moment, found fast: it is asked for some twenty times for each event
// that is taken in.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace caravan::logistics {

// The day of `time` in `zone`, in days since 1 January 1970. From any thread.
int32_t LocalDayOf(absl::Time time, absl::TimeZone zone);

}  // namespace caravan::logistics
