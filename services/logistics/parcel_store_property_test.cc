// Random transactions against a model of maps, on both engines: what is read is what
// was written, also after the store was opened again, and after its process was
// killed and the machine forgot what was not synced.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/store/unsynced_vfs.h"
#include "services/common/testing/random.h"
#include "services/common/testing/temporary_folder.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/parcel_store_sqlite.h"
#include "services/logistics/parcel_writes.h"
#include "services/logistics/testing/parcel_stores.h"

namespace caravan::logistics {
namespace {

using caravan::testing::Random;

constexpr int kBuckets = 3;
constexpr ParcelTable kTables[] = {ParcelTable::kParcels, ParcelTable::kNumbers,
                                   ParcelTable::kCursors};

// All that a store holds.
struct Model {
  using ScorecardKey = std::tuple<int, std::string, int32_t>;
  struct Bucket {
    int64_t sequence = 0, folded = 0, oldest = 1;
    std::map<int64_t, std::string> journal, changes;
    std::map<ScorecardKey, std::string> scorecards;
    // When the journal was written, which cannot be read.
    std::map<int64_t, int32_t> days;

    friend bool operator==(const Bucket& a, const Bucket& b) {
      return std::tie(a.sequence, a.folded, a.oldest, a.journal, a.changes, a.scorecards) ==
             std::tie(b.sequence, b.folded, b.oldest, b.journal, b.changes, b.scorecards);
    }
  };

  std::map<std::tuple<ParcelTable, int, std::string>, std::string> records;
  // Without their buckets, of which each parcel has one.
  std::set<std::pair<int64_t, std::string>> timers;
  std::vector<Bucket> buckets = std::vector<Bucket>(kBuckets);

  friend bool operator==(const Model&, const Model&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Model& model) {
    out << model.records.size() << " records, " << model.timers.size() << " timers";
    for (const Bucket& bucket : model.buckets) {
      out << "; at " << bucket.sequence << " folded " << bucket.folded << " oldest "
          << bucket.oldest << ", " << bucket.journal.size() << " in the journal, "
          << bucket.changes.size() << " changes, " << bucket.scorecards.size() << " scorecards";
    }
    return out;
  }
};

absl::Time TimeOf(int step) {
  return absl::FromCivil(absl::CivilDay(2026, 1, 1), absl::UTCTimeZone()) + absl::Hours(20 * step);
}

// The steps of a seed: each does to a model what it does to a store, and takes
// nothing from either, so that another process can take the same.
class Steps {
 public:
  explicit Steps(uint64_t seed) : seed_(seed) {}

  // `store` may be null.
  absl::Status Take(int step, Model* model, ParcelStore* store) const {
    Random random(seed_ * 1000003 + step);
    if (random.Below(25) == 0) return Expire(step, model, store);
    std::vector<int> buckets;
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      if (random.Below(2) == 0) buckets.push_back(bucket);
    }
    const Model before = *model;
    const Random writes = random;
    WriteTo(step, writes, buckets, model, nullptr);
    if (store == nullptr) return absl::OkStatus();
    return store->Write(buckets, [&](ParcelTransaction& tx) {
      Compare(before, buckets, random, tx);
      Model unused = before;
      WriteTo(step, writes, buckets, &unused, &tx);
      return absl::OkStatus();
    });
  }

 private:
  static std::string Key(Random& random) { return absl::StrCat("k", random.Below(30)); }

  static std::string Record(Random& random) {
    const size_t size = random.Below(10) == 0 ? random.Below(10000) : random.Below(40);
    return std::string(size, static_cast<char>('a' + random.Below(26)));
  }

