// Parcels as the world sends them, from a seed: events that are missing, late, out
// of order, duplicated, corrected and withdrawn, and journeys that end in all ways.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/logistics/contribution.h"
#include "services/logistics/event_set.h"
#include "services/logistics/parcel_course.h"

namespace caravan::logistics::testing {

// All times of events are multiples of this.
inline constexpr absl::Duration kTick = absl::Seconds(30);

struct Message {
  absl::Time arrival;  // when it comes; what is told twice may come in any order
  TrackingEvent event;
};

struct Journey {
  Dimensions dimensions;
  Terms terms;
  std::vector<Message> messages;  // in the order of their arrival
};

class JourneyGenerator {
 public:
  // Of a hundred, so many events go wrong in some way.
  JourneyGenerator(uint64_t seed, int faults) : random_(seed), faults_(faults) {}

  // Journeys begin in March 2024.
  Journey Next();

  // A number from 0 to n - 1.
  int64_t Below(int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); }
  bool Chance(int percent) { return Below(100) < percent; }
  std::mt19937_64& random() { return random_; }

 private:
  Terms NextTerms();
  Dimensions NextDimensions();
  std::vector<TrackingEvent> NextEvents();
  void Tell(const TrackingEvent& event, std::vector<Message>& messages);

  std::mt19937_64 random_;
  const int faults_;
};

}  // namespace caravan::logistics::testing
