#include "services/logistics/event_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/logistics/testing/journeys.h"

namespace caravan::logistics {
namespace {

using Outcome = EventSet::Outcome;

absl::Time At(int64_t minutes) { return absl::FromUnixSeconds(1'700'000'000 + 60 * minutes); }

TrackingEvent Event(std::string id, std::string code, int64_t time, int64_t receipt,
                    int32_t correction = 0) {
  TrackingEvent event;
  event.carrier = "partners/a";
  event.id = std::move(id);
  event.code = std::move(code);
  event.time = At(time);
  event.receipt = At(receipt);
  event.correction = correction;
  return event;
}

TEST(EventSetTest, TheCarriersIdIsTheIdentity) {
  EventSet set;
  EXPECT_EQ(set.Add(Event("1", "x", 0, 1)), Outcome::kAdded);
  EXPECT_EQ(set.Add(Event("2", "x", 0, 1)), Outcome::kAdded);
  EXPECT_EQ(set.Add(Event("1", "x", 0, 1)), Outcome::kKnown);
  TrackingEvent other = Event("1", "x", 0, 1);
  other.carrier = "partners/b";
  EXPECT_EQ(set.Add(other), Outcome::kAdded);
  EXPECT_EQ(set.events().size(), 3u);
}

TEST(EventSetTest, WithoutAnIdCodeTimeAndPlaceAre) {
  EventSet set;
  EXPECT_EQ(set.Add(Event("", "x", 0, 1)), Outcome::kAdded);
  EXPECT_EQ(set.Add(Event("", "x", 0, 2)), Outcome::kKnown);
  EXPECT_EQ(set.Add(Event("", "y", 0, 1)), Outcome::kAdded);
  EXPECT_EQ(set.Add(Event("", "x", 1, 1)), Outcome::kAdded);
  TrackingEvent elsewhere = Event("", "x", 0, 1);
  elsewhere.place = "there";
  EXPECT_EQ(set.Add(elsewhere), Outcome::kAdded);
  EXPECT_EQ(set.Add(Event("1", "x", 0, 1)), Outcome::kAdded);
}

TEST(EventSetTest, TheHighestCorrectionStands) {
  EventSet set;
  set.Add(Event("1", "x", 10, 11, 1));
  EXPECT_EQ(set.Add(Event("1", "y", 20, 21, 3)), Outcome::kCorrected);
  EXPECT_EQ(set.Add(Event("1", "z", 30, 31, 2)), Outcome::kKnown);
  ASSERT_EQ(set.events().size(), 1u);
  EXPECT_EQ(set.events()[0].code, "y");
  EXPECT_EQ(set.events()[0].time, At(20));
  TrackingEvent withdrawn = Event("1", "y", 20, 40, 4);
  withdrawn.withdrawn = true;
  EXPECT_EQ(set.Add(withdrawn), Outcome::kCorrected);
  EXPECT_TRUE(set.events()[0].withdrawn);
}

TEST(EventSetTest, TheReceiptIsTheEarliestOfAllVersions) {
  EventSet set;
  set.Add(Event("1", "x", 0, 50, 1));
  EXPECT_EQ(set.Add(Event("1", "x", 0, 40, 1)), Outcome::kEarlier);
  EXPECT_EQ(set.Add(Event("1", "x", 0, 20, 0)), Outcome::kEarlier);
  EXPECT_EQ(set.Add(Event("1", "x", 0, 60, 2)), Outcome::kCorrected);
  EXPECT_EQ(set.events()[0].receipt, At(20));
}

TEST(EventSetTest, EventsAreInTheOrderOfTimeThenOfAJourney) {
  EventSet set;
  TrackingEvent delivered = Event("1", "d", 5, 5);
  delivered.status = TrackingStatus::kDelivered;
  TrackingEvent out = Event("2", "o", 5, 5);
  out.status = TrackingStatus::kOutForDelivery;
  set.Add(delivered);
  set.Add(out);
  set.Add(Event("3", "p", 1, 9));
  ASSERT_EQ(set.events().size(), 3u);
  EXPECT_EQ(set.events()[0].code, "p");
  EXPECT_EQ(set.events()[1].code, "o");
  EXPECT_EQ(set.events()[2].code, "d");
}

TEST(EventSetTest, IsBounded) {
  EventSet set;
  for (size_t i = 0; i < EventSet::kMaxEvents; ++i) {
    ASSERT_EQ(set.Add(Event(absl::StrCat(i), "x", 0, 5)), Outcome::kAdded);
  }
  EXPECT_EQ(set.Add(Event("more", "x", 0, 5)), Outcome::kRefused);
  EXPECT_EQ(set.Add(Event("7", "x", 0, 4)), Outcome::kEarlier);
}

// Whatever the order, and however often each version comes.
TEST(EventSetPropertyTest, TheOrderOfArrivalDoesNotMatter) {
  testing::JourneyGenerator journeys(1, 40);
  for (int round = 0; round < 500; ++round) {
    const testing::Journey journey = journeys.Next();
    std::vector<TrackingEvent> messages;
    for (const testing::Message& message : journey.messages) messages.push_back(message.event);
    EventSet first;
    for (const TrackingEvent& event : messages) first.Add(event);
    for (int order = 0; order < 5; ++order) {
      for (size_t i = 0, n = messages.size(); i < n; ++i) {
        if (journeys.Chance(10)) messages.push_back(messages[i]);
      }
      std::shuffle(messages.begin(), messages.end(), journeys.random());
      EventSet set;
      for (const TrackingEvent& event : messages) set.Add(event);
      ASSERT_EQ(set.events(), first.events()) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace caravan::logistics
