#include "services/logistics/parcel_course.h"

#include <algorithm>

namespace caravan::logistics {
namespace {

constexpr int kPauseReasons = 4;
constexpr uint8_t kScansOfLegs = 1 << static_cast<int>(Milestone::kHandOver) |
                                 1 << static_cast<int>(Milestone::kArrival) |
                                 1 << static_cast<int>(Milestone::kHub);

std::optional<Milestone> MilestoneOf(TrackingStatus status) {
  switch (status) {
    case TrackingStatus::kPickedUp:
      return Milestone::kHandOver;
    case TrackingStatus::kDepartedOrigin:
      return Milestone::kDeparture;
    case TrackingStatus::kArrivedDestination:
      return Milestone::kArrival;
    case TrackingStatus::kCustomsReleased:
      return Milestone::kRelease;
    case TrackingStatus::kArrivedDeliveryHub:
      return Milestone::kHub;
    case TrackingStatus::kOutForDelivery:
      return Milestone::kOutForDelivery;
    case TrackingStatus::kDelivered:
      return Milestone::kDelivery;
    default:
      return std::nullopt;
  }
}

// The furthest place to which an event of a status shows that the parcel came.
std::optional<Milestone> PlaceOf(TrackingStatus status) {
  if (status == TrackingStatus::kDeliveryFailed) return Milestone::kOutForDelivery;
  if (status == TrackingStatus::kAvailableForPickup) return Milestone::kHub;
  return MilestoneOf(status);
}

bool EndsJourney(TrackingStatus status) {
  return status == TrackingStatus::kDelivered || status == TrackingStatus::kReturning ||
         status == TrackingStatus::kReturned;
}

bool IsBehindHub(TrackingStatus status) {
  return status == TrackingStatus::kOutForDelivery ||
         status == TrackingStatus::kAvailableForPickup ||
         status == TrackingStatus::kDeliveryFailed || status == TrackingStatus::kDelivered;
}

bool ClosesPause(TrackingStatus status, TrackingReason of) {
  if (EndsJourney(status) || status == TrackingStatus::kLost ||
      status == TrackingStatus::kCancelled) {
    return true;
  }
  if (of != TrackingReason::kCustoms) return ShowsMovement(status);
  return status == TrackingStatus::kCustomsReleased ||
         status == TrackingStatus::kArrivedDeliveryHub || IsBehindHub(status);
}

bool OpensPause(TrackingStatus status, TrackingReason reason) {
  if (!IsPauseReason(reason) || EndsJourney(status)) return false;
  if (status == TrackingStatus::kUnknown || status == TrackingStatus::kLost ||
      status == TrackingStatus::kCancelled) {
    return false;
  }
  return reason != TrackingReason::kCustoms || !ClosesPause(status, reason);
}

// Goes through the events once, in their order.
class Tracker {
 public:
  Tracker(const Terms& terms, absl::Time as_of) : terms_(terms), as_of_(as_of) {}

  Course Track(const EventSet& events) {
    for (const TrackingEvent& event : events.events()) {
      if (!event.withdrawn) Take(event);
    }
    MergePauses();
    MeasureLegs();
    CountScans();
    Judge();
    Settle();
    return std::move(course_);
  }

 private:
  enum class Phase { kForward, kDelivered, kBack, kHome };

  void Take(const TrackingEvent& event) {
    if (event.time < terms_.begin) {
      ++course_.before_parcel;
      return;
    }
    if (event.time - event.receipt > kClockTolerance) ++course_.future_dated;
    if (event.time > as_of_) {
      ChangesAt(event.time);
      return;
    }
    if (!course_.first_event) course_.first_event = event.time;
    course_.information.push_back(
        {event.time, event.receipt - event.time <= terms_.information_limit});
    if (!event.known) ++course_.unknown_codes;
    if (event.status == TrackingStatus::kUnknown) return;
    last_told_ = event.time;
    if (event.status == TrackingStatus::kDamaged) course_.damaged = true;
    switch (phase_) {
      case Phase::kForward:
        GoForward(event);
        break;
      case Phase::kBack:
        GoBack(event.status);
        break;
      case Phase::kDelivered:
        if (event.status != TrackingStatus::kDelivered &&
            event.status != TrackingStatus::kDamaged) {
          ++course_.after_delivery;
        }
        break;
      case Phase::kHome:
        break;
    }
  }

