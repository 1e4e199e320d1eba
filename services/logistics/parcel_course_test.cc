#include "services/logistics/parcel_course.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace caravan::logistics {
namespace {

using ::testing::Optional;
using Reason = TrackingReason;
using Status = TrackingStatus;

absl::Time At(const std::string& text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%S", "2024-" + text, &time, &error)) << text << error;
  return time;
}

// A parcel of which events are told an hour after they happen, if not otherwise.
class Parcel {
 public:
  Parcel() { terms.silence = absl::InfiniteDuration(); }

  Parcel& Add(Status status, const std::string& time, Reason reason = Reason::kNone) {
    TrackingEvent event;
    event.carrier = "partners/a";
    event.id = absl::StrCat(events.events().size());
    event.time = At(time);
    event.receipt = event.time + absl::Hours(1);
    event.status = status;
    event.reason = reason;
    event.known = true;
    events.Add(event);
    return *this;
  }

  Course As(const std::string& as_of = "12-31 00:00:00") const {
    return TrackCourse(events, terms, At(as_of));
  }

  EventSet events;
  Terms terms;
};

Parcel Ordinary() {
  return Parcel()
      .Add(Status::kInfoReceived, "03-01 08:00:00")
      .Add(Status::kPickedUp, "03-01 10:00:00")
      .Add(Status::kDepartedOrigin, "03-02 10:00:00")
      .Add(Status::kArrivedDestination, "03-04 10:00:00")
      .Add(Status::kCustomsHeld, "03-04 11:00:00")
      .Add(Status::kCustomsReleased, "03-04 20:00:00")
      .Add(Status::kArrivedDeliveryHub, "03-05 10:00:00")
      .Add(Status::kOutForDelivery, "03-06 08:00:00")
      .Add(Status::kDelivered, "03-06 13:00:30");
}

Commitment Hours(int hours, Milestone start = Milestone::kHandOver) {
  return {.start = start, .duration = hours};
}

constexpr int64_t kHour = 3600;

TEST(ParcelCourseTest, AnOrdinaryCourse) {
  Parcel parcel = Ordinary();
  parcel.terms.commitment = Hours(5 * 24 + 4);
  const Course course = parcel.As();
  EXPECT_EQ(course.state, ParcelState::kDelivered);
  EXPECT_EQ(course.status, Status::kDelivered);
  EXPECT_THAT(course.handed_over, Optional(At("03-01 10:00:00")));
  EXPECT_THAT(course.first_event, Optional(At("03-01 08:00:00")));
  EXPECT_THAT(course.seconds(Leg::kLineHaul), Optional(72 * kHour));
  // Presented to customs without a reason: the clock runs on.
  EXPECT_THAT(course.seconds(Leg::kClearance), Optional(24 * kHour));
  EXPECT_THAT(course.seconds(Leg::kLastMile), Optional(27 * kHour + 30));
  EXPECT_THAT(course.deadline, Optional(At("03-06 14:00:00")));
  EXPECT_TRUE(course.due);
  EXPECT_TRUE(course.on_time);
  EXPECT_THAT(course.first_attempt, Optional(At("03-06 13:00:30")));
  EXPECT_EQ(course.failures, 0);
  EXPECT_EQ(course.scans_expected, 3);
  EXPECT_EQ(course.scans_missing, 0);
  EXPECT_EQ(course.out_of_sequence + course.negative_intervals + course.before_parcel +
                course.after_delivery + course.future_dated + course.unknown_codes,
            0);
  EXPECT_EQ(course.information.size(), 9u);
  EXPECT_EQ(course.next_change, absl::InfiniteFuture());
}

TEST(ParcelCourseTest, WithoutEventsThereIsNothing) {
  const Course course = Parcel().As();
  EXPECT_EQ(course.state, ParcelState::kNone);
  EXPECT_EQ(course.first_event, std::nullopt);
  EXPECT_EQ(course.next_change, absl::InfiniteFuture());
}

TEST(ParcelCourseTest, StatesAsOfAMoment) {
  const Parcel parcel = Ordinary();
  EXPECT_EQ(parcel.As("03-01 07:59:59").state, ParcelState::kNone);
  EXPECT_EQ(parcel.As("03-01 08:00:00").state, ParcelState::kAnnounced);
  EXPECT_EQ(parcel.As("03-01 10:00:00").state, ParcelState::kUnderWay);
  EXPECT_EQ(parcel.As("03-06 13:00:29").state, ParcelState::kUnderWay);
  EXPECT_EQ(parcel.As("03-06 13:00:30").state, ParcelState::kDelivered);
  // And it is known when they change.
  EXPECT_EQ(parcel.As("03-01 07:59:59").next_change, At("03-01 08:00:00"));
  EXPECT_EQ(parcel.As("03-06 08:00:00").next_change, At("03-06 13:00:30"));
}

TEST(ParcelCourseTest, WithoutAHubScanTheLastMileBeginsAtArrival) {
  Parcel parcel = Parcel()
                      .Add(Status::kPickedUp, "03-01 10:00:00")
                      .Add(Status::kArrivedDestination, "03-04 10:00:00")
                      .Add(Status::kDelivered, "03-06 10:00:00");
  parcel.terms.commitment = Hours(24, Milestone::kHub);
  const Course course = parcel.As();
  EXPECT_EQ(course.seconds(Leg::kClearance), std::nullopt);
  EXPECT_THAT(course.seconds(Leg::kLastMile), Optional(48 * kHour));
  EXPECT_EQ(course.scans_missing, 1);
  EXPECT_THAT(course.deadline, Optional(At("03-05 10:00:00")));
  // Before the delivery the hub scan may still come.
  EXPECT_EQ(parcel.As("03-05 12:00:00").deadline, std::nullopt);
  EXPECT_EQ(parcel.As("03-05 12:00:00").scans_missing, 0);
}

TEST(ParcelCourseTest, AMissingHandOverIsTheEarliestMovement) {
  Parcel parcel = Parcel()
                      .Add(Status::kInfoReceived, "03-01 08:00:00")
                      .Add(Status::kInTransit, "03-01 12:00:00")
                      .Add(Status::kArrivedDestination, "03-04 10:00:00");
  parcel.terms.commitment = Hours(24);
  const Course course = parcel.As();
  EXPECT_THAT(course.handed_over, Optional(At("03-01 12:00:00")));
  EXPECT_EQ(course.at(Milestone::kHandOver), std::nullopt);
  EXPECT_EQ(course.seconds(Leg::kLineHaul), std::nullopt);
  EXPECT_THAT(course.deadline, Optional(At("03-02 12:00:00")));
  EXPECT_EQ(course.scans_expected, 2);
  EXPECT_EQ(course.scans_missing, 1);
}

TEST(ParcelCourseTest, APauseStopsTheLegAndExtendsTheCommitment) {
  Parcel parcel = Parcel()
                      .Add(Status::kPickedUp, "03-01 10:00:00")
                      .Add(Status::kArrivedDestination, "03-04 10:00:00")
                      .Add(Status::kCustomsHeld, "03-04 12:00:00", Reason::kCustoms)
                      .Add(Status::kInTransit, "03-05 12:00:00")
                      .Add(Status::kCustomsHeld, "03-05 13:00:00", Reason::kCustoms)
                      .Add(Status::kCustomsReleased, "03-06 12:00:00")
                      .Add(Status::kArrivedDeliveryHub, "03-06 20:00:00")
                      .Add(Status::kDelivered, "03-07 09:00:00");
  parcel.terms.commitment = Hours(100);
  const Course course = parcel.As();
  // From the first hold to the release: a generic scan closes nothing of customs.
  ASSERT_EQ(course.pauses.size(), 1u);
  EXPECT_EQ(course.pauses[0], (Pause{At("03-04 12:00:00"), At("03-06 12:00:00")}));
  EXPECT_THAT(course.seconds(Leg::kLineHaul), Optional(72 * kHour));
  EXPECT_THAT(course.seconds(Leg::kClearance), Optional(10 * kHour));
  EXPECT_THAT(course.seconds(Leg::kLastMile), Optional(13 * kHour));
  EXPECT_THAT(course.committed, Optional(At("03-05 14:00:00")));
  EXPECT_THAT(course.deadline, Optional(At("03-07 14:00:00")));
  EXPECT_TRUE(course.on_time);

  // Until it is closed it is no pause.
  const Course held = parcel.As("03-06 11:59:59");
  EXPECT_TRUE(held.pauses.empty());
  EXPECT_TRUE(held.due);
  EXPECT_FALSE(held.on_time);
  EXPECT_FALSE(parcel.As("03-06 12:00:00").due);
}

TEST(ParcelCourseTest, PausesOfOtherReasonsAreClosedByMovement) {
  const Parcel parcel = Parcel()
                            .Add(Status::kArrivedDeliveryHub, "03-05 10:00:00")
                            .Add(Status::kException, "03-05 11:00:00", Reason::kForceMajeure)
                            .Add(Status::kException, "03-05 12:00:00", Reason::kAddress)
                            .Add(Status::kException, "03-05 13:00:00")
                            .Add(Status::kInTransit, "03-05 15:00:00")
                            .Add(Status::kDeliveryFailed, "03-05 18:00:00", Reason::kAddress)
                            .Add(Status::kOutForDelivery, "03-06 18:00:00")
                            .Add(Status::kDeliveryFailed, "03-06 19:00:00", Reason::kNobody)
                            .Add(Status::kOutForDelivery, "03-07 09:00:00")
                            .Add(Status::kException, "03-07 10:00:00", Reason::kRecipientRequest)
                            .Add(Status::kDelivered, "03-07 12:00:00");
  const Course course = parcel.As();
  ASSERT_EQ(course.pauses.size(), 3u);
  EXPECT_EQ(course.pauses[0], (Pause{At("03-05 11:00:00"), At("03-05 15:00:00")}));
  EXPECT_EQ(course.pauses[1], (Pause{At("03-05 18:00:00"), At("03-06 18:00:00")}));
  EXPECT_EQ(course.pauses[2], (Pause{At("03-07 10:00:00"), At("03-07 12:00:00")}));
  EXPECT_THAT(course.seconds(Leg::kLastMile), Optional((50 - 4 - 24 - 2) * kHour));
}

TEST(ParcelCourseTest, PausesThatTouchAreOne) {
  const Parcel parcel = Parcel()
                            .Add(Status::kOutForDelivery, "03-05 10:00:00")
                            .Add(Status::kDeliveryFailed, "03-05 11:00:00", Reason::kAddress)
                            .Add(Status::kDeliveryFailed, "03-05 15:00:00", Reason::kAddress)
                            .Add(Status::kDelivered, "03-05 20:00:00");
  const Course course = parcel.As();
  ASSERT_EQ(course.pauses.size(), 1u);
  EXPECT_EQ(course.pauses[0], (Pause{At("03-05 11:00:00"), At("03-05 20:00:00")}));
}

TEST(ParcelCourseTest, AFailureWithinAMinuteIsTheSame) {
  const auto failures = [](const std::string& second, const std::string& third) {
    return Parcel()
        .Add(Status::kDeliveryFailed, "03-05 10:00:00")
        .Add(Status::kDeliveryFailed, second)
        .Add(Status::kDeliveryFailed, third)
        .Add(Status::kDelivered, "03-06 10:00:00")
        .As()
        .failures;
  };
  EXPECT_EQ(failures("03-05 10:01:00", "03-05 12:00:00"), 2);
  EXPECT_EQ(failures("03-05 10:01:01", "03-05 12:00:00"), 3);
  // The last that was counted is that of 10:00:00.
  EXPECT_EQ(failures("03-05 10:00:40", "03-05 10:01:20"), 2);
  EXPECT_EQ(failures("03-05 10:00:20", "03-05 10:01:00"), 1);
}

TEST(ParcelCourseTest, TheFirstAttempt) {
  const Course failed = Parcel()
                            .Add(Status::kDeliveryFailed, "03-05 10:00:00")
                            .Add(Status::kDelivered, "03-06 10:00:00")
                            .As();
  EXPECT_THAT(failed.first_attempt, Optional(At("03-05 10:00:00")));
  EXPECT_EQ(failed.failures, 1);
  const Course open = Parcel().Add(Status::kOutForDelivery, "03-05 10:00:00").As();
  EXPECT_EQ(open.first_attempt, std::nullopt);
}

TEST(ParcelCourseTest, DueWhenTheDeadlineComes) {
  Parcel parcel = Parcel().Add(Status::kPickedUp, "03-01 10:00:00");
  parcel.terms.commitment = Hours(24);
  EXPECT_FALSE(parcel.As("03-02 09:59:59").due);
  EXPECT_EQ(parcel.As("03-02 09:59:59").next_change, At("03-02 10:00:00"));
  EXPECT_TRUE(parcel.As("03-02 10:00:00").due);
  EXPECT_FALSE(parcel.As("03-02 10:00:00").on_time);
  parcel.Add(Status::kDelivered, "03-02 10:00:00");
  EXPECT_TRUE(parcel.As("03-02 10:00:00").on_time);
  EXPECT_FALSE(parcel.As("03-02 09:59:59").due);
  parcel.terms.commitment = std::nullopt;
  EXPECT_FALSE(parcel.As().due);
  EXPECT_EQ(parcel.As().deadline, std::nullopt);
}

TEST(ParcelCourseTest, LostAndUnknownAreDueAndLate) {
  Parcel parcel = Parcel().Add(Status::kPickedUp, "03-01 10:00:00");
  parcel.terms.commitment = Hours(24);
  parcel.terms.silence = absl::Hours(12);
  EXPECT_EQ(parcel.As("03-01 21:59:59").state, ParcelState::kUnderWay);
  EXPECT_EQ(parcel.As("03-01 21:59:59").next_change, At("03-01 22:00:00"));
  EXPECT_EQ(parcel.As("03-01 22:00:00").state, ParcelState::kUnknown);
  EXPECT_FALSE(parcel.As("03-01 22:00:00").due);
  EXPECT_TRUE(parcel.As("03-02 10:00:00").due);
  // A code that says that nothing is known ends no silence.
  parcel.Add(Status::kUnknown, "03-01 20:00:00");
  EXPECT_EQ(parcel.As("03-01 22:00:00").state, ParcelState::kUnknown);
  parcel.Add(Status::kLost, "03-01 21:00:00");
  EXPECT_EQ(parcel.As("03-02 10:00:00").state, ParcelState::kLost);
  EXPECT_TRUE(parcel.As("03-02 10:00:00").due);
  EXPECT_FALSE(parcel.As("03-02 10:00:00").on_time);
}

TEST(ParcelCourseTest, WhatIsFoundAgainGoesOn) {
  Parcel parcel =
      Parcel().Add(Status::kPickedUp, "03-01 10:00:00").Add(Status::kLost, "03-05 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kLost);
  parcel.Add(Status::kException, "03-06 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kLost);
  parcel.Add(Status::kInTransit, "03-07 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kUnderWay);
  parcel.Add(Status::kCancelled, "03-08 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kCancelled);
  parcel.Add(Status::kDelivered, "03-09 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kDelivered);
}

TEST(ParcelCourseTest, RefusalsAreExcludedAndCounted) {
  Parcel parcel = Parcel()
                      .Add(Status::kPickedUp, "03-01 10:00:00")
                      .Add(Status::kDeliveryFailed, "03-01 20:00:00", Reason::kRefused);
  parcel.terms.commitment = Hours(24);
  EXPECT_TRUE(parcel.As("03-01 20:00:00").refused);
  EXPECT_FALSE(parcel.As("03-01 20:00:00").refused_due);
  EXPECT_TRUE(parcel.As("03-02 10:00:00").refused_due);
  EXPECT_FALSE(parcel.As("03-02 10:00:00").due);
  EXPECT_EQ(parcel.As().failures, 1);
  // Who thinks better of it has not refused.
  parcel.Add(Status::kDelivered, "03-05 10:00:00");
  EXPECT_FALSE(parcel.As().refused);
  EXPECT_TRUE(parcel.As().due);
  EXPECT_FALSE(parcel.As().on_time);
}

TEST(ParcelCourseTest, OnTheWayBackNothingIsADelivery) {
  Parcel parcel =
      Parcel().Add(Status::kPickedUp, "03-01 10:00:00").Add(Status::kReturning, "03-05 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kReturning);
  parcel.Add(Status::kArrivedDeliveryHub, "03-06 10:00:00");
  parcel.Add(Status::kDeliveryFailed, "03-06 11:00:00");
  parcel.Add(Status::kLost, "03-06 12:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kLost);
  parcel.Add(Status::kInTransit, "03-07 10:00:00");
  EXPECT_EQ(parcel.As().state, ParcelState::kReturning);
  parcel.Add(Status::kDelivered, "03-08 10:00:00");
  const Course course = parcel.As();
  EXPECT_EQ(course.state, ParcelState::kReturned);
  EXPECT_EQ(course.status, Status::kReturned);
  EXPECT_EQ(course.at(Milestone::kHub), std::nullopt);
  EXPECT_EQ(course.at(Milestone::kDelivery), std::nullopt);
  EXPECT_EQ(course.failures, 0);
  EXPECT_EQ(course.after_delivery, 0);
}

TEST(ParcelCourseTest, EventsBehindTheDeliveryAreCounted) {
  Parcel parcel = Ordinary();
  parcel.Add(Status::kDelivered, "03-06 13:05:00");
  EXPECT_EQ(parcel.As().after_delivery, 0);
  parcel.Add(Status::kDamaged, "03-07 10:00:00");
  EXPECT_EQ(parcel.As().after_delivery, 0);
  EXPECT_TRUE(parcel.As().damaged);
  parcel.Add(Status::kOutForDelivery, "03-07 11:00:00");
  parcel.Add(Status::kReturned, "03-08 11:00:00");
  const Course course = parcel.As();
  EXPECT_EQ(course.after_delivery, 2);
  EXPECT_EQ(course.state, ParcelState::kDelivered);
  EXPECT_THAT(course.at(Milestone::kDelivery), Optional(At("03-06 13:00:30")));
  EXPECT_EQ(course.out_of_sequence, 0);
}

TEST(ParcelCourseTest, EventsBeforeTheParcelAreCounted) {
  Parcel parcel = Ordinary();
  parcel.terms.begin = At("03-02 00:00:00");
  const Course course = parcel.As();
  EXPECT_EQ(course.before_parcel, 2);
  EXPECT_EQ(course.at(Milestone::kHandOver), std::nullopt);
  EXPECT_THAT(course.first_event, Optional(At("03-02 10:00:00")));
  EXPECT_EQ(course.information.size(), 7u);
}

TEST(ParcelCourseTest, EventsInTheFutureWaitForTheirTime) {
  Parcel parcel;
  TrackingEvent event;
  event.status = Status::kPickedUp;
  event.known = true;
  event.time = At("03-05 10:00:00");
  event.receipt = At("03-05 09:50:00");
  parcel.events.Add(event);
  EXPECT_EQ(parcel.As("03-05 09:55:00").future_dated, 0);
  EXPECT_EQ(parcel.As("03-05 09:55:00").state, ParcelState::kNone);
  EXPECT_EQ(parcel.As("03-05 09:55:00").next_change, At("03-05 10:00:00"));
  event.receipt = At("03-05 09:49:59");
  parcel.events.Add(event);
  EXPECT_EQ(parcel.As("03-05 09:55:00").future_dated, 1);
  EXPECT_EQ(parcel.As("03-05 10:00:00").future_dated, 1);
  EXPECT_EQ(parcel.As("03-05 10:00:00").state, ParcelState::kUnderWay);
}

TEST(ParcelCourseTest, NegativeIntervalsAreFaultsAndHaveNoTime) {
  const Course course = Parcel()
                            .Add(Status::kPickedUp, "03-04 10:00:00")
                            .Add(Status::kArrivedDestination, "03-03 10:00:00")
                            .Add(Status::kArrivedDeliveryHub, "03-02 10:00:00")
                            .Add(Status::kDelivered, "03-06 10:00:00")
                            .As();
  EXPECT_EQ(course.negative_intervals, 2);
  EXPECT_EQ(course.seconds(Leg::kLineHaul), std::nullopt);
  EXPECT_EQ(course.seconds(Leg::kClearance), std::nullopt);
  EXPECT_THAT(course.seconds(Leg::kLastMile), Optional(96 * kHour));
  // Arrival and hub happened before the hand-over.
  EXPECT_EQ(course.out_of_sequence, 2);
}

TEST(ParcelCourseTest, ExpectedScansAreThoseOfTheTermsAsFarAsItCame) {
  Parcel parcel = Parcel()
                      .Add(Status::kPickedUp, "03-01 10:00:00")
                      .Add(Status::kAvailableForPickup, "03-05 10:00:00");
  parcel.terms.expected_scans = 1 << static_cast<int>(Milestone::kDeparture) |
                                1 << static_cast<int>(Milestone::kOutForDelivery);
  // Hand-over, departure, arrival, hub.
  EXPECT_EQ(parcel.As().scans_expected, 4);
  EXPECT_EQ(parcel.As().scans_missing, 3);
  parcel.Add(Status::kDeliveryFailed, "03-06 10:00:00");
  EXPECT_EQ(parcel.As().scans_expected, 5);
  EXPECT_EQ(parcel.As().scans_missing, 4);
}

TEST(ParcelCourseTest, InformationAndUnknownCodes) {
  Parcel parcel;
  parcel.terms.information_limit = absl::Minutes(60);
  parcel.Add(Status::kPickedUp, "03-01 10:00:00");
  TrackingEvent event;
  event.time = At("03-01 11:00:00");
  event.receipt = At("03-01 12:00:01");
  event.code = "nobody knows";
  parcel.events.Add(event);
  const Course course = parcel.As();
  EXPECT_EQ(course.unknown_codes, 1);
  ASSERT_EQ(course.information.size(), 2u);
  EXPECT_TRUE(course.information[0].on_time);
  EXPECT_FALSE(course.information[1].on_time);
  EXPECT_EQ(course.status, Status::kPickedUp);
}

TEST(ParcelCourseTest, WithdrawnEventsNeverHappened) {
  Parcel parcel = Ordinary();
  TrackingEvent event = parcel.events.events().back();
  event.correction = 1;
  event.withdrawn = true;
  parcel.events.Add(event);
  EXPECT_EQ(parcel.As().state, ParcelState::kUnderWay);
  EXPECT_EQ(parcel.As().information.size(), 8u);
}

TEST(ParcelCourseTest, Names) {
  EXPECT_EQ(NameOf(Leg::kLastMile), "LAST_MILE");
  EXPECT_EQ(NameOf(Milestone::kDelivery), "DELIVERY");
  EXPECT_EQ(NameOf(ParcelState::kNone), "NONE");
  EXPECT_EQ(NameOf(ParcelState::kUnknown), "UNKNOWN");
}

}  // namespace
}  // namespace caravan::logistics
