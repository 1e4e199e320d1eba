#include "services/logistics/parcel_writes.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_errors.h"

namespace caravan::logistics {
namespace {

constexpr int64_t kPageRows = 1000;

absl::Status NotLocked(int bucket) {
  return store::MisuseError(absl::StrCat("bucket ", bucket, " is not locked"));
}

// Sorts, and keeps the last of those that are equal.
template <typename T, typename Key>
void KeepLast(std::vector<T>* all, Key key) {
  std::stable_sort(all->begin(), all->end(),
                   [&](const T& a, const T& b) { return key(a) < key(b); });
  size_t kept = 0;
  for (size_t i = 0; i < all->size(); ++i) {
    if (i + 1 < all->size() && key((*all)[i]) == key((*all)[i + 1])) continue;
    if (kept != i) (*all)[kept] = std::move((*all)[i]);
    ++kept;
  }
  all->erase(all->begin() + static_cast<ptrdiff_t>(kept), all->end());
}

}  // namespace

int32_t DayOf(absl::Time time) {
  constexpr int64_t kSecondsOfDay = 86400;
  const int64_t seconds = absl::ToUnixSeconds(time);
  const int64_t day = seconds / kSecondsOfDay - (seconds % kSecondsOfDay < 0 ? 1 : 0);
  return static_cast<int32_t>(std::clamp<int64_t>(day, std::numeric_limits<int32_t>::min(),
                                                  std::numeric_limits<int32_t>::max()));
}

bool ParcelWrites::empty() const {
  return timers.empty() &&
         std::all_of(rows.begin(), rows.end(), [](auto& r) { return r.empty(); }) &&
         std::all_of(buckets.begin(), buckets.end(),
                     [](const Bucket& b) { return !b.folds && b.before == b.after; });
}

GatheringTransaction::GatheringTransaction(absl::Span<const int> buckets,
                                           absl::Span<const BucketState> states) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    writes_.buckets.push_back({.bucket = buckets[i], .before = states[i], .after = states[i]});
  }
}

const ParcelWrites::Bucket* GatheringTransaction::Find(int bucket) const {
  auto it = std::lower_bound(writes_.buckets.begin(), writes_.buckets.end(), bucket,
                             [](const auto& locked, int wanted) { return locked.bucket < wanted; });
  return it != writes_.buckets.end() && it->bucket == bucket ? &*it : nullptr;
}

ParcelWrites::Bucket* GatheringTransaction::Locked(int bucket) {
  const ParcelWrites::Bucket* found = Find(bucket);
  if (found == nullptr) misuse_.Update(NotLocked(bucket));
  return const_cast<ParcelWrites::Bucket*>(found);
}

BucketState GatheringTransaction::state(int bucket) const {
  const ParcelWrites::Bucket* found = Find(bucket);
  return found == nullptr ? BucketState() : found->before;
}

absl::Status GatheringTransaction::CheckLocked(int bucket) const {
  return Find(bucket) == nullptr ? NotLocked(bucket) : absl::OkStatus();
}

absl::Status GatheringTransaction::CheckLocked(absl::Span<const BucketKey> keys) const {
  for (const BucketKey& key : keys) {
    if (absl::Status status = CheckLocked(key.bucket); !status.ok()) return status;
  }
  return absl::OkStatus();
}

void GatheringTransaction::Put(ParcelTable table, BucketKey key, std::string record) {
  if (Locked(key.bucket) == nullptr) return;
  writes_.rows[static_cast<size_t>(table)].push_back(
      {key.bucket, std::move(key.key), std::move(record)});
}

void GatheringTransaction::Delete(ParcelTable table, BucketKey key) {
  if (Locked(key.bucket) == nullptr) return;
  writes_.rows[static_cast<size_t>(table)].push_back(
      {key.bucket, std::move(key.key), std::nullopt});
}

void GatheringTransaction::AddTimer(int bucket, ParcelTimer timer) {
  if (Locked(bucket) == nullptr) return;
  writes_.timers.push_back({bucket, absl::ToUnixMicros(timer.time), std::move(timer.parcel), true});
}

void GatheringTransaction::RemoveTimer(int bucket, ParcelTimer timer) {
  if (Locked(bucket) == nullptr) return;
  writes_.timers.push_back(
      {bucket, absl::ToUnixMicros(timer.time), std::move(timer.parcel), false});
}

void GatheringTransaction::Append(int bucket, std::string journal, std::string changes) {
  ParcelWrites::Bucket* locked = Locked(bucket);
  if (locked == nullptr) return;
  if (locked->after.sequence != locked->before.sequence) {
    misuse_.Update(store::MisuseError(absl::StrCat("bucket ", bucket, " was appended to twice")));
  }
  locked->after.sequence = locked->before.sequence + 1;
  locked->journal = std::move(journal);
  locked->changes = std::move(changes);
}

