// Industrial belts: what must be true of one, and how its exports grow beside
// those of its province.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "caravan/zones/v1/industrial_belts.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"

namespace caravan::zones {

// Checks a belt as it will be stored, beyond what its contract declares: one
// year has one figure of a date, no figure is older than its year, dates fit the
// state. INVALID_ARGUMENT names fields relative to the belt.
absl::Status CheckIndustrialBelt(const v1::IndustrialBelt& belt);

// Checks the zone that is to promote a belt from a day (yyyymmdd) on.
// INVALID_ARGUMENT where the belt's place lies in another province;
// FAILED_PRECONDITION with reason ZONE_NOT_IN_FORCE where the zone is not in
// force on the day.
absl::Status CheckBeltZone(const v1::IndustrialBelt& belt, const v1::PilotZone& zone, int64_t day);

// The growth of a belt's exports in a year, and its excess over the province's,
// from what was known at the end of `day` (yyyymmdd).
v1::ComputeExportGrowthResponse ComputeExportGrowth(const v1::IndustrialBelt& belt, int32_t year,
                                                    int64_t day);

}  // namespace caravan::zones
