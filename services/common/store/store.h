// The store of a service: tables of keyed rows with indexed columns, changed by
// transactions, with a change log in commit order.
//
// A transaction is a function from a Transaction to a Status. It reads by key
// and buffers its writes; when it returns OK, the store commits them together
// with those of the other transactions that wait (group commit), after checking
// that nothing it read has changed since. Otherwise it is run again; so it is,
// too, once there is what it wanted to read and a shared database had to be asked
// for. So a body must be free of side effects beside its Transaction and what it
// overwrites each time it runs, and must end where a read fails.
//
// There are two engines, SQLite and PostgreSQL, with one contract: see
// store_contract_test.cc, which both pass.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace caravan::store {

// Value of an indexed column. Integers also carry booleans, enum numbers, days
// (yyyymmdd) and times (microseconds since 1970); text is UTF-8 and compares by
// bytes. A field that is not set is kUnset, or empty text.
using Value = std::variant<int64_t, std::string>;
inline constexpr int64_t kUnset = std::numeric_limits<int64_t>::min();

struct Column {
  enum class Type { kInteger, kText };
  std::string name = {};  // [a-z][a-z0-9_]*
  Type type = Type::kInteger;
};

// A table: rows of (key, version, data) and the columns, each with an index on
// (column, key).
struct Table {
  std::string name = {};  // [a-z][a-z0-9_]*
  std::vector<Column> columns = {};
  // Works the columns out of a row's data, in their order. Used when a column
  // is added to a table that has rows. May be empty where there are no columns.
  std::function<absl::StatusOr<std::vector<Value>>(std::string_view data)> extract = {};
};

// Position of a table in the list with which the store was opened.
using TableId = int;

// The version of a row that this transaction itself has written.
inline constexpr int64_t kPendingVersion = std::numeric_limits<int64_t>::max();

struct Row {
  std::string key = {};
  // Changes with every write of the row; 0 stands for "does not exist".
  int64_t version = 0;
  std::string data = {};
};

// A condition on an indexed column. A scan returns the rows that meet all.
struct Term {
  enum class Op { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual, kIn };
  int column = 0;  // position in Table::columns
  Op op = Op::kEqual;
  std::vector<Value> values = {};  // one, or any number for kIn
};

struct Order {
  int column = 0;
  bool descending = false;
};

// Which rows of a table, in which order. The order ends with the key, ascending
// (descending where the last column of `order` descends or `key_descending`).
struct ScanSpec {
  TableId table = 0;
  std::string begin_key = {};  // included
  std::string end_key = {};    // excluded; empty: no bound
  std::vector<Term> terms = {};
  std::vector<Order> order = {};
  bool key_descending = false;  // with an empty `order`
  // Continue behind this position: the values of the `order` columns of the
  // last row, and its key.
  struct Position {
    std::vector<Value> values = {};
    std::string key = {};
  };
  std::optional<Position> after = {};
  // Most rows to read; the visitor may stop earlier.
  int64_t limit = std::numeric_limits<int64_t>::max();
};

// One entry of the change log. Its record and images are opaque to the store.
struct Change {
  int64_t revision = 0;                  // 1, 2, 3, ... in commit order
  int64_t transaction_end_revision = 0;  // of the last change in its transaction
  absl::Time commit_time = {};           // never runs backwards
  std::string resource = {};             // key by which it is indexed
  std::string record = {};
  std::string before = {};
  std::string after = {};
  bool images_expired = false;  // the retention of images is over
};

struct ChangeScan {
  int64_t begin_revision = 1;                                  // included
  int64_t end_revision = std::numeric_limits<int64_t>::max();  // excluded
  std::string resource = {};                                   // only this one; empty: all
  bool descending = false;
  int64_t limit = std::numeric_limits<int64_t>::max();
};

// Reads one consistent state of the store.
class Reader {
 public:
  virtual ~Reader() = default;

  // Every change up to this revision is visible (later ones may be).
  virtual int64_t revision() const = 0;

  // The row, or nothing where it does not exist.
  virtual absl::StatusOr<std::optional<Row>> Get(TableId table, std::string_view key) = 0;

  // Reads are round trips, so that one should have all that is known to be
  // wanted: see Expect.
  virtual bool remote() const { return false; }

  // Says that a row will be read: it comes with the next one that is.
  virtual void Expect(TableId /*table*/, std::string_view /*key*/) {}

  // Says that a row will be read, and written if it does not exist, which is to be
  // expected: its key is new. A transaction may then go on as if there were none,
  // without a round trip; where there is one, it is run again.
  virtual void ExpectAbsent(TableId /*table*/, std::string_view /*key*/) {}

