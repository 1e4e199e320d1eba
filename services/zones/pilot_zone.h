// Pilot zones: what must be true of one, and which zone answers for a place on
// a day.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/pilot_zones.pb.h"

namespace caravan::zones {

// Finds a zone by its name; nothing where it does not exist.
using FindPilotZone =
    absl::FunctionRef<absl::StatusOr<std::optional<v1::PilotZone>>(std::string_view name)>;

// Whether a zone is in force on a day (yyyymmdd).
bool IsInForce(const v1::PilotZone& zone, int64_t day);

// Checks that a zone is in force on a day (yyyymmdd) for what it is to do:
// FAILED_PRECONDITION with reason ZONE_NOT_IN_FORCE where it is not, naming its
// successor where it has one. `purpose` completes the sentence "the zone
// cannot ...": `take on industrialBelts/x`.
absl::Status CheckInForce(const v1::PilotZone& zone, int64_t day, std::string_view purpose);

// Checks a zone as it will be stored, beyond what its contract declares: the
// place lies in the province, and the end date and successor fit the state.
// INVALID_ARGUMENT names fields relative to the zone.
absl::Status CheckPilotZone(const v1::PilotZone& zone);

// Checks a merged zone's `successor` and `end_date` against the other zones.
// FAILED_PRECONDITION with reason SUCCESSOR_NOT_IN_FORCE where the successor is
// not in force on the end date, SUCCESSION_CIRCULAR where the successor has gone,
// or will go, into this zone. A successor that does not exist is left to the
// check of references.
absl::Status CheckSuccession(const v1::PilotZone& zone, FindPilotZone find);

// The zone that answers on a day for the place of the zone `name`: itself, or
// the successor into which it has gone, however many steps away. Nothing where
// there is no zone of that name. FAILED_PRECONDITION with reason
// ZONE_NOT_IN_FORCE where no zone answers.
absl::StatusOr<std::optional<v1::PilotZone>> ResolvePilotZone(std::string_view name, int64_t day,
                                                              FindPilotZone find);

}  // namespace caravan::zones