  void GoForward(const TrackingEvent& event) {
    const TrackingStatus status = event.status;
    if (status != TrackingStatus::kDamaged) course_.status = status;
    if (ShowsMovement(status)) {
      if (!moved_) moved_ = event.time;
      lost_ = cancelled_ = false;
    }
    if (const auto milestone = MilestoneOf(status)) {
      auto& time = course_.milestones[static_cast<size_t>(*milestone)];
      if (!time) time = event.time;
    }
    if (const auto place = PlaceOf(status)) {
      reached_ = std::max(reached_, static_cast<int>(*place));
    }
    behind_hub_ |= IsBehindHub(status);
    const bool same_failure = status == TrackingStatus::kDeliveryFailed && last_failure_ &&
                              event.time - *last_failure_ <= kSameFailure;
    if (!same_failure) ClosePauses(event);
    OpenPause(event);
    switch (status) {
      case TrackingStatus::kDeliveryFailed:
        if (!same_failure) {
          last_failure_ = event.time;
          ++course_.failures;
          if (!course_.first_attempt) course_.first_attempt = event.time;
        }
        course_.refused |= event.reason == TrackingReason::kRefused;
        break;
      case TrackingStatus::kDelivered:
        phase_ = Phase::kDelivered;
        if (!course_.first_attempt) course_.first_attempt = event.time;
        course_.refused = false;
        break;
      case TrackingStatus::kReturning:
        phase_ = Phase::kBack;
        lost_ = cancelled_ = false;
        break;
      case TrackingStatus::kReturned:
        phase_ = Phase::kHome;
        break;
      case TrackingStatus::kLost:
        lost_ = true;
        break;
      case TrackingStatus::kCancelled:
        cancelled_ = true;
        break;
      default:
        break;
    }
  }

  void GoBack(TrackingStatus status) {
    if (status == TrackingStatus::kReturned || status == TrackingStatus::kDelivered) {
      phase_ = Phase::kHome;
      course_.status = TrackingStatus::kReturned;
    } else if (status == TrackingStatus::kLost) {
      lost_ = true;
      course_.status = status;
    } else if (ShowsMovement(status) || status == TrackingStatus::kReturning) {
      lost_ = false;
      course_.status = TrackingStatus::kReturning;
    }
  }

  std::optional<absl::Time>& Open(int reason) { return open_[static_cast<size_t>(reason)]; }

  void ClosePauses(const TrackingEvent& event) {
    for (int i = 0; i < kPauseReasons; ++i) {
      std::optional<absl::Time>& open = Open(i);
      if (!open) continue;
      const auto reason =
          static_cast<TrackingReason>(static_cast<int>(TrackingReason::kCustoms) + i);
      if (!ClosesPause(event.status, reason)) continue;
      if (*open < event.time) course_.pauses.push_back({*open, event.time});
      open.reset();
    }
  }

  void OpenPause(const TrackingEvent& event) {
    if (!OpensPause(event.status, event.reason)) return;
    std::optional<absl::Time>& open =
        Open(static_cast<int>(event.reason) - static_cast<int>(TrackingReason::kCustoms));
    if (!open) open = event.time;
  }

  void MergePauses() {
    auto& pauses = course_.pauses;
    if (pauses.size() < 2) return;
    std::sort(pauses.begin(), pauses.end(),
              [](const Pause& a, const Pause& b) { return a.begin < b.begin; });
    size_t last = 0;
    for (size_t i = 1; i < pauses.size(); ++i) {
      if (pauses[i].begin <= pauses[last].end) {
        pauses[last].end = std::max(pauses[last].end, pauses[i].end);
      } else {
        pauses[++last] = pauses[i];
      }
    }
    pauses.resize(last + 1);
  }

  // The hub scan, or what stands for it.
  std::optional<absl::Time> LastMileStart() const {
    const auto& hub = course_.at(Milestone::kHub);
    return hub || !behind_hub_ ? hub : course_.at(Milestone::kArrival);
  }

  void MeasureLegs() {
    Measure(Leg::kLineHaul, course_.at(Milestone::kHandOver), course_.at(Milestone::kArrival));
    Measure(Leg::kClearance, course_.at(Milestone::kArrival), course_.at(Milestone::kHub));
    Measure(Leg::kLastMile, LastMileStart(), course_.at(Milestone::kDelivery));
  }

  void Measure(Leg leg, std::optional<absl::Time> begin, std::optional<absl::Time> end) {
    if (!begin || !end) return;
    if (*end < *begin) {
      ++course_.negative_intervals;
      return;
    }
    absl::Duration time = *end - *begin;
    for (const Pause& pause : course_.pauses) {
      const absl::Time from = std::max(pause.begin, *begin);
      const absl::Time to = std::min(pause.end, *end);
      if (from < to) time -= to - from;
    }
    course_.leg_seconds[static_cast<size_t>(leg)] = absl::ToInt64Seconds(time);
  }

