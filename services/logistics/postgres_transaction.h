// A transaction of the store of parcels on PostgreSQL, and what its reads share with
// those outside one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/logistics/parcel_statements.h"
#include "services/logistics/parcel_writes.h"
#include "services/logistics/postgres_pipeline.h"

namespace caravan::logistics {

using PostgresRecords = std::vector<std::optional<std::string>>;
using PostgresResults = std::vector<PostgresRows>;

// Keys by their buckets, so that one statement reads those of each. The keys are to
// stay as long as this.
class KeysByBucket {
 public:
  explicit KeysByBucket(absl::Span<const BucketKey> keys);

  // How many statements these are: one for each bucket.
  size_t Send(PostgresPipeline& pipeline, const ParcelStatement& get) const;
  // The records, in the order of the keys, of the results of what Send has sent.
  PostgresRecords Take(absl::Span<const PostgresRows> results) const;

 private:
  const BucketKey& At(size_t i) const { return keys_[order_[i]]; }

  const absl::Span<const BucketKey> keys_;
  std::vector<size_t> order_;  // of the keys, ascending
};

// Rows of (sequence, record).
std::vector<SequencedRecord> ToSequencedRecords(const PostgresRows& rows);

class PostgresTransaction : public GatheringTransaction {
 public:
  PostgresTransaction(PostgresPipeline* pipeline, absl::Span<const int> buckets,
                      absl::Span<const BucketState> states)
      : GatheringTransaction(buckets, states), pipeline_(*pipeline) {}

  absl::StatusOr<PostgresRecords> Get(ParcelTable table, absl::Span<const BucketKey> keys) override;
  absl::StatusOr<std::vector<SequencedRecord>> GetChanges(int bucket) override;
  absl::StatusOr<PostgresRecords> GetScorecards(int bucket,
                                                absl::Span<const ScorecardRow> keys) override;

  void SendAhead() override;
  // Whether there is something to commit but what Finish gives.
  bool sent_ahead() const { return sent_ahead_; }

  // Sends what was gathered; the journal is of this day.
  void SendWrites(const ParcelWrites& writes, int32_t day);

 private:
  // Rows, and timers, of one bucket.
  void SendRows(size_t table, absl::Span<const ParcelWrites::Row> rows);
  void SendTimers(absl::Span<const ParcelWrites::Timer> timers);
  void SendBucket(const ParcelWrites::Bucket& written, int32_t day);

  PostgresPipeline& pipeline_;
  bool sent_ahead_ = false;
};

}  // namespace caravan::logistics
