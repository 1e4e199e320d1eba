// Parcels in transactions: whoever changes one does it through here, so that with its
// record its course, its timer and what it adds to scorecards are written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/logistics/contribution.h"
#include "services/logistics/parcel_course.h"
#include "services/logistics/parcel_keeper.h"
#include "services/logistics/parcel_record.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/record_cache.h"
#include "services/logistics/registers.h"
#include "services/logistics/scorecard_book.h"

namespace caravan::logistics {

// A parcel under the terms of the moment.
struct ParcelView {
  std::shared_ptr<const Registers::Agreed> agreed;
  Terms terms;  // those, with the parcel's begin
  Course course;
};
ParcelView ViewOf(const ParcelRecord& record, Registers& registers, absl::Time now);

// By which dimensions a parcel is counted, as the registers are now.
Dimensions DimensionsOf(const ParcelRecord& record, Registers& registers);

// The courier and the line-haul company of a parcel; empty where there is none.
struct Companies {
  std::string line_haul_company, courier;
};
Companies CompaniesOf(const ParcelRecord& record, Registers& registers);

class ParcelLedger {
 public:
  // What a parcel adds to the scorecards of its bucket, and no longer adds.
  using CountListener = std::function<void(
      int bucket, std::string_view id, const Dimensions& dimensions, const Contribution& change)>;

  ParcelLedger(ParcelStore& store, Registers& registers, ScorecardBook& book, size_t cache_bytes,
               std::function<void(const KeeperChange&)> listener);

  BucketKey KeyOf(std::string_view id) const;

  // --- From any thread: what is committed.

  absl::StatusOr<std::vector<std::optional<ParcelRecord>>> Read(
      absl::Span<const std::string> ids) const;
  absl::StatusOr<std::optional<ParcelRecord>> Read(const std::string& id) const;
  // Each by itself: DATA_LOSS as below where its record is damaged.
  absl::StatusOr<std::vector<absl::StatusOr<std::optional<ParcelRecord>>>> ReadEach(
      absl::Span<const std::string> ids) const;
  // The same, of the parcel into which one is merged; its id is then in `*id`.
  absl::StatusOr<std::optional<ParcelRecord>> Follow(std::string* id) const;

  // --- From the writing thread.

  enum class Verdict { kUnchanged, kChanged, kDeleted };
  struct Visit {
    const std::string& id;
    ParcelRecord& record;
    const bool exists;
    ParcelTransaction& tx;
    const int bucket;
    std::string& journal;  // of the bucket: to be appended to
  };
  using Visitor = absl::FunctionRef<absl::StatusOr<Verdict>(size_t index, Visit& visit)>;

  // Visits parcels, with their records, in a transaction over their buckets, and
  // brings those that were changed up to date as of `now`. `keys` are in the order of
  // SortKeys(). A visitor may be called again for all of them. DATA_LOSS with reason
  // PARCEL_MALFORMED where the record of one is damaged; but where `damaged` is given these
  // are left as they are, whether visited or not, and it says which they are.
  absl::Status Change(absl::Span<const BucketKey> keys, absl::Time now, Visitor visitor,
                      std::vector<size_t>* damaged = nullptr);

  // Told of each parcel's counts when they are committed; null: nobody.
  void SetCountListener(CountListener listener) { count_listener_ = std::move(listener); }

  // Up to where this process has left a bucket; -1 where it does not know.
  int64_t SequenceOf(int bucket) const { return sequences_[static_cast<size_t>(bucket)]; }
  // How often a bucket was found elsewhere than where this process had left it.
  int64_t InterruptionsOf(int bucket) const { return interruptions_[static_cast<size_t>(bucket)]; }

 private:
  struct Count {
    size_t key = 0;
    Dimensions dimensions;
    Contribution change;
  };
  struct Work;

  // Brings a parcel up to date, with its timer and what it adds.
  absl::Status Settle(const BucketKey& key, size_t index, absl::Time now, ParcelRecord& record,
                      ParcelTransaction& tx, Work& work, ScorecardChanges& changes);
  absl::Status Run(absl::Span<const BucketKey> keys, absl::Time now, Visitor visitor,
                   bool leaves_damaged, ParcelTransaction& tx, Work& work);
  void Committed(absl::Span<const BucketKey> keys, Work& work);

  ParcelStore& store_;
  Registers& registers_;
  ScorecardBook& book_;
  RecordCache cache_;
  std::vector<int64_t> sequences_, interruptions_;
  const std::function<void(const KeeperChange&)> listener_;
  CountListener count_listener_;
};

// What is wrong where the stored record of a parcel, by its id, is damaged.
absl::Status DamagedParcel(std::string_view id);

// By bucket and key, each once.
void SortKeys(std::vector<BucketKey>* keys);

}  // namespace caravan::logistics
