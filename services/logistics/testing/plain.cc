#include "services/logistics/testing/plain.h"

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>

namespace caravan::logistics::testing {
namespace {

using Status = TrackingStatus;
using Reason = TrackingReason;
using Events = std::vector<TrackingEvent>;

bool In(Status status, std::initializer_list<Status> list) {
  return std::find(list.begin(), list.end(), status) != list.end();
}

bool Ends(Status s) { return In(s, {Status::kDelivered, Status::kReturning, Status::kReturned}); }

bool Moves(Status s) {
  return In(s, {Status::kPickedUp, Status::kInTransit, Status::kDepartedOrigin,
                Status::kArrivedDestination, Status::kCustomsReleased, Status::kArrivedDeliveryHub,
                Status::kOutForDelivery, Status::kAvailableForPickup, Status::kDeliveryFailed,
                Status::kDelivered});
}

bool BehindHub(Status s) {
  return In(s, {Status::kOutForDelivery, Status::kAvailableForPickup, Status::kDeliveryFailed,
                Status::kDelivered});
}

bool Closes(Status s, Reason reason) {
  if (Ends(s) || In(s, {Status::kLost, Status::kCancelled})) return true;
  if (reason != Reason::kCustoms) return Moves(s);
  return BehindHub(s) || In(s, {Status::kCustomsReleased, Status::kArrivedDeliveryHub});
}

bool Opens(const TrackingEvent& e) {
  if (e.reason != Reason::kCustoms && e.reason != Reason::kAddress &&
      e.reason != Reason::kForceMajeure && e.reason != Reason::kRecipientRequest) {
    return false;
  }
  if (Ends(e.status) || In(e.status, {Status::kUnknown, Status::kLost, Status::kCancelled})) {
    return false;
  }
  return e.reason != Reason::kCustoms || !Closes(e.status, e.reason);
}

// The events that stand, in order, without those that are withdrawn.
Events Standing(const Events& messages) {
  const auto same = [](const TrackingEvent& a, const TrackingEvent& b) {
    if (a.carrier != b.carrier) return false;
    if (!a.id.empty() || !b.id.empty()) return a.id == b.id;
    return a.code == b.code && a.time == b.time && a.place == b.place;
  };
  const auto version = [](const TrackingEvent& e) {
    return std::tuple(e.correction, e.time, e.status, e.reason, e.code, e.place, e.withdrawn);
  };
  Events events;
  for (size_t i = 0; i < messages.size(); ++i) {
    bool seen = false;
    for (size_t j = 0; j < i; ++j) seen |= same(messages[i], messages[j]);
    if (seen) continue;
    TrackingEvent best = messages[i];
    absl::Time receipt = best.receipt;
    for (const TrackingEvent& other : messages) {
      if (!same(best, other)) continue;
      receipt = std::min(receipt, other.receipt);
      if (version(other) > version(best)) best = other;
    }
    best.receipt = receipt;
    if (!best.withdrawn) events.push_back(best);
  }
  std::sort(events.begin(), events.end(), [](const TrackingEvent& a, const TrackingEvent& b) {
    return std::tuple(a.time, a.status, a.carrier, a.id, a.code, a.place) <
           std::tuple(b.time, b.status, b.carrier, b.id, b.code, b.place);
  });
  return events;
}

class Plain {
 public:
  Plain(const Terms& terms, absl::Time as_of) : terms_(terms), as_of_(as_of) {}

