#include "services/logistics/testing/memory_parcel_store.h"

#include <algorithm>
#include <limits>

#include "services/common/api/errors.h"

namespace caravan::logistics::testing {
namespace {

absl::Status Unavailable(std::string_view reason) {
  return api::Error(absl::StatusCode::kUnavailable, reason, "the database is away; try again");
}

}  // namespace

class MemoryParcelStore::Transaction final : public GatheringTransaction {
 public:
  Transaction(MemoryParcelStore& store, absl::Span<const int> buckets,
              absl::Span<const BucketState> states)
      : GatheringTransaction(buckets, states), store_(store) {}

  absl::StatusOr<std::vector<std::optional<std::string>>> Get(
      ParcelTable table, absl::Span<const BucketKey> keys) override {
    if (absl::Status status = CheckLocked(keys); !status.ok()) return status;
    return store_.Get(table, keys);
  }

  absl::StatusOr<std::vector<SequencedRecord>> GetChanges(int bucket) override {
    if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
    absl::MutexLock lock(&store_.mutex_);
    std::vector<SequencedRecord> changes;
    for (const auto& [sequence, record] : store_.buckets_[static_cast<size_t>(bucket)].changes) {
      changes.push_back({sequence, record});
    }
    return changes;
  }

  absl::StatusOr<std::vector<std::optional<std::string>>> GetScorecards(
      int bucket, absl::Span<const ScorecardRow> keys) override {
    if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
    absl::MutexLock lock(&store_.mutex_);
    const auto& scorecards = store_.buckets_[static_cast<size_t>(bucket)].scorecards;
    std::vector<std::optional<std::string>> records;
    for (const ScorecardRow& key : keys) {
      const auto row = scorecards.find({key.dimension, key.value, key.day});
      records.push_back(row == scorecards.end() ? std::nullopt : std::optional(row->second));
    }
    return records;
  }