  // The rows of keys, in their order; one round trip.
  virtual absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId table, absl::Span<const std::string> keys) = 0;

  // Visits rows until the visitor returns false. A column whose index is not
  // filled yet must not be in `terms` or `order`: see Store::IndexReady.
  virtual absl::Status Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) = 0;

  // Visits the change log.
  virtual absl::Status ScanChanges(const ChangeScan& spec,
                                   absl::FunctionRef<bool(Change& change)> visit) = 0;
};

// Reads like a Reader and buffers writes. `Get` and `GetMany` see the writes of
// this transaction and are checked at commit: where a row that was read has
// changed since, the transaction is run again. Scans see neither this
// transaction's writes nor are they checked; what must hold over a set is
// guarded by a row that every change of the set touches and that whoever relies
// on the set reads.
class Transaction : public Reader {
 public:
  // Writes a row, with the values of all columns of its table.
  virtual void Put(TableId table, std::string key, std::string data,
                   std::vector<Value> columns = {}) = 0;

  // The same, where the data depends on the revision of the transaction's last
  // change (the newest revision where it has none).
  virtual void PutAtCommit(TableId table, std::string key,
                           std::function<std::string(int64_t end_revision)> data,
                           std::vector<Value> columns = {}) = 0;

  // Deletes a row; it need not exist.
  virtual void Delete(TableId table, std::string key) = 0;

  // Appends to the change log; the store sets revisions and time.
  virtual void Log(Change change) = 0;

  // The changes that were logged so far.
  virtual absl::Span<const Change> changes() const = 0;

  // Commits nothing; the body's OK is still an OK (`validate_only`).
  virtual void Discard() = 0;

  // Calls back, on a thread of the store, once this is committed; not where it
  // is not. A hint to this process, which a crash loses.
  virtual void AfterCommit(std::function<void()> callback) = 0;
};

struct Committed {
  // Revision of the transaction's last change; the newest revision that it saw
  // where it logged none.
  int64_t revision = 0;
};

using WriteBody = std::function<absl::Status(Transaction& tx)>;
using WriteDone = absl::AnyInvocable<void(absl::StatusOr<Committed> result)>;
using ReadBody = absl::FunctionRef<absl::Status(Reader& reader)>;

class Store {
 public:
  virtual ~Store() = default;

  // Runs a transaction. `done` is called once, on a thread of the store, after
  // the commit is durable or with why there was none: the body's own error,
  // UNAVAILABLE where the database is away, RESOURCE_EXHAUSTED where too many
  // wait or the disk is full. An error says that nothing was changed; only
  // UNAVAILABLE with reason COMMIT_UNKNOWN leaves that open (the connection
  // broke during COMMIT).
  virtual void Write(WriteBody body, WriteDone done) = 0;

  // Waits for a transaction. Not for threads that serve callbacks.
  absl::StatusOr<Committed> WriteAndWait(WriteBody body);

  // Reads a consistent state, on the caller's thread. The body may be run again,
  // where what it read first has changed before it read on.
  virtual absl::Status Read(ReadBody body) = 0;

  // A read by key is so quick that it may run on a thread that serves
  // callbacks.
  virtual bool reads_inline() const = 0;

  // The newest revision that this process knows to be committed.
  virtual int64_t revision() const = 0;

  // Calls back once the store has reached a revision (OK), or at the deadline
  // (DEADLINE_EXCEEDED). At once where it has been reached already.
  virtual void AwaitRevision(int64_t revision, absl::Time deadline,
                             absl::AnyInvocable<void(absl::Status)> done) = 0;

  // Oldest revision still in the log, and oldest that still has its images.
  struct Retained {
    int64_t oldest = 1;
    int64_t oldest_with_images = 1;
  };
  virtual absl::StatusOr<Retained> retained() = 0;

  // Deletes log entries older than `entries`, and the images of those older
  // than `images`. Done in small steps; returns how many entries it changed.
  virtual absl::StatusOr<int64_t> Expire(absl::Time entries, absl::Time images) = 0;

  // The index of a column is filled and may be used by scans.
  virtual bool IndexReady(TableId table, int column) const = 0;

  // OK where the database answers and can be written to, or did a second ago.
  virtual absl::Status Healthy() = 0;
};

// Settings of both engines.
struct StoreOptions {
  // Name of this process among those that share the database.
  std::string replica = {};
  // Transactions that may wait; one more is refused.
  int max_waiting = 8192;
  // Transactions that are committed together at the most.
  int max_group = 1024;
  // Readers at the same time.
  int readers = 8;
  std::function<absl::Time()> clock = absl::Now;
  // Takes a line on what went wrong, with names of files and database messages,
  // which errors never carry. Called from any thread; empty: stderr.
  std::function<void(std::string_view)> log = {};
};

}  // namespace caravan::store
