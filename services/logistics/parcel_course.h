// A parcel's course: what its events say of it at a moment.
//
// It is a function of the set of events, the terms and the moment as of which it
// is asked for, and of nothing else: not of the order in which events came, nor of
// what was derived before. As time goes on it changes without events too: deadlines
// come, silence lengthens. Course::next_change says when.
//
// What follows defines every word of it. Rules that are ours, without a published
// source, are marked (ours).
//
// EVENTS THAT TAKE PART. An event takes part unless it
//   - is withdrawn;
//   - happened before the parcel existed (Terms::begin): counted as
//     `before_parcel`; a carrier's number may have belonged to another one;
//   - happens after the moment: it takes part when its time has come. One that was
//     received more than kClockTolerance before it happened is also counted as
//     `future_dated`, a data fault, at once.
// Those of one moment are taken in the order of EventSet. An event whose code is
// not known takes part with the status UNKNOWN, and is counted.
//
// THE JOURNEY ends with the first event DELIVERED, RETURNING or RETURNED. Behind a
// delivery an event is only a flag (DAMAGED), a repeated DELIVERED, or counted as
// `after_delivery`; none of them changes the journey. Behind RETURNING the parcel is
// on its way back: scans are no milestones, failures no attempts, and DELIVERED means
// that the sender has it (ours).
//
// MILESTONES. Each is the earliest event of its status in the journey (Milestone).
// The parcel was handed over with the hand-over milestone; without one, with the
// earliest event that shows movement (ShowsMovement), as then the scan is what is
// missing. A generic IN_TRANSIT shows movement and no place.
//
// LEGS. Line haul: hand-over scan to arrival. Clearance: arrival to hub scan. Last
// mile: hub scan to delivery; where the journey went on behind the hub (out for
// delivery, waiting to be picked up, failed, delivered) without a hub scan, it begins
// at arrival, and the clearance has no time. A leg has a time when both its ends are
// there, less the pauses within it, in whole seconds, rounded down. One that ends
// before it begins is a data fault, counted as `negative_intervals`, and has no
// time.
//
// PAUSES. An event with a reason of customs, address, force majeure or recipient's
// request opens a pause of that reason, where none is open. One that ends the
// journey opens none, nor does LOST, CANCELLED or UNKNOWN; and for customs' reason
// none of those that close such a pause. It needs a closing event: of customs,
// CUSTOMS_RELEASED or an event at a later place (hub and beyond); of other reasons,
// the next that shows movement; of all, one that ends the journey, LOST or CANCELLED.
// A failure that is the same as the last closes nothing. Until it is closed it is no
// pause: what a hold is worth is known when it ends, and the deadline moves then. Pauses that
// overlap or touch count once. A pause stops whichever leg runs and extends the commitment
// (DeadlineOf) by what lies behind its start.
//
// ATTEMPTS. A failure is an event DELIVERY_FAILED; one within 60 s, inclusive, of
// the last counted one is the same. The first attempt is the first failure or the
// delivery, whichever comes first. A parcel is delivered at the first attempt where
// no failure comes before.
//
// DEADLINE. That of the commitment, from the milestone that it names; where it names
// the hub and the journey passed without a hub scan, from arrival; where it names the
// hand-over and that scan is missing, from the moment at which the parcel was handed
// over. Without that milestone, or without a commitment, there is none, and the parcel
// is in no on-time rate.
//   Due: the deadline, as extended, has come (deadline <= moment), and the parcel is
// not refused. In time: delivered, not after the deadline. Whatever else is due is
// late: delivered later, lost, unknown, on its way back, or on its way.
//   Refused: a failure of the journey has the recipient's refusal as its reason, and
// the parcel is not delivered. It is not due; it is counted as refused when its
// deadline has come.
//
// STATE.
//   DELIVERED, RETURNING, RETURNED: how the journey ended.
//   LOST, CANCELLED: the last such event has no movement behind it; what is found
//     again goes on. On its way back a parcel can be lost too.
//   UNKNOWN: none of these, and no event with a status for Terms::silence (ours: 30
//     days, as aggregators have it).
//   UNDER_WAY: handed over. ANNOUNCED: events, but not handed over. NONE: no events.
// A carrier's "expired" (UNKNOWN) is missing data and no outcome, and ends no silence.
//
// DAMAGED is a flag: some event that takes part says so, even behind the delivery.
//
// SCANS. Expected are those of hand-over, arrival and hub, and what the terms add,
// as far as the journey came: a failure shows that it came as far as out for
// delivery, waiting to be picked up that it came to the hub. Missing are those
// expected that are not there. Out of sequence are milestones that happened before one
// that should precede them.
//
// INFORMATION is on time where it was received no later than Terms::information_limit
// behind the event. It is asked of every event that takes part.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"
#include "services/logistics/commitment.h"
#include "services/logistics/event_set.h"

