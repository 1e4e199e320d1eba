// What the keeper of parcels asks of the administrative registers: carriers, their
// agreements, and lanes. The service answers from its store; tests make it up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/logistics/event_time.h"
#include "services/logistics/parcel_course.h"
#include "services/logistics/tracking_code.h"

namespace caravan::logistics {

// Asked for each batch and each parcel, from any thread: answers come from memory, and
// what is handed out stays as it is when the registers change.
class Registers {
 public:
  // A partner (`partners/*`) who sends events.
  struct Carrier {
    std::shared_ptr<const TrackingCodes> codes;
    std::string vocabulary;  // of those codes
    TimeRule times;
  };

  // An agreement (`partnerships/*`).
  struct Partnership {
    std::string line_haul_company;           // `partners/*`
    std::string courier;                     // `partners/*`
    absl::flat_hash_set<std::string> lanes;  // `lanes/*`
    // Whether parcels may be announced under it now; those that travel go on.
    bool open = true;
  };

  // A lane (`lanes/*`).
  struct Lane {
    std::string destination;  // ISO 3166-1 alpha-2
    absl::TimeZone zone;      // of the destination
  };

  // What parcels are measured by. Terms::begin is not looked at.
  struct Agreed {
    Terms terms;
    // The same for the same terms, of whatever replica; another for others.
    uint64_t fingerprint = 0;
  };

  virtual ~Registers() = default;

  // NOT_FOUND with reason RESOURCE_NOT_FOUND where there is none; so for the next two.
  virtual absl::StatusOr<std::shared_ptr<const Carrier>> FindCarrier(std::string_view name) = 0;
  virtual absl::StatusOr<std::shared_ptr<const Partnership>> FindPartnership(
      std::string_view name) = 0;
  virtual absl::StatusOr<std::shared_ptr<const Lane>> FindLane(std::string_view name) = 0;

  // The terms of a parcel of these, each of which may be empty, or no longer there:
  // without a partnership nothing is promised, without a lane days are of UTC. Exclusions
  // may be of the day on which the parcel was announced; one that was not
  // (InfinitePast) has no partnership.
  virtual std::shared_ptr<const Agreed> TermsOf(std::string_view partnership, std::string_view lane,
                                                std::string_view postal_code,
                                                absl::Time announced) = 0;
};

}  // namespace caravan::logistics