 private:
  MemoryParcelStore& store_;
};

MemoryParcelStore::MemoryParcelStore(int buckets, std::function<absl::Time()> clock)
    : clock_(std::move(clock)), buckets_(static_cast<size_t>(buckets)) {}

void MemoryParcelStore::SetFate(std::function<Fate()> fate) {
  absl::MutexLock lock(&writing_);
  fate_ = std::move(fate);
}

absl::Status MemoryParcelStore::Write(absl::Span<const int> buckets,
                                      absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) {
  if (absl::Status status = CheckBuckets(buckets, this->buckets()); !status.ok()) return status;
  absl::MutexLock lock(&writing_);
  for (int run = 0;; ++run) {
    std::vector<BucketState> states;
    {
      absl::MutexLock read(&mutex_);
      for (const int bucket : buckets) {
        states.push_back(buckets_[static_cast<size_t>(bucket)].state);
      }
    }
    Transaction tx(*this, buckets, states);
    if (absl::Status status = body(tx); !status.ok()) return status;
    absl::StatusOr<ParcelWrites> writes = tx.Finish();
    if (!writes.ok()) return writes.status();
    if (writes->empty()) return absl::OkStatus();
    const Fate fate = fate_ && run == 0 ? fate_() : Fate::kCommitted;
    switch (fate) {
      case Fate::kRunAgain:
        continue;
      case Fate::kLost:
        return Unavailable("STORE_UNAVAILABLE");
      case Fate::kTorn:
        Apply(*writes, buckets.size() / 2);
        return Unavailable("COMMIT_UNKNOWN");
      case Fate::kUnknown:
        Apply(*writes, buckets.size());
        return Unavailable("COMMIT_UNKNOWN");
      case Fate::kCommitted:
        Apply(*writes, buckets.size());
        return absl::OkStatus();
    }
  }
}

void MemoryParcelStore::Apply(const ParcelWrites& writes, size_t buckets) {
  absl::MutexLock lock(&mutex_);
  const int32_t today = DayOf(clock_());
  const auto written = [&](int bucket) {
    for (size_t i = 0; i < buckets; ++i) {
      if (writes.buckets[i].bucket == bucket) return true;
    }
    return false;
  };
  for (size_t table = 0; table < writes.rows.size(); ++table) {
    for (const ParcelWrites::Row& row : writes.rows[table]) {
      if (!written(row.bucket)) continue;
      auto& rows = buckets_[static_cast<size_t>(row.bucket)].tables[table];
      if (row.record) {
        rows.insert_or_assign(row.key, *row.record);
      } else {
        rows.erase(row.key);
      }
    }
  }
  for (const ParcelWrites::Timer& timer : writes.timers) {
    if (!written(timer.bucket)) continue;
    auto& timers = buckets_[static_cast<size_t>(timer.bucket)].timers;
    if (timer.add) {
      timers.insert({timer.time, timer.parcel});
    } else {
      timers.erase({timer.time, timer.parcel});
    }
  }
  for (size_t i = 0; i < buckets; ++i) {
    const ParcelWrites::Bucket& from = writes.buckets[i];
    Bucket& to = buckets_[static_cast<size_t>(from.bucket)];
    to.state = from.after;
    if (!from.journal.empty()) to.journal[to.state.sequence] = {today, from.journal};
    if (!from.changes.empty()) to.changes[to.state.sequence] = from.changes;
    if (!from.folds) continue;
    to.changes.clear();
    for (const ScorecardRow& row : from.scorecards) {
      to.scorecards.insert_or_assign({row.dimension, row.value, row.day}, row.record);
    }
  }
}

absl::StatusOr<std::vector<std::optional<std::string>>> MemoryParcelStore::Get(
    ParcelTable table, absl::Span<const BucketKey> keys) {
  if (absl::Status status = CheckKeys(keys, buckets()); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  std::vector<std::optional<std::string>> records;
  records.reserve(keys.size());
  for (const BucketKey& key : keys) {
    const auto& rows = buckets_[static_cast<size_t>(key.bucket)].tables[static_cast<size_t>(table)];
    const auto row = rows.find(key.key);
    records.push_back(row == rows.end() ? std::nullopt : std::optional(row->second));
  }
  return records;
}

absl::Status MemoryParcelStore::Scan(
    ParcelTable table, int bucket, std::string_view after, int64_t limit,
    absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) {
  if (absl::Status status = CheckBucket(bucket, buckets()); !status.ok()) return status;
  const auto fetch = [&](std::string_view last, int64_t wanted) -> absl::StatusOr<ParcelPage> {
    absl::MutexLock lock(&mutex_);
    const auto& rows = buckets_[static_cast<size_t>(bucket)].tables[static_cast<size_t>(table)];
    ParcelPage page;
    for (auto row = rows.upper_bound(last);
         row != rows.end() && static_cast<int64_t>(page.size()) < wanted; ++row) {
      page.push_back(*row);
    }
    return page;
  };
  return ScanByPages(after, limit, fetch, visit);
}

absl::StatusOr<std::vector<ParcelTimer>> MemoryParcelStore::DueTimers(absl::Time now,
                                                                      int64_t limit) {
  absl::MutexLock lock(&mutex_);
  std::vector<ParcelTimer> due;
  for (const Bucket& bucket : buckets_) {
    for (const auto& [time, parcel] : bucket.timers) {
      if (absl::FromUnixMicros(time) > now) break;
      due.push_back({absl::FromUnixMicros(time), parcel});
    }
  }
  KeepEarliest(limit, &due);
  return due;
}

absl::StatusOr<ParcelStore::JournalPage> MemoryParcelStore::ReadJournal(int bucket, int64_t after,
                                                                        int64_t limit) {
  if (absl::Status status = CheckBucket(bucket, buckets()); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  const Bucket& from = buckets_[static_cast<size_t>(bucket)];
  JournalPage page;
  page.oldest = from.oldest;
  for (auto row = from.journal.upper_bound(after);
       row != from.journal.end() && static_cast<int64_t>(page.rows.size()) < limit; ++row) {
    page.rows.push_back({row->first, row->second.record});
  }
  return page;
}

absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> MemoryParcelStore::ReadScorecards(
    absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) {
  if (absl::Status status = CheckSeen(seen, buckets()); !status.ok()) return status;
  if (absl::Status status = CheckRanges(ranges); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  std::vector<BucketScorecards> all;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    const Bucket& from = buckets_[i];
    BucketScorecards& to = all.emplace_back();
    to.state = from.state;
    for (const ScorecardRange& range : ranges) {
      for (auto row = from.scorecards.lower_bound(
               {range.dimension, range.first_value, std::numeric_limits<int32_t>::min()});
           row != from.scorecards.end(); ++row) {
        const auto& [dimension, value, day] = row->first;
        if (dimension != range.dimension || value > range.last_value) break;
        if (day < range.begin_day || day >= range.end_day) continue;
        to.rows.push_back({dimension, value, day, row->second});
      }
    }
    for (auto change = from.changes.upper_bound(std::max(seen[i], from.state.folded));
         change != from.changes.end(); ++change) {
      to.changes.push_back({change->first, change->second});
    }
  }
  return all;
}

absl::StatusOr<std::vector<BucketState>> MemoryParcelStore::ReadStates() {
  absl::MutexLock lock(&mutex_);
  std::vector<BucketState> states;
  for (const Bucket& bucket : buckets_) states.push_back(bucket.state);
  return states;
}

absl::Status MemoryParcelStore::ExpireJournal(absl::Time before) {
  absl::MutexLock lock(&mutex_);
  for (Bucket& bucket : buckets_) {
    while (!bucket.journal.empty() && bucket.journal.begin()->second.day < DayOf(before)) {
      bucket.oldest = bucket.journal.begin()->first + 1;
      bucket.journal.erase(bucket.journal.begin());
    }
  }
  return absl::OkStatus();
}

size_t MemoryParcelStore::timers() const {
  absl::MutexLock lock(&mutex_);
  size_t timers = 0;
  for (const Bucket& bucket : buckets_) timers += bucket.timers.size();
  return timers;
}

}  // namespace caravan::logistics::testing
