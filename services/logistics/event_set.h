// The events of a parcel as a set: streams are duplicated, late, out of order and
// corrected, and what is derived from them depends on none of that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/logistics/tracking_status.h"

namespace caravan::logistics {

// What a carrier said once. Times are of whole microseconds.
struct TrackingEvent {
  // Who said it: identities are the carrier's own.
  std::string carrier;
  // The carrier's id of the event; empty where it gives none.
  std::string id;
  // As the carrier wrote it, and the place where it happened.
  std::string code;
  std::string place;

  absl::Time time;     // when it happened
  absl::Time receipt;  // when we were first told

  // What the code means (TrackingCodes); `known` is false where that is not known.
  TrackingStatus status = TrackingStatus::kUnknown;
  TrackingReason reason = TrackingReason::kNone;
  bool known = false;

  // 0 for what was said first; a correction says it anew with a higher number.
  int32_t correction = 0;
  // The correction takes the event back: it never happened.
  bool withdrawn = false;

  friend bool operator==(const TrackingEvent&, const TrackingEvent&) = default;
};

// Two events are the same where their carrier is, and its id of the event; where
// it gives no id, where code, time and place are. So an event without an id can be
// withdrawn, or have its reason corrected, and nothing else.
//
// Of the versions of an event, that with the highest correction stands. Of two
// different ones with the same number, which no carrier should send, the one that
// is greater as (time, status, reason, code, place, withdrawn) stands: any choice
// would do that does not depend on which came first.
//
// The receipt is the minimum over all versions: a correction does not make the
// first information late.
//
// All of this is a join: sets with the same versions added are the same, in
// whatever order and however often these came.
class EventSet {
 public:
  // No journey has so many; what comes beyond is refused.
  static constexpr size_t kMaxEvents = 1000;

  enum class Outcome {
    kAdded,      // an event that was not there
    kCorrected,  // another version stands
    kEarlier,    // it was known, and is now known to have been received earlier
    kKnown,      // nothing has changed
    kRefused,    // there are kMaxEvents
  };

  Outcome Add(TrackingEvent event);

  // The set of these, which are what events() of one gave. Nothing where they are in
  // another order, or too many.
  static std::optional<EventSet> FromOrdered(std::vector<TrackingEvent> events);

  // In the order in which they happened, those of one moment in the order of a
  // journey (TrackingStatus), and then by identity. Withdrawn ones are among them.
  absl::Span<const TrackingEvent> events() const { return events_; }

 private:
  void Insert(TrackingEvent event);

  std::vector<TrackingEvent> events_;
};

}  // namespace caravan::logistics
