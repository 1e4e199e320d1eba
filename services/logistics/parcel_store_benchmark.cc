// How fast a store of parcels takes what comes by the million.
//
//   parcel_store_benchmark <store> <rows> <transactions>
//
// `store` is sqlite:<file>, or postgresql:<connection>; it is filled with parcels of
// 300 bytes first, where it has none. Then transactions write 1,000 and 10,000 of
// them: any of all, those that came last, and new ones; each with a timer and a
// tracking number, as events do. CPU is of this process, which is all of it for
// SQLite.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "services/common/testing/random.h"
#include "services/logistics/parcel_store.h"

namespace caravan::logistics {
namespace {

constexpr size_t kRecordBytes = 300;
constexpr int kDays = 730, kValues = 20;
constexpr size_t kScorecardBytes = 218;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  fprintf(stderr, "%s\n", status.ToString().c_str());
  exit(1);
}

// Of the whole process: what other programs do to the machine shows less in it.
double CpuSeconds() { return static_cast<double>(clock()) / CLOCKS_PER_SEC; }

// Parcels come in this order; their ids are scattered, as those of carriers are.
std::string Id(int64_t i) {
  caravan::testing::Random random(static_cast<uint64_t>(i));
  return absl::StrFormat("%010x%06d", random.Below(uint64_t{1} << 40), i % 1000000);
}

class Benchmark {
 public:
  explicit Benchmark(ParcelStore& store) : store_(store) {
    for (int bucket = 0; bucket < store.buckets(); ++bucket) all_.push_back(bucket);
  }

  // Writes parcels, with all that goes with them, in one transaction. `read` says
  // that they are read first, as who applies events does.
  void Write(const std::vector<int64_t>& parcels, bool read) {
    std::vector<BucketKey> keys, numbers;
    for (int64_t parcel : parcels) {
      std::string id = Id(parcel);
      const int bucket = store_.BucketOf(id);
      numbers.push_back({bucket, absl::StrCat("carrier ", id, "/", parcel)});
      keys.push_back({bucket, std::move(id)});
    }
    ++written_;
    Check(store_.Write(all_, [&](ParcelTransaction& tx) {
      if (read) Check(tx.Get(ParcelTable::kParcels, keys).status());
      for (size_t i = 0; i < keys.size(); ++i) {
        tx.Put(ParcelTable::kParcels, keys[i],
               std::string(kRecordBytes - written_ % 3, static_cast<char>('a' + written_ % 26)));
        tx.Put(ParcelTable::kNumbers, numbers[i], keys[i].key);
        tx.AddTimer(keys[i].bucket,
                    {absl::FromUnixSeconds(1800000000 + parcels[i] % 1000000), keys[i].key});
      }
      for (int bucket : all_) {
        tx.Append(bucket, std::string(100 * keys.size() / all_.size(), 'j'),
                  std::string(20 * keys.size() / all_.size(), 'c'));
        // So that they don't add up.
        if (written_ % 10 == 0) tx.Fold(bucket, {});
      }
      return absl::OkStatus();
    }));
  }

  void Fill(int64_t rows) {
    for (int64_t begin = 0; begin < rows; begin += 10000) {
      std::vector<int64_t> parcels;
      for (int64_t i = begin; i < std::min(begin + 10000, rows); ++i) parcels.push_back(i);
      Write(parcels, false);
    }
  }

  enum class Which { kAny, kLast, kNew };

