// What an engine offers to the code that both engines share: connections that
// run statements of sql.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/common/store/store.h"

namespace caravan::store {

// A parameter of a statement; the arrays are for PostgreSQL.
using Param = std::variant<int64_t, std::string_view, absl::Span<const int64_t>,
                           absl::Span<const std::string_view>>;

// A row of a result; valid until the visitor returns.
class ResultRow {
 public:
  virtual ~ResultRow() = default;
  virtual bool IsNull(int column) const = 0;
  virtual int64_t Integer(int column) const = 0;
  virtual std::string_view Bytes(int column) const = 0;
};

struct RowKey {
  TableId table = 0;
  std::string key;
};

// Of one thread at a time.
class Connection {
 public:
  virtual ~Connection() = default;

  // Begins to read one state of the database, and ends it.
  virtual absl::Status BeginSnapshot() = 0;
  virtual void EndSnapshot() = 0;

  // Runs a statement. Visits the rows of its result until the visitor returns
  // false; PostgreSQL has fetched all of them by then.
  virtual absl::Status Query(const std::string& sql, absl::Span<const Param> params,
                             absl::FunctionRef<bool(const ResultRow& row)> visit) = 0;

  // Runs a statement without a result; returns how many rows it changed.
  virtual absl::StatusOr<int64_t> Execute(const std::string& sql,
                                          absl::Span<const Param> params) = 0;

  // The rows of keys, in their order: one round trip. Tables must exist.
  virtual absl::Status GetRows(absl::Span<const RowKey> keys,
                               std::vector<std::optional<Row>>* rows) = 0;

  // The connection still works; where not, it is to be opened again.
  virtual bool usable() const = 0;
};

// The one row that orders all commits: whoever commits locks it first.
struct Meta {
  int64_t revision = 0;
  int64_t version = 0;
  int64_t commit_time = 0;  // microseconds since 1970
  int64_t oldest = 1;
  int64_t oldest_with_images = 1;
  int64_t layout_epoch = 0;
};

struct RowWrite {
  // Whether the database has the row, where that is known.
  enum class Before { kUnknown, kPresent, kAbsent };

  TableId table = 0;
  std::string key;
  int64_t version = 0;  // 0: the row is deleted
  std::string data = {};
  std::vector<Value> columns = {};
  Before before = Before::kUnknown;
};

// The connection that commits.
class WriterConnection : public Connection {
 public:
  // Begins a transaction beside which nobody else commits. Gives the versions of
  // rows, 0 for those that do not exist.
  virtual absl::StatusOr<Meta> Begin(absl::Span<const RowKey> rows,
                                     std::vector<int64_t>* versions) = 0;

  // Writes; no row comes twice. Statements that follow see it. An error may come
  // as late as from Commit.
  virtual absl::Status Apply(absl::Span<const RowWrite* const> rows,
                             absl::Span<const Change> changes) = 0;

  // All of a transaction in one round trip, where the database is still as
  // `before` says and has no rows that are said to be absent; returns false, and
  // has done nothing, where it is not. Errors are those of Commit.
  virtual absl::StatusOr<bool> CommitAt(const Meta& /*before*/, const Meta& /*after*/,
                                        absl::Span<const RowWrite* const> /*rows*/,
                                        absl::Span<const Change> /*changes*/) {
    return false;
  }

  // Writes only the columns of rows that exist.
  virtual absl::Status Fill(TableId table, absl::Span<const RowWrite> rows) = 0;

  // Ends the transaction, durably. After an error, call Rollback. Where it is not
  // known whether it has committed, the error's reason is COMMIT_UNKNOWN.
  virtual absl::Status Commit(const Meta& meta) = 0;
  virtual void Rollback() = 0;
};

class RowCache;

// A database that a store runs on.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual absl::StatusOr<std::unique_ptr<Connection>> Connect() = 0;
  // For GetRows only.
  virtual absl::StatusOr<std::unique_ptr<Connection>> ConnectForRows() { return Connect(); }
  virtual absl::StatusOr<std::unique_ptr<WriterConnection>> ConnectWriter() = 0;

  // Whether the last transaction of which Commit said COMMIT_UNKNOWN has
  // committed, asked on a new connection. COMMIT_UNKNOWN where that can't be
  // told.
  virtual absl::StatusOr<bool> HasCommitted(WriterConnection& writer) = 0;

  // Other processes write too. Then bodies run ahead on readers, at the same
  // time, because each of their reads is a round trip.
  virtual bool shared() const = 0;

  // Rows in memory; null where other processes write too.
  virtual RowCache* cache() { return nullptr; }
};

}  // namespace caravan::store
