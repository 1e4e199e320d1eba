// Enterprises: what must be true of one.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"

namespace caravan::zones {

// Checks an enterprise as it will be stored, beyond what its contract declares:
// the id is that of its country, province and home zone are only for firms at
// home, the close date and the suspensions fit the state. INVALID_ARGUMENT names
// fields relative to the enterprise.
absl::Status CheckEnterprise(const v1::Enterprise& enterprise);

// Notes in an enterprise that is being suspended or reinstated on which day
// (yyyymmdd) that was.
void NoteSuspension(const v1::Enterprise& before, int64_t today, v1::Enterprise& after);

// Checks the home zone that an enterprise is to have from a day (yyyymmdd) on.
// INVALID_ARGUMENT where the enterprise's province is another than the zone's;
// FAILED_PRECONDITION with reason ZONE_NOT_IN_FORCE where the zone is not in
// force on the day, naming its successor where it has one.
absl::Status CheckHomeZone(const v1::Enterprise& enterprise, const v1::PilotZone& zone,
                           int64_t day);

}  // namespace caravan::zones
