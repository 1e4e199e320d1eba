// Scorecards that are kept with each event are right whatever comes in which order:
// equal to a rebuild, and to the definitions written out plainly.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/logistics/contribution.h"
#include "services/logistics/testing/journeys.h"
#include "services/logistics/testing/plain.h"

namespace caravan::logistics {
namespace {

using testing::Journey;
using testing::JourneyGenerator;
using testing::PlainContribution;
using testing::PlainDay;
using testing::PlainDays;

using Key = std::tuple<Dimension, std::string, Granularity, absl::CivilDay>;

constexpr Granularity kGranularities[] = {Granularity::kDay, Granularity::kWeek,
                                          Granularity::kMonth};

std::vector<TrackingEvent> EventsOf(const Journey& journey) {
  std::vector<TrackingEvent> events;
  for (const testing::Message& message : journey.messages) events.push_back(message.event);
  return events;
}

EventSet SetOf(const std::vector<TrackingEvent>& events) {
  EventSet set;
  for (const TrackingEvent& event : events) set.Add(event);
  return set;
}

// A day as the library has it: legs in buckets.
Scorecard ToScorecard(const PlainDay& day) {
  Scorecard scorecard;
  for (const auto& [measure, count] : day.counts) {
    scorecard.counts[static_cast<size_t>(measure)] = count;
  }
  for (size_t leg = 0; leg < kLegs; ++leg) {
    for (const int64_t seconds : day.legs[leg]) scorecard.legs[leg].Add(seconds);
  }
  return scorecard;
}

std::string Text(const std::map<absl::CivilDay, Scorecard>& days) {
  std::string text;
  for (const auto& [day, scorecard] : days) {
    absl::StrAppend(&text, absl::FormatCivilTime(day), ":");
    for (int i = 0; i < kMeasures; ++i) {
      const auto measure = static_cast<Measure>(i);
      if (scorecard.at(measure) != 0) {
        absl::StrAppend(&text, " ", NameOf(measure), " ", scorecard.at(measure));
      }
    }
    for (int i = 0; i < kLegs; ++i) {
      const auto leg = static_cast<Leg>(i);
      if (!scorecard.at(leg).empty()) {
        absl::StrAppend(&text, " ", NameOf(leg), " n=", scorecard.at(leg).count(),
                        " p50=", scorecard.at(leg).Percentile(50));
      }
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::map<absl::CivilDay, Scorecard> DaysOf(const Contribution& contribution) {
  Dimensions dimensions;
  dimensions.Set(Dimension::kSeller, "x");
  ScorecardChanges changes;
  changes.Add(dimensions, contribution);
  std::map<absl::CivilDay, Scorecard> days;
  for (auto& row : changes.Rows({Granularity::kDay})) days[row.begin] = std::move(row.change);
  return days;
}

std::map<absl::CivilDay, Scorecard> DaysOf(const PlainDays& plain) {
  std::map<absl::CivilDay, Scorecard> days;
  for (const auto& [day, counts] : plain) days[day] = ToScorecard(counts);
  return days;
}

absl::Time Moment(JourneyGenerator& journeys) {
  return absl::FromCivil(absl::CivilDay(2024, 2, 28), absl::UTCTimeZone()) +
         journeys.Below(150 * 24 * 120) * testing::kTick;
}

TEST(CoursePropertyTest, EqualsTheDefinitionsWrittenOutPlainly) {
  for (const int faults : {0, 5, 40}) {
    JourneyGenerator journeys(static_cast<uint64_t>(1000 + faults), faults);
    for (int round = 0; round < 600; ++round) {
      const Journey journey = journeys.Next();
      std::vector<TrackingEvent> events = EventsOf(journey);
      std::shuffle(events.begin(), events.end(), journeys.random());
      // Not all have come.
      if (journeys.Chance(30)) {
        events.resize(static_cast<size_t>(journeys.Below(1 + static_cast<int64_t>(events.size()))));
      }
      const absl::Time as_of = Moment(journeys);
      const Course course = TrackCourse(SetOf(events), journey.terms, as_of);
      ASSERT_EQ(Text(DaysOf(Contribution::Of(course, journey.terms.zone))),
                Text(DaysOf(PlainContribution(events, journey.terms, as_of))))
          << "faults " << faults << " round " << round;
      ASSERT_EQ(DaysOf(Contribution::Of(course, journey.terms.zone)),
                DaysOf(PlainContribution(events, journey.terms, as_of)));
    }
  }
}

// Between two moments, nothing changes before next_change, and something may then.
TEST(CoursePropertyTest, NothingChangesBeforeNextChange) {
  JourneyGenerator journeys(77, 20);
  int64_t steps = 0;
  for (int round = 0; round < 500; ++round) {
    const Journey journey = journeys.Next();
    const EventSet events = SetOf(EventsOf(journey));
    absl::Time as_of = Moment(journeys);
    while (true) {
      const Course course = TrackCourse(events, journey.terms, as_of);
      ASSERT_GT(course.next_change, as_of);
      const absl::Time until = std::min(course.next_change, as_of + absl::Hours(24 * 400));
      const Course before = TrackCourse(events, journey.terms, until - absl::Microseconds(1));
      ASSERT_EQ(before.state, course.state);
      ASSERT_EQ(before.next_change, course.next_change);
      ASSERT_EQ(Contribution::Of(before, journey.terms.zone),
                Contribution::Of(course, journey.terms.zone))
          << "round " << round;
      if (course.next_change == absl::InfiniteFuture()) break;
      as_of = course.next_change;
      ++steps;
    }
  }
  EXPECT_GT(steps, 500);
}

// Keeps scorecards as a service would: with each batch of events, and when time
// changes a course.
class Keeper {
 public:
  explicit Keeper(std::vector<Journey> journeys) : parcels_(journeys.size()) {
    for (size_t i = 0; i < journeys.size(); ++i) {
      for (const testing::Message& message : journeys[i].messages) {
        arrivals_.emplace(message.arrival, std::pair(i, message.event));
      }
      parcels_[i].journey = std::move(journeys[i]);
    }
  }

  // Brings everything up to a moment: events that have arrived in batches of up to
  // ten, and between them what time has changed.
  void RunUntil(absl::Time moment) {
    while (!arrivals_.empty() && arrivals_.begin()->first <= moment) {
      absl::Time now;
      std::set<size_t> changed;
      for (int i = 0; i < 10 && !arrivals_.empty() && arrivals_.begin()->first <= moment; ++i) {
        now = arrivals_.begin()->first;
        const auto& [parcel, event] = arrivals_.begin()->second;
        if (changed.empty()) Wake(now);
        parcels_[parcel].told.push_back(event);
        parcels_[parcel].events.Add(event);
        changed.insert(parcel);
        arrivals_.erase(arrivals_.begin());
      }
      ScorecardChanges changes;
      for (const size_t parcel : changed) Update(parcel, now, changes);
      Store(changes);
    }
    Wake(moment);
  }

  // A parcel turns out to be another seller's.
  void Move(size_t parcel, const std::string& seller) {
    Parcel& moved = parcels_[parcel];
    const Contribution kept = *Contribution::Parse(moved.kept);
    ScorecardChanges changes;
    changes.Add(moved.journey.dimensions, Contribution::Change(kept, {}));
    moved.journey.dimensions.Set(Dimension::kSeller, seller);
    changes.Add(moved.journey.dimensions, kept);
    Store(changes);
  }

  std::map<Key, std::string> Scorecards() const {
    std::map<Key, std::string> all;
    for (const auto& [key, bytes] : stored_) {
      if (!Scorecard::Parse(bytes)->empty()) all.emplace(key, bytes);
    }
    return all;
  }

  std::map<Key, std::string> Rebuild(absl::Time moment) const {
    ScorecardChanges changes;
    for (const Parcel& parcel : parcels_) {
      changes.Add(parcel.journey.dimensions,
                  Contribution::Of(TrackCourse(parcel.events, parcel.journey.terms, moment),
                                   parcel.journey.terms.zone));
    }
    std::map<Key, std::string> all;
    for (const auto& row : changes.Rows(kGranularities)) {
      all[Key(row.dimension, row.value, row.granularity, row.begin)] = row.change.Serialize();
    }
    return all;
  }

  // From the messages, exactly: no buckets.
  std::map<Key, PlainDay> Plain(absl::Time moment) const {
    std::map<Key, PlainDay> all;
    for (const Parcel& parcel : parcels_) {
      for (const auto& [day, counts] :
           PlainContribution(parcel.told, parcel.journey.terms, moment)) {
        for (int d = 0; d < kDimensions; ++d) {
          const auto dimension = static_cast<Dimension>(d);
          const std::string& value = parcel.journey.dimensions.at(dimension);
          if (value.empty()) continue;
          for (const Granularity granularity : kGranularities) {
            PlainDay& sum = all[Key(dimension, value, granularity, PeriodOf(day, granularity))];
            for (const auto& [measure, count] : counts.counts) sum.counts[measure] += count;
            for (size_t leg = 0; leg < kLegs; ++leg) {
              sum.legs[leg].insert(sum.legs[leg].end(), counts.legs[leg].begin(),
                                   counts.legs[leg].end());
            }
          }
        }
      }
    }
    return all;
  }

 private:
  struct Parcel {
    Journey journey;
    std::vector<TrackingEvent> told;
    EventSet events;
    std::string kept;  // its contribution
    absl::Time wake = absl::InfiniteFuture();
  };

  void Wake(absl::Time now) {
    ScorecardChanges changes;
    while (!timers_.empty() && timers_.begin()->first <= now) {
      Update(timers_.begin()->second, now, changes);
    }
    Store(changes);
  }

  void Update(size_t index, absl::Time now, ScorecardChanges& changes) {
    Parcel& parcel = parcels_[index];
    const Course course = TrackCourse(parcel.events, parcel.journey.terms, now);
    const Contribution contribution = Contribution::Of(course, parcel.journey.terms.zone);
    changes.Add(parcel.journey.dimensions,
                Contribution::Change(*Contribution::Parse(parcel.kept), contribution));
    parcel.kept = contribution.Serialize();
    timers_.erase({parcel.wake, index});
    parcel.wake = course.next_change;
    if (parcel.wake != absl::InfiniteFuture()) timers_.insert({parcel.wake, index});
  }

  void Store(const ScorecardChanges& changes) {
    for (const auto& row : changes.Rows(kGranularities)) {
      std::string& bytes = stored_[Key(row.dimension, row.value, row.granularity, row.begin)];
      Scorecard scorecard = bytes.empty() ? Scorecard() : *Scorecard::Parse(bytes);
      scorecard.Merge(row.change);
      bytes = scorecard.Serialize();
    }
  }

  std::vector<Parcel> parcels_;
  std::multimap<absl::Time, std::pair<size_t, TrackingEvent>> arrivals_;
  std::set<std::pair<absl::Time, size_t>> timers_;
  std::map<Key, std::string> stored_;
};

TEST(ScorecardPropertyTest, KeptWithEachEventEqualsARebuildAndThePlainDefinitions) {
  JourneyGenerator journeys(20240802, 15);
  std::vector<Journey> all;
  for (int i = 0; i < 250; ++i) all.push_back(journeys.Next());
  Keeper keeper(std::move(all));
  for (const absl::CivilDay day :
       {absl::CivilDay(2024, 3, 12), absl::CivilDay(2024, 4, 2), absl::CivilDay(2024, 8, 1)}) {
    const absl::Time moment = absl::FromCivil(day, absl::UTCTimeZone());
    keeper.RunUntil(moment);
    if (day.month() == 4) {
      for (size_t i = 0; i < 20; ++i) keeper.Move(i, "enterprises/another");
    }
    const auto scorecards = keeper.Scorecards();
    EXPECT_GT(scorecards.size(), 300u);
    ASSERT_TRUE(scorecards == keeper.Rebuild(moment)) << absl::FormatCivilTime(day);

    const auto plain = keeper.Plain(moment);
    ASSERT_EQ(scorecards.size(), plain.size());
    for (const auto& [key, bytes] : scorecards) {
      const Scorecard scorecard = *Scorecard::Parse(bytes);
      PlainDay exact = plain.at(key);
      ASSERT_EQ(scorecard, ToScorecard(exact));
      for (size_t leg = 0; leg < kLegs; ++leg) {
        std::vector<int64_t>& times = exact.legs[leg];
        std::sort(times.begin(), times.end());
        ASSERT_EQ(scorecard.legs[leg].count(), static_cast<int64_t>(times.size()));
        if (times.empty()) continue;
        for (const int percent : {50, 90, 95, 99}) {
          const auto value = static_cast<double>(
              times[(times.size() * static_cast<size_t>(percent) + 99) / 100 - 1]);
          ASSERT_NEAR(scorecard.legs[leg].Percentile(percent), value, 0.01 * value * (1 + 1e-9));
        }
      }
    }
  }
}

}  // namespace
}  // namespace caravan::logistics
