// Where reckonings get what was measured of a month.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

// Called from any thread that may wait, never within a transaction.
class ScorecardSource {
 public:
  virtual ~ScorecardSource() = default;

  // What is counted by now of a partnership (`partnerships/*`) in a month.
  virtual absl::StatusOr<Scorecard> OfMonth(std::string_view partnership,
                                            absl::CivilMonth month) = 0;

  // What a parcel (`parcels/*`) adds to that. NOT_FOUND with reason RESOURCE_NOT_FOUND
  // where the partnership has no such parcel.
  virtual absl::StatusOr<Scorecard> OfParcel(std::string_view partnership, std::string_view parcel,
                                             absl::CivilMonth month) = 0;
};

}  // namespace caravan::logistics
