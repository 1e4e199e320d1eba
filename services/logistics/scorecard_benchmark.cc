// What an event costs in CPU: adding it to its parcel's set, computing the course
// anew, and gathering what changes in the scorecards.
//
//   scorecard_benchmark <parcels> <events in a batch>
//
// for example `scorecard_benchmark 20000 1000`.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "services/logistics/contribution.h"
#include "services/logistics/testing/journeys.h"

namespace caravan::logistics {
namespace {

double UserMicros() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * static_cast<double>(usage.ru_utime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec);
}

struct Parcel {
  Terms terms;
  Dimensions dimensions;
  EventSet events;
  std::string kept;  // its contribution
};

struct Arrival {
  absl::Time time;
  size_t parcel = 0;
  TrackingEvent event;
};

void Print(const char* what, double micros, size_t events) {
  std::printf("%-58s %7.2f us\n", what, micros / static_cast<double>(events));
}

int Run(size_t count, size_t batch) {
  testing::JourneyGenerator journeys(1, 5);
  std::vector<Parcel> parcels(count);
  std::vector<Arrival> arrivals;
  for (size_t i = 0; i < count; ++i) {
    testing::Journey journey = journeys.Next();
    parcels[i].terms = std::move(journey.terms);
    parcels[i].dimensions = std::move(journey.dimensions);
    for (testing::Message& message : journey.messages) {
      arrivals.push_back({message.arrival, i, std::move(message.event)});
    }
  }
  std::sort(arrivals.begin(), arrivals.end(),
            [](const Arrival& a, const Arrival& b) { return a.time < b.time; });
  const size_t events = arrivals.size();
  double add = 0, track = 0, contribute = 0, gather = 0, rows = 0;
  size_t bytes = 0, written = 0, entries = 0;
  // Step by step over a batch, so that the clock is read seldom.
  for (size_t begin = 0; begin < events; begin += batch) {
    const size_t end = std::min(begin + batch, events);
    const absl::Time now = arrivals[end - 1].time;
    double start = UserMicros();
    for (size_t i = begin; i < end; ++i) {
      parcels[arrivals[i].parcel].events.Add(std::move(arrivals[i].event));
    }
    add += UserMicros() - start;

    std::vector<Course> courses;
    courses.reserve(end - begin);
    start = UserMicros();
    for (size_t i = begin; i < end; ++i) {
      const Parcel& parcel = parcels[arrivals[i].parcel];
      courses.push_back(TrackCourse(parcel.events, parcel.terms, now));
    }
    track += UserMicros() - start;

    std::vector<Contribution> changes;
    changes.reserve(end - begin);
    start = UserMicros();
    for (size_t i = begin; i < end; ++i) {
      Parcel& parcel = parcels[arrivals[i].parcel];
      const Contribution contribution = Contribution::Of(courses[i - begin], parcel.terms.zone);
      changes.push_back(Contribution::Change(*Contribution::Parse(parcel.kept), contribution));
      parcel.kept = contribution.Serialize();
    }
    contribute += UserMicros() - start;

    ScorecardChanges gathered;
    start = UserMicros();
    for (size_t i = begin; i < end; ++i) {
      gathered.Add(parcels[arrivals[i].parcel].dimensions, changes[i - begin]);
    }
    gather += UserMicros() - start;

    start = UserMicros();
    const auto batch_rows = gathered.Rows({Granularity::kDay});
    rows += UserMicros() - start;
    written += batch_rows.size();
    for (const Contribution& change : changes) entries += change.entries().size();
  }
  for (const Parcel& parcel : parcels) bytes += parcel.kept.size();
  std::printf("%zu parcels, %zu events, batches of %zu; user CPU an event\n", count, events, batch);
  Print("add to the set", add, events);
  Print("track the course", track, events);
  Print("contribution, its change, and its bytes read and written", contribute, events);
  Print("gather by nine dimensions and day", gather, events);
  Print("all of these", add + track + contribute + gather, events);
  Print("rows of the batch", rows, events);
  std::printf("%.1f entries change with an event; %.1f rows of a day are written with it\n",
              static_cast<double>(entries) / static_cast<double>(events),
              static_cast<double>(written) / static_cast<double>(events));
  std::printf("%.0f bytes of contribution are kept with a parcel\n",
              static_cast<double>(bytes) / static_cast<double>(count));
  return 0;
}

}  // namespace
}  // namespace caravan::logistics

int main(int argc, char** argv) {
  int parcels = 0, batch = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[1], &parcels) || parcels < 1 ||
      !absl::SimpleAtoi(argv[2], &batch) || batch < 1) {
    std::fprintf(stderr, "usage: %s <parcels> <events in a batch>\n", argv[0]);
    return 2;
  }
  return caravan::logistics::Run(static_cast<size_t>(parcels), static_cast<size_t>(batch));
}