  static void WriteTo(int step, Random random, const std::vector<int>& buckets, Model* model,
                      ParcelTransaction* tx) {
    for (int bucket : buckets) {
      for (uint64_t n = random.Below(12); n > 0; --n) {
        const ParcelTable table = random.Pick(kTables);
        std::string key = Key(random);
        if (random.Below(3) == 0) {
          model->records.erase({table, bucket, key});
          if (tx != nullptr) tx->Delete(table, {bucket, key});
        } else {
          std::string record = Record(random);
          model->records[{table, bucket, key}] = record;
          if (tx != nullptr) tx->Put(table, {bucket, key}, std::move(record));
        }
      }
      for (uint64_t n = random.Below(8); n > 0; --n) {
        const int64_t time = static_cast<int64_t>(random.Below(20));
        const std::string parcel = absl::StrCat(bucket, Key(random));
        const ParcelTimer timer{absl::FromUnixMicros(time), parcel};
        if (random.Below(2) == 0) {
          model->timers.insert({time, parcel});
          if (tx != nullptr) tx->AddTimer(bucket, timer);
        } else {
          model->timers.erase({time, parcel});
          if (tx != nullptr) tx->RemoveTimer(bucket, timer);
        }
      }
      if (random.Below(3) == 0 && tx != nullptr) tx->SendAhead();
      Model::Bucket& its = model->buckets[bucket];
      if (random.Below(3) != 0) {
        ++its.sequence;
        const std::string journal = Record(random), changes = Record(random);
        if (!journal.empty()) its.journal[its.sequence] = journal;
        its.days[its.sequence] = DayOf(TimeOf(step));
        if (!changes.empty()) its.changes[its.sequence] = changes;
        if (tx != nullptr) tx->Append(bucket, journal, changes);
      }
      if (random.Below(4) == 0) {
        std::vector<ScorecardRow> rows;
        for (uint64_t n = random.Below(6); n > 0; --n) {
          rows.push_back({static_cast<int>(random.Below(2)), Key(random),
                          static_cast<int32_t>(step + random.Below(3)), Record(random)});
          const ScorecardRow& row = rows.back();
          its.scorecards[{row.dimension, row.value, row.day}] = row.record;
        }
        its.folded = its.sequence;
        its.changes.clear();
        if (tx != nullptr) tx->Fold(bucket, rows);
      }
    }
  }

  // Of what was appended before this step's month.
  absl::Status Expire(int step, Model* model, ParcelStore* store) const {
    const absl::CivilMonth month(absl::ToCivilDay(TimeOf(step), absl::UTCTimeZone()));
    const absl::Time before = absl::FromCivil(month, absl::UTCTimeZone());
    for (Model::Bucket& its : model->buckets) {
      while (!its.journal.empty() && its.days[its.journal.begin()->first] < DayOf(before)) {
        its.oldest = its.journal.begin()->first + 1;
        its.journal.erase(its.journal.begin());
      }
    }
    return store == nullptr ? absl::OkStatus() : store->ExpireJournal(before);
  }

  static void Compare(const Model& model, const std::vector<int>& buckets, Random random,
                      ParcelTransaction& tx) {
    for (ParcelTable table : kTables) {
      std::vector<BucketKey> keys;
      for (int bucket : buckets) {
        for (uint64_t n = random.Below(12); n > 0; --n) keys.push_back({bucket, Key(random)});
      }
      auto records = tx.Get(table, keys);
      ASSERT_EQ(records.status(), absl::OkStatus());
      for (size_t i = 0; i < keys.size(); ++i) {
        auto it = model.records.find({table, keys[i].bucket, keys[i].key});
        EXPECT_EQ((*records)[i],
                  it == model.records.end() ? std::nullopt : std::optional(it->second));
      }
    }
    for (int bucket : buckets) {
      const Model::Bucket& its = model.buckets[bucket];
      EXPECT_EQ(tx.state(bucket), (BucketState{its.sequence, its.folded}));
      auto changes = tx.GetChanges(bucket);
      ASSERT_EQ(changes.status(), absl::OkStatus());
      std::map<int64_t, std::string> by_sequence;
      for (const SequencedRecord& row : *changes) by_sequence[row.sequence] = row.record;
      EXPECT_EQ(by_sequence, its.changes);
      std::vector<ScorecardRow> keys = {{0, "k1", 1, ""}};
      for (const auto& [key, record] : its.scorecards) {
        if (random.Below(3) == 0) {
          keys.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), ""});
        }
      }
      auto records = tx.GetScorecards(bucket, keys);
      ASSERT_EQ(records.status(), absl::OkStatus());
      for (size_t i = 0; i < keys.size(); ++i) {
        auto it = its.scorecards.find({keys[i].dimension, keys[i].value, keys[i].day});
        EXPECT_EQ((*records)[i],
                  it == its.scorecards.end() ? std::nullopt : std::optional(it->second));
      }
    }
  }

  const uint64_t seed_;
};

