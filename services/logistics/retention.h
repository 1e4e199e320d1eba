// How long is kept what scorecards no longer need; these stay for ever.
#pragma once

#include "absl/time/time.h"

namespace caravan::logistics {

// The settings of the same names say more.
struct Retention {
  absl::Duration feed = 90 * absl::Hours(24);       // of tracking events
  absl::Duration parcels = 1826 * absl::Hours(24);  // behind the last that was told of them
};

}  // namespace caravan::logistics