  PlainDays Days(const Events& messages) {
    int before_parcel = 0;
    int future_dated = 0;
    for (const TrackingEvent& event : Standing(messages)) {
      if (event.time < terms_.begin) {
        ++before_parcel;
        continue;
      }
      if (event.time > event.receipt + absl::Minutes(10)) ++future_dated;
      if (event.time <= as_of_) all_.push_back(event);
    }
    if (all_.empty()) return {};
    size_t end = all_.size();
    for (size_t i = all_.size(); i-- > 0;) {
      if (Ends(all_[i].status)) end = i;
    }
    journey_.assign(all_.begin(),
                    all_.begin() + static_cast<std::ptrdiff_t>(std::min(end + 1, all_.size())));
    behind_.assign(all_.begin() + static_cast<std::ptrdiff_t>(journey_.size()), all_.end());
    FindFailures();
    FindPauses();

    const auto handed_over = First(Status::kPickedUp) ? First(Status::kPickedUp) : FirstMovement();
    const absl::CivilDay cohort = DayOf(handed_over.value_or(all_[0].time));
    const bool delivered = journey_.back().status == Status::kDelivered;
    const auto arrival = First(Status::kArrivedDestination);
    const auto hub = First(Status::kArrivedDeliveryHub);
    const auto delivery = First(Status::kDelivered);
    const bool passed_hub = std::any_of(journey_.begin(), journey_.end(),
                                        [](const auto& e) { return BehindHub(e.status); });
    const auto last_mile = hub ? hub : passed_hub ? arrival : std::nullopt;

    if (handed_over) {
      Count(cohort, Measure::kHandedOver);
      const std::string state = Outcome();
      Count(cohort, Measure::kLost, state == "lost");
      Count(cohort, Measure::kUnknown, state == "unknown");
      Count(cohort, Measure::kReturned, state == "returned");
      Count(cohort, Measure::kDamaged, std::any_of(all_.begin(), all_.end(), [](const auto& e) {
              return e.status == Status::kDamaged;
            }));
    }
    Count(cohort, Measure::kBeforeParcel, before_parcel);
    Count(cohort, Measure::kFutureDated, future_dated);
    Count(cohort, Measure::kUnknownCodes,
          std::count_if(all_.begin(), all_.end(), [](const auto& e) { return !e.known; }));
    if (delivered) {
      Count(cohort, Measure::kAfterDelivery,
            std::count_if(behind_.begin(), behind_.end(), [](const auto& e) {
              return !In(e.status, {Status::kUnknown, Status::kDamaged, Status::kDelivered});
            }));
    }
    Legs(cohort, Leg::kLineHaul, First(Status::kPickedUp), arrival);
    Legs(cohort, Leg::kClearance, arrival, hub);
    Legs(cohort, Leg::kLastMile, last_mile, delivery);
    Scans(cohort);

    std::optional<absl::Time> attempt = delivery;
    if (!failures_.empty() && (!attempt || failures_[0] < *attempt)) attempt = failures_[0];
    if (attempt) {
      Count(DayOf(*attempt), Measure::kAttempted);
      Count(DayOf(*attempt), Measure::kFirstAttempt, failures_.empty());
    }
    if (delivery) Count(DayOf(*delivery), Measure::kDelivered);
    for (const TrackingEvent& event : all_) {
      Count(DayOf(event.time), Measure::kInformation);
      Count(DayOf(event.time), Measure::kInformationOnTime,
            event.receipt <= event.time + terms_.information_limit);
    }
    if (terms_.commitment) {
      std::optional<absl::Time> start;
      switch (terms_.commitment->start) {
        case Milestone::kHandOver:
          start = handed_over;
          break;
        case Milestone::kHub:
          start = last_mile;
          break;
        default:
          start = First(StatusOf(static_cast<int>(terms_.commitment->start)));
      }
      if (start) Deadline(*start, delivery);
    }
    return days_;
  }

 private:
  struct Interval {
    absl::Time begin, end;
  };

  static Status StatusOf(int milestone) {
    static constexpr Status kStatuses[] = {Status::kPickedUp,           Status::kDepartedOrigin,
                                           Status::kArrivedDestination, Status::kCustomsReleased,
                                           Status::kArrivedDeliveryHub, Status::kOutForDelivery,
                                           Status::kDelivered};
    return kStatuses[milestone];
  }

  void Count(absl::CivilDay day, Measure measure, int64_t n = 1) {
    if (n != 0) days_[day].counts[measure] += n;
  }

  absl::CivilDay DayOf(absl::Time time) const { return absl::ToCivilDay(time, terms_.zone); }

  std::optional<absl::Time> First(Status status) const {
    for (const TrackingEvent& event : journey_) {
      if (event.status == status) return event.time;
    }
    return std::nullopt;
  }

  std::optional<absl::Time> FirstMovement() const {
    for (const TrackingEvent& event : journey_) {
      if (Moves(event.status)) return event.time;
    }
    return std::nullopt;
  }

  void FindFailures() {
    for (const TrackingEvent& event : journey_) {
      const bool failed = event.status == Status::kDeliveryFailed;
      const bool same =
          failed && !failures_.empty() && event.time <= failures_.back() + absl::Seconds(60);
      repeated_.push_back(same);
      if (failed && !same) failures_.push_back(event.time);
    }
  }

  void FindPauses() {
    for (size_t i = 0; i < journey_.size(); ++i) {
      if (!Opens(journey_[i])) continue;
      for (size_t j = i + 1; j < journey_.size(); ++j) {
        if (repeated_[j] || !Closes(journey_[j].status, journey_[i].reason)) continue;
        pauses_.push_back({journey_[i].time, journey_[j].time});
        break;
      }
    }
  }

  // Whether the clock stands still during the tick that begins at a time.
  bool Paused(absl::Time tick) const {
    return std::any_of(pauses_.begin(), pauses_.end(), [&](const Interval& pause) {
      return pause.begin <= tick && tick < pause.end;
    });
  }

  // Whether it does around a time, the beginning of a tick.
  bool PausedAround(absl::Time tick) const { return Paused(tick - kTick) && Paused(tick); }

