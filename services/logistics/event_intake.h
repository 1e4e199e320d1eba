// What carriers send, checked and read: see TrackingService.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "services/logistics/event_set.h"
#include "services/logistics/registers.h"

namespace caravan::logistics {

// How far ahead an event may lie.
inline constexpr absl::Duration kMaxAhead = absl::Hours(24);

// Reads the events of a carrier as of a moment. Those from before `oldest` are refused.
class EventIntake {
 public:
  EventIntake(std::string_view name, const Registers::Carrier& carrier, absl::Time now,
              absl::Time oldest)
      : name_(name), carrier_(carrier), now_(now), oldest_(oldest) {}

  // Whether the event's time is that of its parcel's destination.
  bool WantsDestination(const v1::TrackingEvent& from) const;

  // What can be said of an event without its parcel's destination: INVALID_ARGUMENT with
  // the reason for which it is refused.
  static absl::Status Check(const v1::TrackingEvent& from);

  // OK with the event in `*event`; INVALID_ARGUMENT as above. `destination` is the time
  // zone of its parcel's destination, where that is known.
  absl::Status Read(const v1::TrackingEvent& from, std::optional<absl::TimeZone> destination,
                    TrackingEvent* event);

 private:
  absl::Status ReadTimes(const v1::TrackingEvent& from, std::optional<absl::TimeZone> destination,
                         TrackingEvent* event);

  std::string name_;
  const Registers::Carrier& carrier_;
  absl::Time now_, oldest_;
  // Zones of places that the batch has named so far.
  absl::flat_hash_map<std::string, std::optional<absl::TimeZone>> zones_;
};

}  // namespace caravan::logistics
