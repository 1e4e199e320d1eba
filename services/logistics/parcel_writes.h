// What both engines of the store of parcels share: the writes of a transaction,
// gathered until its body has ended, and the checks of what callers pass.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/logistics/parcel_store.h"

namespace caravan::logistics {

inline constexpr int kParcelTables = 3;
inline constexpr int kMaxBuckets = 1024;
// What a database says of how it is laid out.
inline constexpr int64_t kParcelFormat = 2;

// Whole days since 1 January 1970, in UTC.
int32_t DayOf(absl::Time time);

// The writes of a transaction, in the order in which they are best written.
struct ParcelWrites {
  struct Row {
    int bucket = 0;
    std::string key;
    std::optional<std::string> record;  // nothing: deleted
  };
  struct Timer {
    int bucket = 0;
    int64_t time = 0;  // microseconds since 1970
    std::string parcel;
    bool add = true;
  };
  struct Bucket {
    int bucket = 0;
    BucketState before, after;
    std::string journal = {}, changes = {};  // empty: nothing is appended
    bool folds = false;
    std::vector<ScorecardRow> scorecards = {};
  };

  bool empty() const;

  // Ascending by bucket and key, each key once, with what was said of it last.
  std::array<std::vector<Row>, kParcelTables> rows;
  std::vector<Timer> timers;
  // Those that are locked, ascending.
  std::vector<Bucket> buckets;
};

// A transaction that gathers its writes; an engine adds how it reads.
class GatheringTransaction : public ParcelTransaction {
 public:
  BucketState state(int bucket) const override;
  void Put(ParcelTable table, BucketKey key, std::string record) override;
  void Delete(ParcelTable table, BucketKey key) override;
  void AddTimer(int bucket, ParcelTimer timer) override;
  void RemoveTimer(int bucket, ParcelTimer timer) override;
  void Append(int bucket, std::string journal, std::string changes) override;
  void Fold(int bucket, std::vector<ScorecardRow> rows) override;

  // Ends the gathering. INTERNAL, STORE_MISUSE, where the body broke the contract.
  absl::StatusOr<ParcelWrites> Finish();

 protected:
  // The rows that were gathered so far, which are then forgotten.
  ParcelWrites TakeRows();

  // The states of the buckets that are locked, in their order.
  GatheringTransaction(absl::Span<const int> buckets, absl::Span<const BucketState> states);

  // Refuses keys of buckets that are not locked.
  absl::Status CheckLocked(absl::Span<const BucketKey> keys) const;
  absl::Status CheckLocked(int bucket) const;

 private:
  // Null where it is not locked.
  const ParcelWrites::Bucket* Find(int bucket) const;
  // The same, to write to, which is a misuse where it is not locked.
  ParcelWrites::Bucket* Locked(int bucket);

  ParcelWrites writes_;
  absl::Status misuse_;
};

// Refuses what the database is not to see: buckets that are not ascending, or that
// there are not; a `seen` that is not by bucket; ranges that are too many, or not of
// the same values.
absl::Status CheckBuckets(absl::Span<const int> buckets, int count);
absl::Status CheckKeys(absl::Span<const BucketKey> keys, int count);
absl::Status CheckBucket(int bucket, int count);
absl::Status CheckSeen(absl::Span<const int64_t> seen, int count);
absl::Status CheckRanges(absl::Span<const ScorecardRange> ranges);

// How many buckets a database is made with. INVALID_ARGUMENT where they are too many.
absl::StatusOr<int> BucketsToMake(const ParcelStoreOptions& options, int otherwise);
// What an existing database says of itself. FAILED_PRECONDITION, UNKNOWN_FORMAT,
// where a newer version has made it.
absl::Status CheckFormat(int64_t format, int64_t buckets);

// Keeps the first `limit` of timers, ascending.
void KeepEarliest(int64_t limit, std::vector<ParcelTimer>* timers);

// Visits rows that `fetch` reads by pages, so that a visitor holds up neither a
// reader nor the log, and may use the store.
using ParcelPage = std::vector<std::pair<std::string, std::string>>;
absl::Status ScanByPages(
    std::string_view after, int64_t limit,
    absl::FunctionRef<absl::StatusOr<ParcelPage>(std::string_view after, int64_t limit)> fetch,
    absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit);

}  // namespace caravan::logistics
