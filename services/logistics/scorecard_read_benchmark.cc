// How long questions for scorecards take, from the store to the bytes of the answer: a
// year of 40 couriers, first with all of it folded, then with the last ten days of it
// waiting to be folded.
//
//   scorecard_read_benchmark <store> <buckets>
//
// `store` is sqlite:<file>, or postgresql:<connection>, and is new; 0 buckets are those
// of the engine's own choice.
#include <math.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "services/common/testing/random.h"
#include "services/logistics/scorecard_book.h"
#include "services/logistics/scorecard_message.h"

namespace caravan::logistics {
namespace {

constexpr absl::CivilDay kFirstDay(2025, 1, 1);
constexpr int kCouriers = 40, kDays = 365, kWaitingDays = 10;
constexpr int kParcels = 50;  // of a courier and day
constexpr int kQueries = 100;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

// Of a courier that delivers so many parcels a day, in hours of a wide spread.
Scorecard DayOfParcels(caravan::testing::Random& random) {
  Scorecard day;
  for (int64_t& count : day.counts) count = static_cast<int64_t>(random.Below(kParcels));
  for (Sketch& leg : day.legs) {
    for (int i = 0; i < kParcels; ++i) {
      double spread = 0;
      for (int k = 0; k < 4; ++k) spread += static_cast<double>(random.Below(1000)) / 1000;
      leg.Add(static_cast<int64_t>(exp(8 + spread)));
    }
  }
  return day;
}

class Benchmark {
 public:
  explicit Benchmark(ParcelStore& store) : store_(store), book_(store, {}) {}

  // Appends a day of all couriers, in every bucket a share.
  void Append(int day) {
    for (int bucket = 0; bucket < store_.buckets(); ++bucket) {
      DayChanges changes;
      for (int courier = 0; courier < kCouriers; ++courier) {
        changes.push_back({Dimension::kCourier, absl::StrFormat("partners/courier-%02d", courier),
                           Granularity::kDay, kFirstDay + day, DayOfParcels(random_)});
      }
      Check(store_.Write({&bucket, 1}, [&](ParcelTransaction& tx) {
        tx.Append(bucket, "", SerializeChanges(changes));
        return absl::OkStatus();
      }));
    }
  }

  void Fold() {
    for (int bucket = 0; bucket < store_.buckets(); ++bucket) Check(book_.Fold(bucket));
  }

  void Ask(const char* what, const ScorecardRange& range, std::optional<Granularity> by) {
    std::vector<double> times;
    size_t groups = 0, bytes = 0;
    const std::clock_t cpu = std::clock();
    for (int i = 0; i < kQueries; ++i) {
      const absl::Time start = absl::Now();
      const absl::StatusOr<ScorecardBook::Sums> sums = book_.Read(range, by);
      Check(sums.status());
      v1::QueryScorecardsResponse response;
      for (const ScorecardBook::Row& row : sums->rows) {
        *response.add_scorecards() = ToMessage(row.scorecard);
      }
      bytes = response.SerializeAsString().size();
      times.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
      groups = sums->rows.size();
    }
    const double micros = 1e6 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC;
    std::sort(times.begin(), times.end());
    std::printf("%-36s %5zu groups: p50 %6.2f ms, p99 %6.2f ms, CPU %6.2f ms, %zu KiB\n", what,
                groups, times[kQueries / 2], times[kQueries * 99 / 100], micros / kQueries / 1e3,
                bytes / 1024);
  }

  void AskAll() {
    const auto range = [](int courier, absl::CivilDay begin, absl::CivilDay end) {
      const std::string value =
          courier < 0 ? "" : absl::StrFormat("partners/courier-%02d", courier);
      return ScorecardRange{static_cast<int>(Dimension::kCourier), value,
                            courier < 0 ? "\x7f" : value, DayNumberOf(begin), DayNumberOf(end)};
    };
    const absl::CivilDay begin = kFirstDay, end = kFirstDay + kDays;
    Ask("a courier's last month", range(7, end - 31, end), std::nullopt);
    Ask("a courier's last 30 days", range(7, end - 30, end), std::nullopt);
    Ask("a courier's year", range(7, begin, end), std::nullopt);
    Ask("all couriers by month", range(-1, begin, end), Granularity::kMonth);
    Ask("all couriers by week", range(-1, begin, end), Granularity::kWeek);
    Ask("a month of all couriers by day", range(-1, end - 31, end), Granularity::kDay);
  }

 private:
  ParcelStore& store_;
  ScorecardBook book_;
  caravan::testing::Random random_{1};
};

int Main(int argc, char** argv) {
  ParcelStoreOptions options;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &options.buckets)) {
    std::fprintf(stderr, "usage: scorecard_read_benchmark <store> <buckets>\n");
    return 2;
  }
  std::string_view url = argv[1];
  constexpr std::string_view kSqlite = "sqlite:", kPostgres = "postgresql:";
  const bool is_postgres = absl::StartsWith(url, kPostgres);
  url.remove_prefix(is_postgres ? kPostgres.size() : kSqlite.size());
  auto store = is_postgres ? OpenPostgresParcelStore(std::string(url), options)
                           : OpenSqliteParcelStore(std::string(url), options);
  Check(store.status());
  Benchmark benchmark(**store);
  for (int day = 0; day < kDays - kWaitingDays; ++day) {
    benchmark.Append(day);
    if (day % 10 == 0) benchmark.Fold();
  }
  benchmark.Fold();
  std::printf("all folded, %d bucket(s)\n", (*store)->buckets());
  benchmark.AskAll();
  for (int day = kDays - kWaitingDays; day < kDays; ++day) benchmark.Append(day);
  std::printf("%d days waiting\n", kWaitingDays);
  benchmark.AskAll();
  return 0;
}

}  // namespace
}  // namespace caravan::logistics

int main(int argc, char** argv) { return caravan::logistics::Main(argc, argv); }
