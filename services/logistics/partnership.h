// Partnerships: what their terms must be, and when they change state.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/partnerships.pb.h"

namespace caravan::logistics {

// Whether it has neither been terminated nor expired.
bool IsOpen(const v1::Partnership& partnership);

// INVALID_ARGUMENT where dates, standards, exclusions, targets or the scale make no
// sense.
absl::Status CheckPartnership(const v1::Partnership& partnership);

// INVALID_ARGUMENT where a party does not do what it must; null is left to the check of
// references.
absl::Status CheckParties(const v1::Partner* line_haul_company, const v1::Partner* courier);

// Whether anything but what may change after the signature is different.
bool TermsDiffer(const v1::Partnership& before, const v1::Partnership& after);

// FAILED_PRECONDITION with reason TERMS_IN_FORCE where terms change that are signed.
absl::Status CheckTermsChange(const v1::Partnership& before, const v1::Partnership& after);

// FAILED_PRECONDITION with reason NOT_DRAFT.
absl::Status CheckDeletion(const v1::Partnership& partnership);

// Checks a change of state from `before`; `today` is yyyymmdd. FAILED_PRECONDITION with
// the reasons that the contract names.
absl::Status CheckStep(const v1::Partnership& before, const v1::Partnership& after,
                       const v1::Partner& line_haul_company, const v1::Partner& courier,
                       int64_t today);

// FAILED_PRECONDITION with reason NOT_SIGNED or PARTNERSHIP_ENDED where nothing may be
// excluded.
absl::Status CheckExcludable(const v1::Partnership& partnership);

}  // namespace caravan::logistics