  void MeasureWrites(int64_t* rows, int64_t size, int transactions, Which which) {
    std::vector<double> latencies;
    const absl::Time begin = absl::Now();
    const double cpu = CpuSeconds();
    for (int n = 0; n < transactions; ++n) {
      std::vector<int64_t> parcels;
      for (int64_t i = 0; i < size; ++i) {
        const int64_t last = std::min<int64_t>(*rows, 50000);
        if (which == Which::kNew) {
          parcels.push_back((*rows)++);
        } else if (which == Which::kAny) {
          parcels.push_back(static_cast<int64_t>(random_.Below(*rows)));
        } else {
          parcels.push_back(*rows - 1 - static_cast<int64_t>(random_.Below(last)));
        }
      }
      const absl::Time start = absl::Now();
      Write(parcels, which != Which::kNew);
      latencies.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
    std::sort(latencies.begin(), latencies.end());
    const double parcels = static_cast<double>(size) * transactions;
    constexpr const char* kNames[] = {"of all ", "of late", "new    "};
    printf(
        "%6ld parcels %s a transaction: %8.0f parcels/s, %5.1f us of CPU each, p50 %.1f ms, max "
        "%.1f ms\n",
        static_cast<long>(size), kNames[static_cast<int>(which)], parcels / seconds,
        (CpuSeconds() - cpu) * 1e6 / parcels, latencies[latencies.size() / 2], latencies.back());
    fflush(stdout);
  }

  void FillScorecards() {
    Check(store_.Write(all_, [&](ParcelTransaction& tx) {
      for (int bucket : all_) {
        std::vector<ScorecardRow> rows;
        for (int value = 0; value < kValues; ++value) {
          for (int day = 0; day < kDays; ++day) {
            rows.push_back({1, Value(value), day, std::string(kScorecardBytes, 's')});
          }
        }
        tx.Fold(bucket, std::move(rows));
      }
      return absl::OkStatus();
    }));
  }

  void MeasureScorecards(const char* what, int first, int last, int begin_day, int end_day) {
    const std::vector<int64_t> seen(all_.size(), 0);
    size_t rows = 0;
    int times = 0;
    std::vector<double> latencies;
    const double cpu = CpuSeconds();
    for (; times < 50; ++times) {
      const absl::Time start = absl::Now();
      const ScorecardRange range{1, Value(first), Value(last), begin_day, end_day};
      auto read = store_.ReadScorecards({&range, 1}, seen);
      latencies.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
      Check(read.status());
      rows = 0;
      for (const auto& bucket : *read) rows += bucket.rows.size();
    }
    std::sort(latencies.begin(), latencies.end());
    printf("scorecards of %s, %zu rows: p50 %.2f ms, %.2f ms of CPU\n", what, rows,
           latencies[latencies.size() / 2], (CpuSeconds() - cpu) * 1e3 / times);
  }

 private:
  static std::string Value(int i) { return absl::StrFormat("couriers/courier-%02d", i); }

  ParcelStore& store_;
  std::vector<int> all_;
  caravan::testing::Random random_{absl::GetCurrentTimeNanos() % uint64_t{1000000007}};
  int64_t written_ = 0;
};

absl::StatusOr<std::unique_ptr<ParcelStore>> Open(std::string_view store) {
  constexpr std::string_view kSqlite = "sqlite:", kPostgres = "postgresql:";
  if (absl::StartsWith(store, kPostgres)) {
    return OpenPostgresParcelStore(std::string(store.substr(kPostgres.size())), {});
  }
  if (absl::StartsWith(store, kSqlite)) store.remove_prefix(kSqlite.size());
  return OpenSqliteParcelStore(std::string(store), {});
}

int Main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: parcel_store_benchmark <store> <rows> <transactions>\n");
    return 2;
  }
  int64_t rows = atoll(argv[2]);
  const int transactions = atoi(argv[3]);
  auto store = Open(argv[1]);
  Check(store.status());
  Benchmark benchmark(**store);
  const std::string last = Id(rows - 1);
  auto filled = (*store)->Get(ParcelTable::kParcels, {{(*store)->BucketOf(last), last}});
  Check(filled.status());
  if (!filled->at(0).has_value()) {
    const double cpu = CpuSeconds();
    benchmark.Fill(rows);
    benchmark.FillScorecards();
    printf("filled: %.1f us of CPU a parcel\n", (CpuSeconds() - cpu) * 1e6 / rows);
  }
  benchmark.MeasureScorecards("a courier's month", 7, 7, 400, 430);
  benchmark.MeasureScorecards("every courier's month", 0, kValues, 400, 430);
  benchmark.MeasureScorecards("two years of all", 0, kValues, 0, kDays);
  for (int64_t size : {1000, 10000}) {
    for (Benchmark::Which which :
         {Benchmark::Which::kAny, Benchmark::Which::kLast, Benchmark::Which::kNew}) {
      benchmark.MeasureWrites(&rows, size, transactions, which);
    }
  }
  return 0;
}

}  // namespace
}  // namespace caravan::logistics

int main(int argc, char** argv) { return caravan::logistics::Main(argc, argv); }