void GatheringTransaction::Fold(int bucket, std::vector<ScorecardRow> rows) {
  ParcelWrites::Bucket* locked = Locked(bucket);
  if (locked == nullptr) return;
  if (locked->folds) {
    misuse_.Update(store::MisuseError(absl::StrCat("bucket ", bucket, " was folded twice")));
  }
  locked->folds = true;
  locked->scorecards = std::move(rows);
}

ParcelWrites GatheringTransaction::TakeRows() {
  ParcelWrites taken;
  taken.rows = std::exchange(writes_.rows, {});
  for (std::vector<ParcelWrites::Row>& rows : taken.rows) {
    KeepLast(&rows, [](const ParcelWrites::Row& row) {
      return std::pair<int, std::string_view>(row.bucket, row.key);
    });
  }
  return taken;
}

absl::StatusOr<ParcelWrites> GatheringTransaction::Finish() {
  if (!misuse_.ok()) return misuse_;
  ParcelWrites finished = TakeRows();
  finished.timers = std::move(writes_.timers);
  finished.buckets = std::move(writes_.buckets);
  KeepLast(&finished.timers, [](const ParcelWrites::Timer& timer) {
    return std::tuple<int, int64_t, std::string_view>(timer.bucket, timer.time, timer.parcel);
  });
  for (ParcelWrites::Bucket& bucket : finished.buckets) {
    if (!bucket.folds) continue;
    bucket.after.folded = bucket.after.sequence;
    bucket.changes.clear();
    KeepLast(&bucket.scorecards, [](const ScorecardRow& row) {
      return std::tuple<int, std::string_view, int32_t>(row.dimension, row.value, row.day);
    });
  }
  return finished;
}

absl::Status CheckBucket(int bucket, int count) {
  if (bucket >= 0 && bucket < count) return absl::OkStatus();
  return store::MisuseError(absl::StrCat("there is no bucket ", bucket, " among ", count));
}

absl::Status CheckBuckets(absl::Span<const int> buckets, int count) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (absl::Status status = CheckBucket(buckets[i], count); !status.ok()) return status;
    if (i > 0 && buckets[i - 1] >= buckets[i]) {
      return store::MisuseError("the buckets to lock are not ascending");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckKeys(absl::Span<const BucketKey> keys, int count) {
  for (const BucketKey& key : keys) {
    if (absl::Status status = CheckBucket(key.bucket, count); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckSeen(absl::Span<const int64_t> seen, int count) {
  if (seen.size() == static_cast<size_t>(count)) return absl::OkStatus();
  return store::MisuseError(
      absl::StrCat("what was seen is of ", seen.size(), " buckets, of which there are ", count));
}

absl::Status CheckRanges(absl::Span<const ScorecardRange> ranges) {
  const bool same_values =
      std::all_of(ranges.begin(), ranges.end(), [&](const ScorecardRange& range) {
        return range.first_value == ranges[0].first_value &&
               range.last_value == ranges[0].last_value;
      });
  if (same_values && ranges.size() <= ParcelStore::kMostRanges) return absl::OkStatus();
  return store::MisuseError("ranges of scorecards are too many, or not of the same values");
}

absl::StatusOr<int> BucketsToMake(const ParcelStoreOptions& options, int otherwise) {
  if (options.buckets == 0) return otherwise;
  if (options.buckets >= 1 && options.buckets <= kMaxBuckets) return options.buckets;
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_STORE",
                    absl::StrCat("a store of parcels cannot have ", options.buckets,
                                 " buckets; give a number from 1 to ", kMaxBuckets));
}

absl::Status CheckFormat(int64_t format, int64_t buckets) {
  if (format == kParcelFormat && buckets >= 1 && buckets <= kMaxBuckets) return absl::OkStatus();
  return api::Error(absl::StatusCode::kFailedPrecondition, "UNKNOWN_FORMAT",
                    absl::StrCat("the database of parcels has format ", format,
                                 ", of which this "
                                 "version knows nothing; use the version that made it, or a newer "
                                 "one"));
}

void KeepEarliest(int64_t limit, std::vector<ParcelTimer>* timers) {
  std::sort(timers->begin(), timers->end(), [](const ParcelTimer& a, const ParcelTimer& b) {
    return std::tie(a.time, a.parcel) < std::tie(b.time, b.parcel);
  });
  if (static_cast<int64_t>(timers->size()) > limit) timers->resize(limit);
}

absl::Status ScanByPages(
    std::string_view after, int64_t limit,
    absl::FunctionRef<absl::StatusOr<ParcelPage>(std::string_view after, int64_t limit)> fetch,
    absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) {
  std::string last(after);
  while (limit > 0) {
    const int64_t wanted = std::min(limit, kPageRows);
    absl::StatusOr<ParcelPage> page = fetch(last, wanted);
    if (!page.ok()) return page.status();
    for (const auto& [key, record] : *page) {
      if (!visit(key, record)) return absl::OkStatus();
    }
    if (static_cast<int64_t>(page->size()) < wanted) break;
    limit -= wanted;
    last = std::move(page->back().first);
  }
  return absl::OkStatus();
}

}  // namespace caravan::logistics
