// What taking in events costs, on a store in memory and on SQLite: announced parcels
// with journeys as testing/journeys.h makes them, in the order of their arrival, in
// batches that are taken one by one.
//
//   keeper_benchmark <parcels> <events in a batch> memory|<SQLite file to make>
//
// for example `keeper_benchmark 20000 2000 memory`.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/logistics/testing/journeys.h"
#include "services/logistics/testing/keeper_world.h"
#include "services/logistics/testing/memory_parcel_store.h"

namespace caravan::logistics {
namespace {

constexpr char kLine[] = "partners/line";
constexpr char kCourier[] = "partners/courier";

double CpuMicros() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return 1e6 * static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

struct Arrival {
  absl::Time time;
  bool by_line = false;
  v1::TrackingEvent event;
};

v1::TrackingEvent MessageOf(size_t parcel, const TrackingEvent& event) {
  v1::TrackingEvent to;
  to.set_tracking_number(absl::StrCat("RX", 100'000'000 + parcel, "CN"));
  to.set_event_id(event.id);
  to.set_code(std::string(NameOf(event.status)));
  to.set_place(event.place);
  to.set_event_time(absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", event.time, absl::UTCTimeZone()));
  to.set_reason(static_cast<v1::TrackingReason>(event.reason));
  to.set_correction(event.correction);
  to.set_withdrawn(event.withdrawn);
  return to;
}

int Run(size_t count, size_t batch_size, const std::string& where) {
  testing::MadeUpRegisters registers;
  registers.AddCarrier(kLine);
  registers.AddCarrier(kCourier);
  registers.AddLane("lanes/de", "DE", "Europe/Berlin");
  registers.AddPartnership("partnerships/lp", {kLine, kCourier, {"lanes/de"}});
  Terms terms;
  absl::LoadTimeZone("Europe/Berlin", &terms.zone);
  terms.commitment = Commitment{.duration = 240};
  registers.SetTerms("partnerships/lp", terms);
  testing::HandClock clock(testing::UtcTime("2024-02-28T00:00:00"));

  std::unique_ptr<ParcelStore> store;
  if (where == "memory") {
    store = std::make_unique<testing::MemoryParcelStore>(1, [&] { return clock.Now(); });
  } else {
    auto opened = OpenSqliteParcelStore(where, {});
    if (!opened.ok()) {
      std::fprintf(stderr, "%s\n", std::string(opened.status().message()).c_str());
      return 1;
    }
    store = *std::move(opened);
  }
  ParcelKeeperOptions options;
  options.clock = [&] { return clock.Now(); };
  auto keeper = ParcelKeeper::Open(*store, registers, options);
  if (!keeper.ok()) return 1;

  testing::JourneyGenerator journeys(1, 5);
  std::vector<Arrival> arrivals;
  std::vector<v1::CreateParcelRequest> requests(1000);
  const double before_announcing = CpuMicros();
  double generating = 0;
  for (size_t i = 0; i < count; ++i) {
    const double start = CpuMicros();
    for (testing::Message& message : journeys.Next().messages) {
      arrivals.push_back(
          {message.arrival, message.event.carrier == kLine, MessageOf(i, message.event)});
    }
    generating += CpuMicros() - start;
    v1::CreateParcelRequest& request = requests[i % requests.size()];
    request.Clear();
    v1::Parcel& parcel = *request.mutable_parcel();
    parcel.set_seller(absl::StrCat("enterprises/91330100ma2", i % 500));
    parcel.set_platform(absl::StrCat("platforms/p", i % 5));
    parcel.set_origin_zone(absl::StrCat("pilotZones/z", i % 30));
    parcel.set_partnership("partnerships/lp");
    parcel.set_lane("lanes/de");
    for (const char* carrier : {kLine, kCourier}) {
      v1::TrackingNumber& number = *parcel.add_tracking_numbers();
      number.set_carrier(carrier);
      number.set_number(absl::StrCat("RX", 100'000'000 + i, "CN"));
    }
    if ((i + 1) % requests.size() != 0 && i + 1 != count) continue;
    std::vector<const v1::CreateParcelRequest*> pointers;
    for (size_t r = 0; r <= i % requests.size(); ++r) pointers.push_back(&requests[r]);
    if (const auto parcels = (*keeper)->Announce(pointers); !parcels.ok()) {
      std::fprintf(stderr, "%s\n", std::string(parcels.status().message()).c_str());
      return 1;
    }
  }
  const double announcing = CpuMicros() - before_announcing - generating;
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.time < b.time; });

  std::map<bool, std::vector<v1::TrackingEvent>> waiting;
  double taking = 0, ticking = 0;
  int64_t looked_at = 0;
  const absl::Time start = absl::Now();
  const auto send = [&](bool by_line) {
    const double begin = CpuMicros();
    const auto answer = testing::Ingest(**keeper, by_line ? kLine : kCourier, waiting[by_line]);
    taking += CpuMicros() - begin;
    waiting[by_line].clear();
    return answer.ok();
  };
  for (const Arrival& arrival : arrivals) {
    clock.Set(std::max(clock.Now(), arrival.time));
    std::vector<v1::TrackingEvent>& batch = waiting[arrival.by_line];
    batch.push_back(arrival.event);
    if (batch.size() < batch_size) continue;
    if (!send(arrival.by_line)) return 1;
    const double begin = CpuMicros();
    looked_at += (*keeper)->Tick().value_or(0);
    ticking += CpuMicros() - begin;
  }
  for (const bool by_line : {false, true}) {
    if (!send(by_line)) return 1;
  }
  const auto events = static_cast<double>(arrivals.size());
  std::printf("%zu parcels, %zu events, batches of %zu, %s\n", count, arrivals.size(), batch_size,
              where == "memory" ? "in memory" : "SQLite");
  std::printf("announce           %7.2f us of CPU a parcel\n",
              announcing / static_cast<double>(count));
  std::printf("take in            %7.2f us of CPU an event\n", taking / events);
  std::printf("time's changes     %7.2f us of CPU a timer, %.2f timers an event\n",
              ticking / static_cast<double>(std::max<int64_t>(looked_at, 1)),
              static_cast<double>(looked_at) / events);
  std::printf("events taken in    %7.0f a second, with time's changes\n",
              events / absl::ToDoubleSeconds(absl::Now() - start));
  return 0;
}

}  // namespace
}  // namespace caravan::logistics

int main(int argc, char** argv) {
  int parcels = 0, batch = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[1], &parcels) || parcels < 1 ||
      !absl::SimpleAtoi(argv[2], &batch) || batch < 1) {
    std::fprintf(stderr, "usage: %s <parcels> <events in a batch> memory|<SQLite file>\n", argv[0]);
    return 2;
  }
  return caravan::logistics::Run(static_cast<size_t>(parcels), static_cast<size_t>(batch), argv[3]);
}