  std::string Outcome() const {
    Events rest = journey_;
    if (journey_.back().status == Status::kDelivered) return "delivered";
    if (journey_.back().status == Status::kReturned) return "returned";
    const bool back = journey_.back().status == Status::kReturning;
    if (back) {
      rest = behind_;
      // Home, whatever is said later.
      for (const TrackingEvent& event : rest) {
        if (In(event.status, {Status::kReturned, Status::kDelivered})) return "returned";
      }
    }
    bool lost = false;
    bool cancelled = false;
    for (const TrackingEvent& event : rest) {
      if (Moves(event.status) || event.status == Status::kReturning) lost = cancelled = false;
      lost |= event.status == Status::kLost;
      cancelled |= event.status == Status::kCancelled;
    }
    if (lost) return "lost";
    if (back) return "returned";
    if (cancelled) return "cancelled";
    absl::Time told = all_[0].time;
    for (const TrackingEvent& event : all_) {
      if (event.status != Status::kUnknown) told = event.time;
    }
    return told + terms_.silence <= as_of_ ? "unknown" : "open";
  }

  void Legs(absl::CivilDay cohort, Leg leg, std::optional<absl::Time> begin,
            std::optional<absl::Time> end) {
    if (!begin || !end) return;
    if (*end < *begin) {
      Count(cohort, Measure::kNegativeIntervals);
      return;
    }
    int64_t seconds = 0;
    for (absl::Time tick = *begin; tick < *end; tick += kTick) {
      if (!Paused(tick)) seconds += absl::ToInt64Seconds(kTick);
    }
    days_[DayOf(*end)].legs[static_cast<size_t>(leg)].push_back(seconds);
  }

  void Scans(absl::CivilDay cohort) {
    int reached = -1;
    for (int m = 0; m < kMilestones; ++m) {
      if (First(StatusOf(m))) reached = m;
    }
    if (First(Status::kDeliveryFailed)) reached = std::max(reached, 5);
    if (First(Status::kAvailableForPickup)) reached = std::max(reached, 4);
    for (int m = 0; m <= reached; ++m) {
      const bool of_legs = m == 0 || m == 2 || m == 4;
      if (!of_legs && (terms_.expected_scans >> m) % 2 == 0) continue;
      Count(cohort, Measure::kScansExpected);
      Count(cohort, Measure::kScansMissing, !First(StatusOf(m)));
    }
    for (int m = 0; m < kMilestones; ++m) {
      bool out_of_sequence = false;
      for (int earlier = 0; earlier < m; ++earlier) {
        const auto before = First(StatusOf(earlier));
        const auto time = First(StatusOf(m));
        out_of_sequence |= before && time && *time < *before;
      }
      Count(cohort, Measure::kOutOfSequence, out_of_sequence);
    }
  }

  // Midnights of the zones that are tested with come once.
  absl::Time EndOf(absl::CivilDay day) const { return absl::FromCivil(day + 1, terms_.zone); }

  bool EndIsPaused(absl::CivilDay day) const { return Paused(EndOf(day) - kTick); }

  void Deadline(absl::Time start, std::optional<absl::Time> delivery) {
    const Commitment& commitment = *terms_.commitment;
    // A delivery before this is in time: one at the deadline is, and times are ticks.
    absl::Time late;
    absl::CivilDay day;
    if (commitment.unit == DurationUnit::kHours) {
      absl::Time tick = start;
      for (int64_t left = commitment.duration * int64_t{120}; left > 0; tick += kTick) {
        if (!Paused(tick)) --left;
      }
      day = DayOf(tick);
      late = tick + kTick;
      if (commitment.kind == DeadlineKind::kLocalDate) {
        while (EndIsPaused(day)) ++day;
        late = EndOf(day);
      }
    } else {
      day = DayOf(start);
      const int64_t of_day = absl::ToCivilSecond(start, terms_.zone) - absl::CivilSecond(day);
      const auto instant = [&] {
        return absl::FromCivil(absl::CivilSecond(day) + of_day, terms_.zone);
      };
      for (int left = commitment.duration; left > 0;) {
        ++day;
        if (!commitment.calendar->IsWorking(day)) continue;
        const bool paused = commitment.kind == DeadlineKind::kLocalDate ? EndIsPaused(day)
                                                                        : PausedAround(instant());
        if (!paused) --left;
      }
      late = commitment.kind == DeadlineKind::kLocalDate ? EndOf(day) : instant() + kTick;
    }
    // The moment as of which is asked for is a tick too.
    const bool has_come =
        commitment.kind == DeadlineKind::kLocalDate ? late <= as_of_ : late - kTick <= as_of_;
    if (!has_come) return;
    const bool refused = !delivery && std::any_of(journey_.begin(), journey_.end(), [](auto& e) {
      return e.status == Status::kDeliveryFailed && e.reason == Reason::kRefused;
    });
    if (refused) {
      Count(day, Measure::kRefused);
    } else {
      Count(day, Measure::kDue);
      Count(day, Measure::kOnTime, delivery && *delivery < late);
    }
  }

  const Terms& terms_;
  const absl::Time as_of_;
  PlainDays days_;
  Events all_, journey_, behind_;  // the journey, and what is behind its end
  std::vector<bool> repeated_;     // by event of the journey: a failure that is the same
  std::vector<absl::Time> failures_;
  std::vector<Interval> pauses_;
};

}  // namespace

PlainDays PlainContribution(const Events& messages, const Terms& terms, absl::Time as_of) {
  return Plain(terms, as_of).Days(messages);
}

}  // namespace caravan::logistics::testing
