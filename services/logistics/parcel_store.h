// The store of what comes by the million: parcels, their tracking numbers, the
// journal of events, and scorecards by day. It knows keys and bytes; what they mean
// is the keeper's matter (parcel_keeper.h).
//
// Everything lies in buckets, by a hash of its key (BucketOf); their number is fixed
// when the database is made. A bucket is one unit of writing: whoever writes to it
// has locked it, and what a transaction writes to it is committed as a whole, with
// the bucket's next sequence number. Nothing that must be atomic spans buckets. So
// the same statements serve on one machine and on Citus, where `bucket` is the
// distribution column and no snapshot spans two shards.
//
// Scorecards are written late: a transaction appends what changes in them to its
// bucket in one row (`changes`), and now and then one folds all of these into the
// rows by day. What is read is always the sum of both.
//
// There are two engines, SQLite and PostgreSQL, with one contract: see
// parcel_store_contract_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace caravan::logistics {

// Rows of (bucket, key) and a record.
enum class ParcelTable : uint8_t {
  kParcels,  // key: the parcel's id
  kNumbers,  // key: a carrier's tracking number, `<carrier> <number>`
  kCursors,  // key: a source of events; how far it has come
};

struct BucketKey {
  int bucket = 0;
  std::string key;

  friend bool operator==(const BucketKey&, const BucketKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const BucketKey& k) {
    return H::combine(std::move(h), k.bucket, k.key);
  }
};

// At `time`, to the microsecond, a parcel is to be looked at again.
struct ParcelTimer {
  absl::Time time;
  std::string parcel;

  friend bool operator==(const ParcelTimer&, const ParcelTimer&) = default;
};

// How far a bucket is: `sequence` transactions have been committed, and the changes
// of those up to `folded` are in the scorecards by day.
struct BucketState {
  int64_t sequence = 0;
  int64_t folded = 0;

  friend bool operator==(const BucketState&, const BucketState&) = default;
};

// One scorecard of a day, serialised.
struct ScorecardRow {
  int dimension = 0;  // Dimension
  std::string value;  // of the dimension: a resource name
  int32_t day = 0;    // since 1 January 1970
  std::string record;
};

// Which scorecards: of one dimension, with values from `first_value` to `last_value` and
// days from `begin_day` on, before `end_day`.
struct ScorecardRange {
  int dimension = 0;
  std::string first_value, last_value;  // both included, by bytes
  int32_t begin_day = 0, end_day = 0;
};

// A row of the journal, or of the changes: what a transaction appended.
struct SequencedRecord {
  int64_t sequence = 0;
  std::string record;
};

// Writes to buckets that it has locked. What it reads is what has been committed;
// its own writes are not seen.
class ParcelTransaction {
 public:
  virtual ~ParcelTransaction() = default;

  // Of a locked bucket, before this transaction.
  virtual BucketState state(int bucket) const = 0;

  // The records of keys in locked buckets, in their order; nothing where there is no
  // row. One round trip.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> Get(
      ParcelTable table, absl::Span<const BucketKey> keys) = 0;

  // What was appended to a bucket behind its `folded` sequence.
  virtual absl::StatusOr<std::vector<SequencedRecord>> GetChanges(int bucket) = 0;

  // The scorecards of (dimension, value, day) in a bucket, in the order asked for;
  // `record` of the keys is not looked at. One round trip.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> GetScorecards(
      int bucket, absl::Span<const ScorecardRow> keys) = 0;

  // A later write of the same key replaces an earlier one.
  virtual void Put(ParcelTable table, BucketKey key, std::string record) = 0;
  virtual void Delete(ParcelTable table, BucketKey key) = 0;

  virtual void AddTimer(int bucket, ParcelTimer timer) = 0;
  virtual void RemoveTimer(int bucket, ParcelTimer timer) = 0;

  // Gives the transaction the bucket's next sequence number, with what goes into
  // the journal and the changes under it. Once a bucket at the most; either may be
  // empty, and is then not written.
  virtual void Append(int bucket, std::string journal, std::string changes) = 0;

  // The rows that were written so far may go to the database now, so that it works while
  // the body goes on. What is read behind this may see them.
  virtual void SendAhead() {}

  // Writes scorecards by day in which all changes of the bucket are folded, those
  // appended by this transaction too. The changes are deleted.
  virtual void Fold(int bucket, std::vector<ScorecardRow> rows) = 0;
};

