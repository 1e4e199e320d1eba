// Every SQL text that the store of parcels sends to PostgreSQL, in one table, so
// that a test can hold all of them against what Citus allows (citus_test.cc).
//
// Keys, values and records are BYTEA: they compare by bytes and hold any.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "services/logistics/parcel_writes.h"

namespace caravan::logistics {

struct ParcelStatement {
  enum class Kind {
    kSession,  // BEGIN, COMMIT, ROLLBACK
    kBucket,   // of the one bucket $1
    kBuckets,  // reads a little of every bucket
    kMeta,     // the one row of `meta`, which is not spread over machines
    kSchema,   // makes and drops tables
  };

  int number = 0;  // its place in all()
  Kind kind;
  std::string sql;
  // Takes arrays, and is planned each time: only then does the planner know how long
  // these are, and how large the table has become, and finds each row by its key.
  bool with_arrays = false;
};

// With many rows in one statement. PostgreSQL plans a statement for each number of
// rows, so there are a few numbers, and a write of many rows is cut into these.
class SizedStatement {
 public:
  static constexpr std::array<size_t, 5> kSizes = {256, 64, 16, 4, 1};

  // The largest statement for up to `rows`, and its rows.
  struct Chosen {
    const ParcelStatement& statement;
    size_t rows;
  };
  Chosen For(size_t rows) const;

 private:
  friend class ParcelStatements;
  std::array<const ParcelStatement*, kSizes.size()> by_size_ = {};
};

class ParcelStatements {
 public:
  static const ParcelStatements& Get();
  const std::deque<ParcelStatement>& all() const { return all_; }

  // Of ParcelTable.
  struct Table {
    const ParcelStatement& get;     // (bucket, keys) -> key, record
    const ParcelStatement& scan;    // (bucket, after, limit) -> key, record
    const ParcelStatement& remove;  // (bucket, keys)
    SizedStatement put;             // (bucket, {key, record}...)
  };

 private:
  ParcelStatements();
  const ParcelStatement& Add(ParcelStatement::Kind kind, std::string sql);
  const ParcelStatement& AddWithArrays(std::string sql);
  // "`before` VALUES ($1, ...), ... `after`", with so many columns behind the bucket.
  SizedStatement AddSized(std::string_view before, int columns, std::string_view after);
  Table MakeTable(std::string_view name);

  std::deque<ParcelStatement> all_;

 public:
  const ParcelStatement& begin;
  const ParcelStatement& commit;
  const ParcelStatement& rollback;

  const ParcelStatement& read_meta;    // -> buckets, format
  const ParcelStatement& write_meta;   // (buckets, format)
  const ParcelStatement& check;        // writes, to see whether that can be done
  const ParcelStatement& make_bucket;  // (bucket)

  const ParcelStatement& lock;       // (bucket) -> sequence, folded
  const ParcelStatement& states;     // -> bucket, sequence, folded
  const ParcelStatement& set_state;  // (bucket, sequence, folded)

  const std::array<Table, kParcelTables> tables;

  const SizedStatement add_timers;      // (bucket, {time, parcel}...)
  const ParcelStatement& remove_timer;  // (bucket, time, parcel)
  const ParcelStatement& due_timers;    // (bucket, time, limit) -> time, parcel

  const ParcelStatement& append_journal;  // (bucket, sequence, day, record)
  const ParcelStatement& read_journal;    // (bucket, after, limit) -> sequence, record
  const ParcelStatement& oldest;          // (bucket) -> oldest
  const ParcelStatement& set_oldest;      // (bucket, the first day that stays)

  const ParcelStatement& append_changes;  // (bucket, sequence, record)
  const ParcelStatement& read_changes;    // (bucket, after) -> sequence, record
  const ParcelStatement& remove_changes;  // (bucket)

  const ParcelStatement& get_scorecards;  // (bucket, dimensions, values, days) -> these, record
  const SizedStatement put_scorecards;    // (bucket, {dimension, value, day, record}...)
  // (bucket, seen, first value, last value, {dimension, begin day, end day} of
  // ParcelStore::kMostRanges) -> part, number, number, value, record: the state (-1:
  // sequence, folded), the changes (-2: sequence), and the scorecards of each range (its
  // place: day). It is one statement, so that it sees one moment.
  const ParcelStatement& read_scorecards;
};

// What makes the tables. Nobody else does so while the transaction with the first of
// these lasts.
std::string LockSchemaSql();
std::vector<std::string> CreateTablesSql(std::string_view schema);
// Spreads the tables by bucket, side by side.
std::vector<std::string> DistributeTablesSql();
// The partition of the journal of a month.
std::string PartitionName(absl::CivilMonth month);
std::optional<absl::CivilMonth> MonthOfPartition(std::string_view name);
std::string CreatePartitionSql(absl::CivilMonth month);
std::string DropPartitionSql(std::string_view name);
// -> name of each partition.
std::string ListPartitionsSql();

}  // namespace caravan::logistics