// All that a store holds, by its reads.
void Read(ParcelStore& store, Model* model) {
  ASSERT_EQ(store.buckets(), kBuckets);
  for (ParcelTable table : kTables) {
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      ASSERT_EQ(store.Scan(table, bucket, "", 1000000,
                           [&](std::string_view key, std::string_view record) {
                             model->records[{table, bucket, std::string(key)}] = record;
                             return true;
                           }),
                absl::OkStatus());
    }
  }
  auto timers = store.DueTimers(absl::FromUnixSeconds(1), 1000000);
  ASSERT_EQ(timers.status(), absl::OkStatus());
  for (const ParcelTimer& timer : *timers) {
    model->timers.insert({absl::ToUnixMicros(timer.time), timer.parcel});
  }
  for (int bucket = 0; bucket < kBuckets; ++bucket) {
    Model::Bucket& its = model->buckets[bucket];
    auto journal = store.ReadJournal(bucket, 0, 1000000);
    ASSERT_EQ(journal.status(), absl::OkStatus());
    its.oldest = journal->oldest;
    for (const SequencedRecord& row : journal->rows) its.journal[row.sequence] = row.record;
  }
  for (int dimension : {0, 1}) {
    const ScorecardRange range{dimension, "", "z", 0, 1000000};
    auto all = store.ReadScorecards({&range, 1}, {0, 0, 0});
    ASSERT_EQ(all.status(), absl::OkStatus());
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      Model::Bucket& its = model->buckets[bucket];
      its.sequence = (*all)[bucket].state.sequence;
      its.folded = (*all)[bucket].state.folded;
      for (const SequencedRecord& row : (*all)[bucket].changes) {
        its.changes[row.sequence] = row.record;
      }
      for (const ScorecardRow& row : (*all)[bucket].rows) {
        its.scorecards[{row.dimension, row.value, row.day}] = row.record;
      }
    }
  }
}

Model Read(ParcelStore& store) {
  Model model;
  Read(store, &model);
  return model;
}

class ParcelStorePropertyTest : public ::testing::TestWithParam<TestParcelStore> {};

INSTANTIATE_TEST_SUITE_P(Engines, ParcelStorePropertyTest, ::testing::ValuesIn(TestParcelStores()),
                         TestParcelStoreName);

TEST_P(ParcelStorePropertyTest, ItHoldsWhatWasWritten) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    auto database = GetParam().Create();
    int step = 0;
    ParcelStoreOptions options;
    options.buckets = kBuckets;
    options.clock = [&] { return TimeOf(step); };
    auto store = database->OpenOrDie(options);
    const Steps steps(seed);
    Model model;
    Random random(seed);
    for (; step < 150; ++step) {
      ASSERT_EQ(steps.Take(step, &model, store.get()), absl::OkStatus());
      if (random.Below(15) == 0) {
        store.reset();
        store = database->OpenOrDie(options);
      }
      if (random.Below(5) == 0) {
        ASSERT_EQ(Read(*store), model) << "step " << step;
      }
    }
    ASSERT_EQ(Read(*store), model);
  }
}

// A process takes steps, tells of each that was acknowledged, and is killed at some
// moment; another goes on with what the disk has.
TEST(ParcelStoreCrashTest, SqliteKeepsWhatItAcknowledged) {
  const caravan::testing::TemporaryFolder folder;
  const Steps steps(7);
  Random random(7);
  Model model;
  int taken = 0;
  for (int crash = 0; crash < 8; ++crash) {
    int acknowledgements[2];
    ASSERT_EQ(pipe(acknowledgements), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    int step = taken;
    SqliteParcelOptions options;
    options.buckets = kBuckets;
    options.clock = [&] { return TimeOf(step); };
    // So that the log is copied and started over all the time.
    options.checkpoint_interval = absl::Milliseconds(1);
    options.max_wal_bytes = 50000;
    options.vfs = store::kUnsyncedVfs;
    store::RegisterUnsyncedVfs();
    if (child == 0) {
      auto store = OpenSqliteParcelStoreWith(folder.Path("parcels.db"), options);
      if (!store.ok()) _exit(1);
      for (;; ++step) {
        Model own = model;
        if (!steps.Take(step, &own, store->get()).ok()) _exit(2);
        model = own;
        if (write(acknowledgements[1], "x", 1) != 1) _exit(3);
      }
    }
    close(acknowledgements[1]);
    int acknowledged = 0;
    const int wanted = 5 + static_cast<int>(random.Below(20));
    char byte = 0;
    while (acknowledged < wanted && read(acknowledgements[0], &byte, 1) == 1) ++acknowledged;
    ASSERT_EQ(acknowledged, wanted) << "the process ended by itself";
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    while (read(acknowledgements[0], &byte, 1) == 1) ++acknowledged;
    close(acknowledgements[0]);

    auto store = OpenSqliteParcelStoreWith(folder.Path("parcels.db"), options);
    ASSERT_EQ(store.status(), absl::OkStatus());
    const Model found = Read(**store);
    for (; acknowledged > 0; --acknowledged, ++taken) {
      ASSERT_EQ(steps.Take(taken, &model, nullptr), absl::OkStatus());
    }
    // One more may have been committed, and not told of.
    if (!(found == model)) {
      ASSERT_EQ(steps.Take(taken++, &model, nullptr), absl::OkStatus());
    }
    ASSERT_EQ(found, model) << "after crash " << crash << ", step " << taken;
  }
}

}  // namespace
}  // namespace caravan::logistics