namespace caravan::logistics {

inline constexpr absl::Duration kClockTolerance = absl::Minutes(10);  // ours
inline constexpr absl::Duration kSameFailure = absl::Seconds(60);

enum class Leg : uint8_t { kLineHaul, kClearance, kLastMile };
inline constexpr int kLegs = 3;

enum class ParcelState : uint8_t {
  kNone,
  kAnnounced,
  kUnderWay,
  kDelivered,
  kReturning,
  kReturned,
  kLost,
  kCancelled,
  kUnknown,
};

std::string_view NameOf(Leg leg);              // `LINE_HAUL`
std::string_view NameOf(Milestone milestone);  // `HAND_OVER`
std::string_view NameOf(ParcelState state);    // `UNDER_WAY`

// What a parcel is measured by.
struct Terms {
  // Of the destination: deadlines and periods are of its days.
  absl::TimeZone zone = absl::UTCTimeZone();
  std::optional<Commitment> commitment;  // valid (CheckCommitment)
  // Since when the carrier's number is this parcel's.
  absl::Time begin = absl::InfinitePast();
  // Milestones whose scans are expected beyond those that the legs need: bits
  // 1 << milestone.
  uint8_t expected_scans = 0;
  absl::Duration information_limit = absl::Hours(24);
  absl::Duration silence = absl::Hours(30 * 24);
};

struct Course {
  ParcelState state = ParcelState::kNone;
  // The last status that the parcel had, in the order of events; flags and
  // UNKNOWN are none.
  TrackingStatus status = TrackingStatus::kUnknown;

  std::optional<absl::Time> first_event;
  std::optional<absl::Time> handed_over;
  std::array<std::optional<absl::Time>, kMilestones> milestones;
  std::array<std::optional<int64_t>, kLegs> leg_seconds;
  // Ascending; they neither overlap nor touch.
  absl::InlinedVector<Pause, 2> pauses;

  std::optional<absl::Time> first_attempt;
  int failures = 0;

  // The deadline without pauses, and as they extend it.
  std::optional<absl::Time> committed;
  std::optional<absl::Time> deadline;
  bool due = false;
  bool on_time = false;      // and due
  bool refused = false;      // whether or not its deadline has come
  bool refused_due = false;  // and it has
  bool damaged = false;

  int scans_expected = 0;
  int scans_missing = 0;

  // Data faults and oddities.
  int out_of_sequence = 0;
  int negative_intervals = 0;
  int before_parcel = 0;
  int after_delivery = 0;
  int future_dated = 0;
  int unknown_codes = 0;

  // The earliest moment behind the one asked for at which the course is another
  // though no event comes; InfiniteFuture where it stays.
  absl::Time next_change = absl::InfiniteFuture();

  // The events that take part: what they say of the carriers' information.
  struct Information {
    absl::Time time;  // of the event
    bool on_time = false;
  };
  absl::InlinedVector<Information, 16> information;

  const std::optional<absl::Time>& at(Milestone milestone) const {
    return milestones[static_cast<size_t>(milestone)];
  }
  const std::optional<int64_t>& seconds(Leg leg) const {
    return leg_seconds[static_cast<size_t>(leg)];
  }
};

// The course of a parcel as of a moment.
Course TrackCourse(const EventSet& events, const Terms& terms, absl::Time as_of);

}  // namespace caravan::logistics