  void CountScans() {
    const int expected = kScansOfLegs | terms_.expected_scans;
    std::optional<absl::Time> latest;
    for (int i = 0; i < kMilestones; ++i) {
      const auto& time = course_.milestones[static_cast<size_t>(i)];
      if (i <= reached_ && (expected & 1 << i) != 0) {
        ++course_.scans_expected;
        if (!time) ++course_.scans_missing;
      }
      if (!time) continue;
      if (latest && *time < *latest) ++course_.out_of_sequence;
      latest = latest ? std::max(*latest, *time) : *time;
    }
  }

  std::optional<absl::Time> CommitmentStart() const {
    switch (terms_.commitment->start) {
      case Milestone::kHandOver:
        return course_.handed_over;
      case Milestone::kHub:
        return LastMileStart();
      default:
        return course_.at(terms_.commitment->start);
    }
  }

  void Judge() {
    const auto& hand_over = course_.at(Milestone::kHandOver);
    course_.handed_over = hand_over ? hand_over : moved_;
    if (!terms_.commitment) return;
    const std::optional<absl::Time> start = CommitmentStart();
    if (!start) return;
    course_.committed = DeadlineOf(*terms_.commitment, *start, {}, terms_.zone);
    course_.deadline = course_.pauses.empty()
                           ? course_.committed
                           : DeadlineOf(*terms_.commitment, *start, course_.pauses, terms_.zone);
    if (*course_.deadline > as_of_) {
      ChangesAt(*course_.deadline);
    } else if (course_.refused) {
      course_.refused_due = true;
    } else {
      course_.due = true;
      const auto& delivery = course_.at(Milestone::kDelivery);
      course_.on_time = delivery && *delivery <= *course_.deadline;
    }
  }

  void Settle() {
    if (phase_ == Phase::kDelivered) {
      course_.state = ParcelState::kDelivered;
    } else if (phase_ == Phase::kHome) {
      course_.state = ParcelState::kReturned;
    } else if (lost_) {
      course_.state = ParcelState::kLost;
    } else if (phase_ == Phase::kBack) {
      course_.state = ParcelState::kReturning;
    } else if (cancelled_) {
      course_.state = ParcelState::kCancelled;
    } else if (course_.first_event) {
      const absl::Time silent = last_told_.value_or(*course_.first_event) + terms_.silence;
      if (silent <= as_of_) {
        course_.state = ParcelState::kUnknown;
      } else {
        course_.state = course_.handed_over ? ParcelState::kUnderWay : ParcelState::kAnnounced;
        ChangesAt(silent);
      }
    }
  }

  void ChangesAt(absl::Time time) { course_.next_change = std::min(course_.next_change, time); }

  const Terms& terms_;
  const absl::Time as_of_;
  Course course_;
  Phase phase_ = Phase::kForward;
  std::optional<absl::Time> moved_;         // the earliest movement
  std::optional<absl::Time> last_told_;     // the last event with a status
  std::optional<absl::Time> last_failure_;  // that was counted
  int reached_ = -1;                        // the furthest milestone's place
  bool behind_hub_ = false;
  bool lost_ = false;
  bool cancelled_ = false;
  std::array<std::optional<absl::Time>, kPauseReasons> open_;  // by reason
};

}  // namespace

std::string_view NameOf(Leg leg) {
  static constexpr std::array<std::string_view, kLegs> kNames = {"LINE_HAUL", "CLEARANCE",
                                                                 "LAST_MILE"};
  return kNames[static_cast<size_t>(leg)];
}

std::string_view NameOf(Milestone milestone) {
  static constexpr std::array<std::string_view, kMilestones> kNames = {
      "HAND_OVER", "DEPARTURE", "ARRIVAL", "RELEASE", "HUB", "OUT_FOR_DELIVERY", "DELIVERY"};
  return kNames[static_cast<size_t>(milestone)];
}

std::string_view NameOf(ParcelState state) {
  static constexpr std::array<std::string_view, 9> kNames = {"NONE",      "ANNOUNCED", "UNDER_WAY",
                                                             "DELIVERED", "RETURNING", "RETURNED",
                                                             "LOST",      "CANCELLED", "UNKNOWN"};
  return kNames[static_cast<size_t>(state)];
}

Course TrackCourse(const EventSet& events, const Terms& terms, absl::Time as_of) {
  return Tracker(terms, as_of).Track(events);
}

}  // namespace caravan::logistics
