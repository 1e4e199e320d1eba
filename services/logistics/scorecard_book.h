// The scorecards by day as they are stored, and as they are read: rows, and what
// changes in them since they were last folded. The changes are kept in memory, so that
// reading takes from the store only what this process does not know.
//
// Beside the rows of days lie those of whole months, which are their sums and are
// written with them: who asks for months reads one row for thirty. To the store they
// are scorecards of dimensions of their own, on the first day of the month.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "services/logistics/contribution.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

// What changes in the scorecards of days, by dimension, value and day.
using DayChanges = std::vector<ScorecardChanges::Row>;

int32_t DayNumberOf(absl::CivilDay day);  // since 1 January 1970
// The first day of the month of a day.
int32_t MonthOfDay(int32_t day);
// How the store numbers a dimension's rows of months.
inline int MonthsOf(int dimension) { return dimension + 100; }

// The record of ParcelTransaction::Append; empty where nothing changes.
std::string SerializeChanges(const DayChanges& changes);
// Calls `visit` for each. DATA_LOSS with reason CHANGES_MALFORMED where bytes are none of
// SerializeChanges().
absl::Status ParseChanges(std::string_view record,
                          absl::FunctionRef<void(Dimension dimension, std::string_view value,
                                                 int32_t day, const Scorecard& change)>
                              visit);

// A sum of scorecards by day.
class DaySums {
 public:
  void Add(Dimension dimension, std::string_view value, int32_t day, const Scorecard& scorecard);
  absl::Status AddChanges(std::string_view record);
  // All of them by month, on its first day.
  DaySums ByMonth() const;
  void Clear();

  // How many scorecards there are.
  size_t size() const { return size_; }

  // Visits those of a range, in no order.
  void Visit(
      const ScorecardRange& range,
      absl::FunctionRef<void(const std::string& value, int32_t day, const Scorecard& scorecard)>
          visit) const;
  // Visits all.
  void VisitAll(absl::FunctionRef<void(Dimension dimension, const std::string& value, int32_t day,
                                       const Scorecard& scorecard)>
                    visit) const;

 private:
  using Days = absl::btree_map<int32_t, Scorecard>;

  std::array<absl::flat_hash_map<std::string, Days>, kDimensions> values_;
  size_t size_ = 0;
};

// Adds sums to the rows of a locked bucket by day and by month, and folds it: the sums
// of days are of all changes that wait there, if nothing else. Where `mends`, a row that
// is damaged is written anew; else it is DATA_LOSS.
absl::Status FoldInto(ParcelTransaction& tx, int bucket, const DaySums& days, const DaySums& months,
                      bool mends);

class ScorecardBook {
 public:
  struct Limits {
    size_t rows = 100'000;   // in memory, of all buckets
    int64_t commits = 4096;  // of a bucket
  };

  ScorecardBook(ParcelStore& store, Limits limits);

  // A commit of this process has appended changes to a bucket, as its number `sequence`.
  void Committed(int bucket, int64_t sequence, const DayChanges& changes);

  struct Row {
    std::string value;
    int32_t day = 0;  // the first of its period
    Scorecard scorecard;
  };
  struct Sums {
    std::vector<Row> rows;  // by value and day; none is empty
    int64_t sequence = 0;   // of all buckets together
  };
  // The scorecards of a range by periods, summed over all buckets; without a granularity
  // the whole range is one period. Of a period that the range cuts off, what lies in the
  // range.
  absl::StatusOr<Sums> Read(const ScorecardRange& range, std::optional<Granularity> by);

  // Whether so much waits in a bucket that it should be folded.
  bool IsFull(int bucket) const;
  // Writes what waits in a bucket into its rows by day.
  absl::Status Fold(int bucket);

 private:
  struct Bucket {
    // The sum of the changes behind `folded`, up to `seen`.
    DaySums sums;
    BucketState state;  // `sequence`: as far as it was seen
  };

  // Takes in what was read of a bucket, where `seen` was known. False where that does
  // not go with the sums, and is to be read again.
  absl::StatusOr<bool> Take(int bucket, int64_t seen, const ParcelStore::BucketScorecards& stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  ParcelStore& store_;
  const Limits limits_;
  mutable absl::Mutex mutex_;
  std::vector<Bucket> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::logistics
