// What is promised of a parcel's delivery, and the deadline that follows.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/logistics/working_calendar.h"

namespace caravan::logistics {

// The places that a journey passes, in their order. A parcel passes one with its
// first event of the status beside it.
enum class Milestone : uint8_t {
  kHandOver,        // PICKED_UP
  kDeparture,       // DEPARTED_ORIGIN
  kArrival,         // ARRIVED_DESTINATION
  kRelease,         // CUSTOMS_RELEASED
  kHub,             // ARRIVED_DELIVERY_HUB
  kOutForDelivery,  // OUT_FOR_DELIVERY
  kDelivery,        // DELIVERED
};
inline constexpr int kMilestones = 7;

// A time in which the clock of a commitment stands still: from `begin`, until
// `end`. The reasons for it are not told apart.
struct Pause {
  absl::Time begin, end;

  friend bool operator==(const Pause&, const Pause&) = default;
};

enum class DurationUnit : uint8_t { kHours, kWorkingDays };

enum class DeadlineKind : uint8_t {
  kInstant,
  // The end of a day in the time zone of the destination.
  kLocalDate,
};

struct Commitment {
  Milestone start = Milestone::kHandOver;
  int duration = 0;  // from 1 to kMaxDuration
  DurationUnit unit = DurationUnit::kHours;
  DeadlineKind kind = DeadlineKind::kInstant;
  // For working days.
  std::shared_ptr<const WorkingCalendar> calendar = nullptr;

  static constexpr int kMaxDuration = 10'000;
};

// INVALID_ARGUMENT with reason INVALID_COMMITMENT where a field is out of bounds:
// it starts with the delivery, or counts working days without a calendar.
absl::Status CheckCommitment(const Commitment& commitment);

// The last microsecond at which a delivery is in time, of a valid commitment whose
// start event happened at `start`. `pauses` ascend, and neither overlap nor touch.
//
// HOURS: the clock runs from the start, except in pauses, until it has run the
// hours. That is the INSTANT. The LOCAL_DATE is the day on which it falls.
//
// WORKING_DAYS: the day of the start does not count, nor does one that is not
// worked. The LOCAL_DATE is the last of so many working days. The INSTANT is the
// start's local time of day on that day; one that clocks skip is when they do.
//
// A pause moves what it covers: a day does not count, and is no LOCAL_DATE, where
// the deadline that it would make lies inside a pause, its ends excepted. So a pause
// costs as many days as it takes away in the evening, and one that begins behind the
// deadline changes nothing. (The rule for days is ours.)
absl::Time DeadlineOf(const Commitment& commitment, absl::Time start,
                      absl::Span<const Pause> pauses, absl::TimeZone zone);

}  // namespace caravan::logistics
