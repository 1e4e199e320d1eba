// How many durable updates a second a store takes, and how long reads take.
//
//   store_benchmark <store> <rows> <seconds>      e.g. sqlite:/tmp/bench.db 1000000 5
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "services/common/store/open_store.h"
#include "services/common/store/store.h"

namespace caravan::store {
namespace {

constexpr int kRowBytes = 700;
constexpr int64_t kColours = 1000;

Table Rows() {
  Table table{
      "rows",
      {{"a", Column::Type::kInteger}, {"b", Column::Type::kText}, {"c", Column::Type::kInteger}}};
  table.extract = [](std::string_view) -> absl::StatusOr<std::vector<Value>> {
    return std::vector<Value>{kUnset, "", kUnset};
  };
  return table;
}

std::string Key(int64_t i) { return absl::StrFormat("rows/%010d", i); }

std::vector<Value> Columns(int64_t i) { return {i % kColours, absl::StrCat("colour-", i % 7), i}; }

void Fill(Store& store, int64_t rows) {
  for (int64_t begin = 0; begin < rows; begin += 2000) {
    const absl::Status status =
        store
            .WriteAndWait([&](Transaction& tx) {
              for (int64_t i = begin; i < std::min(begin + 2000, rows); ++i) {
                tx.Put(0, Key(i), std::string(kRowBytes, 'x'), Columns(i));
              }
              return absl::OkStatus();
            })
            .status();
    if (!status.ok()) {
      fprintf(stderr, "%s\n", status.ToString().c_str());
      exit(1);
    }
  }
}

// One update: reads the row, writes it and the answer to the request, and logs.
absl::Status Update(Transaction& tx, int64_t i, int64_t request, bool read) {
  std::string before(kRowBytes, 'x');
  if (read) {
    auto answered = tx.Get(1, absl::StrCat("request/", request));
    if (!answered.ok()) return answered.status();
    auto row = tx.Get(0, Key(i));
    if (!row.ok()) return row.status();
    before = row->value().data;
  }
  std::string after(kRowBytes, static_cast<char>('a' + request % 26));
  std::vector<Value> columns = Columns(i);
  tx.Put(0, Key(i), after, std::move(columns));
  tx.Put(1, absl::StrCat("request/", request), std::string(40, 'r'));
  tx.Log({.resource = Key(i), .record = std::string(60, 'w'), .before = before, .after = after});
  return absl::OkStatus();
}

// Of the whole process: what other programs do to the machine shows less in it.
double CpuSeconds() { return static_cast<double>(clock()) / CLOCKS_PER_SEC; }

void MeasureWrites(Store& store, int64_t rows, int waiting, absl::Duration duration, bool read) {
  static std::atomic<int64_t> next_request = absl::ToUnixMicros(absl::Now());
  std::atomic<int64_t> committed = 0, failed = 0;
  std::atomic<int> left = waiting;
  absl::Notification finished;
  const absl::Time end = absl::Now() + duration;
  absl::Mutex mutex;
  std::vector<double> latencies;
  std::function<void(uint64_t)> submit = [&](uint64_t seed) {
    std::minstd_rand random(seed % 2147483646 + 1);
    const int64_t i = random() % rows;
    const int64_t request = next_request++;
    const absl::Time begin = absl::Now();
    store.Write([i, request, read](Transaction& tx) { return Update(tx, i, request, read); },
                [&, begin, seed = random() + request](absl::StatusOr<Committed> result) {
                  ++(result.ok() ? committed : failed);
                  {
                    absl::MutexLock lock(&mutex);
                    latencies.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
                  }
                  if (absl::Now() < end) {
                    submit(seed);
                  } else if (--left == 0) {
                    finished.Notify();
                  }
                });
  };
  const absl::Time begin = absl::Now();
  const double cpu = CpuSeconds();
  for (int n = 0; n < waiting; ++n) submit(n + next_request);
  finished.WaitForNotification();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::sort(latencies.begin(), latencies.end());
  printf(
      "%5d waiting%s: %8.0f updates/s, p50 %.2f ms, p99 %.2f ms, %.1f us of CPU each, %ld failed\n",
      waiting, read ? ", reading" : "         ", committed / seconds,
      latencies[latencies.size() / 2], latencies[latencies.size() * 99 / 100],
      (CpuSeconds() - cpu) * 1e6 / committed, static_cast<long>(failed));
}

void MeasureReads(Store& store, int64_t rows, absl::Duration duration) {
  std::minstd_rand random(1);
  int64_t gets = 0;
  absl::Time begin = absl::Now();
  double cpu = CpuSeconds();
  while (absl::Now() < begin + duration) {
    for (int n = 0; n < 100; ++n, ++gets) {
      const std::string key = Key(random() % rows);
      store.Read([&](Reader& reader) { return reader.Get(0, key).status(); }).IgnoreError();
    }
  }
  printf("point reads: %.2f us, %.2f us of CPU\n",
         absl::ToDoubleMicroseconds(absl::Now() - begin) / gets, (CpuSeconds() - cpu) * 1e6 / gets);
  for (bool term : {true, false}) {
    int64_t scans = 0;
    begin = absl::Now();
    cpu = CpuSeconds();
    while (absl::Now() < begin + duration) {
      ScanSpec spec{.limit = 50};
      const int64_t at = random() % rows;
      if (term) {
        spec.terms = {{0, Term::Op::kEqual, {at % kColours}}};
        spec.after = {{}, Key(at / 2)};
      } else {
        spec.order = {{2}};
        spec.after = {{at}, Key(at)};
      }
      store.Read([&](Reader& reader) { return reader.Scan(spec, [](Row&) { return true; }); })
          .IgnoreError();
      ++scans;
    }
    printf("pages of 50 by %s: %.1f us, %.1f us of CPU\n", term ? "a value" : "an order",
           absl::ToDoubleMicroseconds(absl::Now() - begin) / scans,
           (CpuSeconds() - cpu) * 1e6 / scans);
  }
}

int Main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: store_benchmark <store> <rows> <seconds>\n");
    return 2;
  }
  const int64_t rows = atoll(argv[2]);
  const absl::Duration duration = absl::Seconds(atoi(argv[3]));
  absl::StatusOr<std::unique_ptr<Store>> store =
      OpenStore(argv[1], {.replica = "benchmark"}, {Rows(), {"requests"}});
  if (!store.ok()) {
    fprintf(stderr, "%s\n", store.status().ToString().c_str());
    return 1;
  }
  bool filled = false;
  (*store)
      ->Read([&](Reader& reader) {
        auto row = reader.Get(0, Key(rows - 1));
        filled = row.ok() && row->has_value();
        return row.status();
      })
      .IgnoreError();
  if (!filled) Fill(**store, rows);
  MeasureReads(**store, rows, duration);
  for (bool read : {false, true}) {
    for (int waiting : {1, 16, 64, 256}) MeasureWrites(**store, rows, waiting, duration, read);
  }
  return 0;
}

}  // namespace
}  // namespace caravan::store

int main(int argc, char** argv) { return caravan::store::Main(argc, argv); }