class ParcelStore {
 public:
  virtual ~ParcelStore() = default;

  // How many buckets there are: at least 1, at most 1024.
  virtual int buckets() const = 0;
  // The same on all machines, for ever: the first 8 bytes of the SHA-256 of the key,
  // as a big-endian number, modulo buckets().
  int BucketOf(std::string_view key) const;

  // Runs a transaction over buckets, ascending and each once, and returns when it is
  // durable. It waits for others that have locked one of them. The body may be run
  // again where the connection was lost before the commit. Errors: the body's own;
  // UNAVAILABLE where the database is away, with reason COMMIT_UNKNOWN where it went
  // away in the commit (what is written is idempotent: do it again);
  // RESOURCE_EXHAUSTED where the disk is full.
  virtual absl::Status Write(absl::Span<const int> buckets,
                             absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) = 0;

  // What follows reads what is committed, on the caller's thread, with UNAVAILABLE
  // where the database is away.

  virtual absl::StatusOr<std::vector<std::optional<std::string>>> Get(
      ParcelTable table, absl::Span<const BucketKey> keys) = 0;

  // The rows of a bucket behind a key, ascending by bytes, until the visitor returns
  // false or `limit` rows were read.
  virtual absl::Status Scan(
      ParcelTable table, int bucket, std::string_view after, int64_t limit,
      absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) = 0;

  // The timers of all buckets up to a time, ascending, `limit` at the most.
  virtual absl::StatusOr<std::vector<ParcelTimer>> DueTimers(absl::Time now, int64_t limit) = 0;

  // The journal of a bucket behind a sequence number, `limit` rows at the most.
  // `oldest` is the first sequence number that retention has left.
  struct JournalPage {
    std::vector<SequencedRecord> rows;
    int64_t oldest = 1;
  };
  virtual absl::StatusOr<JournalPage> ReadJournal(int bucket, int64_t after, int64_t limit) = 0;

  // Scorecards by day, with what is not yet folded into them: for each bucket its
  // state, the rows of ranges, one range after another, each by value and day, and the
  // changes behind both `folded` and what the caller has seen (by bucket). What comes
  // of one bucket is of one moment. There are kMostRanges at the most, of the same
  // values.
  static constexpr size_t kMostRanges = 3;
  struct BucketScorecards {
    BucketState state;
    std::vector<ScorecardRow> rows;
    std::vector<SequencedRecord> changes;
  };
  virtual absl::StatusOr<std::vector<BucketScorecards>> ReadScorecards(
      absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) = 0;

  // The states of all buckets.
  virtual absl::StatusOr<std::vector<BucketState>> ReadStates() = 0;

  // Deletes what the journal has of days before this one, where that is a whole
  // partition (PostgreSQL: a month), in small steps otherwise. Scorecards stay.
  virtual absl::Status ExpireJournal(absl::Time before) = 0;

  // OK where the database answers and can be written to.
  virtual absl::Status Healthy() = 0;
};

struct ParcelStoreOptions {
  // Of a database that is made; one that exists keeps its own. 0: 1, or 256 with Citus.
  int buckets = 0;
  // The PostgreSQL schema that holds the tables; created where it is missing.
  std::string schema = "parcels";
  // Whether PostgreSQL has Citus, which then spreads the tables by bucket.
  bool citus = false;
  // Readers at the same time.
  int readers = 4;
  std::function<absl::Time()> clock = absl::Now;
  // Takes a line on what went wrong, with names of files and database messages, which
  // errors never carry. Called from any thread; empty: stderr.
  std::function<void(std::string_view)> log = {};
};

// Opens or makes a store: in a SQLite file, or in a schema of a PostgreSQL database (a
// libpq connection string). FAILED_PRECONDITION with reason STORE_IN_USE where another
// process has the file open.
absl::StatusOr<std::unique_ptr<ParcelStore>> OpenSqliteParcelStore(
    const std::string& path, const ParcelStoreOptions& options);
absl::StatusOr<std::unique_ptr<ParcelStore>> OpenPostgresParcelStore(
    const std::string& connection, const ParcelStoreOptions& options);

}  // namespace caravan::logistics
