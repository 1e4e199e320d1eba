// A store of parcels in memory, with the contract of the engines, in which commits
// can be made to fail.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/parcel_writes.h"

namespace caravan::logistics::testing {

class MemoryParcelStore final : public ParcelStore {
 public:
  // What becomes of a transaction whose body has ended.
  enum class Fate {
    kCommitted,
    kRunAgain,  // and then committed
    kLost,      // UNAVAILABLE: nothing is written
    kUnknown,   // UNAVAILABLE with reason COMMIT_UNKNOWN, though it is written
    kTorn,      // the same, and only the half of its buckets are written
  };

  explicit MemoryParcelStore(int buckets, std::function<absl::Time()> clock = absl::Now);

  // Asked at the end of each transaction that writes.
  void SetFate(std::function<Fate()> fate);

  int buckets() const override { return static_cast<int>(buckets_.size()); }
  absl::Status Write(absl::Span<const int> buckets,
                     absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) override;
  absl::StatusOr<std::vector<std::optional<std::string>>> Get(
      ParcelTable table, absl::Span<const BucketKey> keys) override;
  absl::Status Scan(
      ParcelTable table, int bucket, std::string_view after, int64_t limit,
      absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) override;
  absl::StatusOr<std::vector<ParcelTimer>> DueTimers(absl::Time now, int64_t limit) override;
  absl::StatusOr<JournalPage> ReadJournal(int bucket, int64_t after, int64_t limit) override;
  absl::StatusOr<std::vector<BucketScorecards>> ReadScorecards(
      absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) override;
  absl::StatusOr<std::vector<BucketState>> ReadStates() override;
  absl::Status ExpireJournal(absl::Time before) override;
  absl::Status Healthy() override { return absl::OkStatus(); }

  // All timers there are.
  size_t timers() const;

 private:
  class Transaction;
  struct Journalled {
    int32_t day = 0;
    std::string record;
  };
  struct Bucket {
    BucketState state;
    std::array<std::map<std::string, std::string, std::less<>>, kParcelTables> tables;
    std::set<std::pair<int64_t, std::string>> timers;  // microseconds, parcel
    std::map<int64_t, Journalled> journal;
    int64_t oldest = 1;
    std::map<int64_t, std::string> changes;
    std::map<std::tuple<int, std::string, int32_t>, std::string> scorecards;
  };

  void Apply(const ParcelWrites& writes, size_t buckets) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::function<absl::Time()> clock_;
  absl::Mutex writing_;  // who has it has locked every bucket
  std::function<Fate()> fate_ ABSL_GUARDED_BY(writing_);
  mutable absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(writing_);
  std::vector<Bucket> buckets_;  // the number of them is fixed; else ABSL_GUARDED_BY(mutex_)
};

}  // namespace caravan::logistics::testing
