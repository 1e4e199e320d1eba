// Practices: what must be true of one.
#pragma once

#include "absl/status/status.h"
#include "caravan/zones/v1/practices.pb.h"

namespace caravan::zones {

// Checks a practice as it will be stored, beyond what its contract declares: its
// dates fit the state. INVALID_ARGUMENT names fields relative to the practice.
absl::Status CheckPractice(const v1::Practice& practice);

// Checks that a practice may be updated: FAILED_PRECONDITION with reason
// PRACTICE_FIXED where it is PUBLISHED or RETIRED, for zones have adopted what
// was published.
absl::Status CheckPracticeOpen(const v1::Practice& practice);

}  // namespace caravan::zones
