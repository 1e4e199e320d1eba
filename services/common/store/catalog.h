// The tables of a store, checked, with the names they have in the database and
// which of their indexes may be used.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/common/store/store.h"

namespace caravan::store {

// What the statements of a table are called by; see sql.h.
struct TableSql {
  std::string get;
  std::string get_many;
  std::string versions;
  std::string columns;
  std::string insert;
  std::string remove;
  std::string upsert_many;
  std::string insert_many;
  std::string update_many;
  std::string remove_many;
  std::string fill_many;
};

struct TableInfo {
  Table table;
  std::string name = {};                       // quoted
  std::vector<std::string> column_names = {};  // quoted
  TableSql sql = {};
};

// Whether indexes are ready is read and changed by any thread; all else is
// fixed.
class Catalog {
 public:
  enum class Dialect { kSqlite, kPostgres };

  // INVALID_ARGUMENT where a name is no identifier, is too long, is reserved
  // (`store_...`) or comes twice.
  static absl::StatusOr<std::unique_ptr<Catalog>> Create(Dialect dialect,
                                                         std::vector<Table> tables);

  Dialect dialect() const { return dialect_; }

  // Of the given tables, and kLeases.
  bool has(TableId id) const { return id >= -1 && id < end(); }
  const TableInfo& table(TableId id) const { return tables_[id + 1]; }
  TableId begin() const { return -1; }
  TableId end() const { return static_cast<TableId>(tables_.size()) - 1; }

  bool ready(TableId id, int column) const { return ready_[id + 1][column]; }
  void set_ready(TableId id, int column, bool ready) { ready_[id + 1][column] = ready; }

  // Position of the layout in the database, with which rows are written, and the
  // number of changes of layouts and readiness that this catalog knows.
  int64_t layout() const { return layout_; }
  void set_layout(int64_t layout) { layout_ = layout; }
  int64_t layout_epoch() const { return layout_epoch_; }
  void set_layout_epoch(int64_t epoch) { layout_epoch_ = epoch; }

  // The tables and columns as text, the same for the same set: what a replica
  // knows of.
  const std::string& description() const { return description_; }
  // Whether a description has a column.
  static bool Describes(std::string_view description, const Table& table, const Column& column);

  // OK, or why such a row can't be written: INVALID_ARGUMENT where the key or a
  // text is too long for an index, INTERNAL where the columns are not those of
  // the table.
  absl::Status CheckRow(TableId id, std::string_view key, absl::Span<const Value> columns) const;

 private:
  Dialect dialect_;
  std::vector<TableInfo> tables_;
  std::vector<std::unique_ptr<std::atomic<bool>[]>> ready_;
  std::atomic<int64_t> layout_ = 0;
  std::atomic<int64_t> layout_epoch_ = 0;
  std::string description_;
};

// Most bytes of a key, and of text in a column: PostgreSQL's indexes hold no
// more together.
inline constexpr size_t kMaxKeyBytes = 1000;
inline constexpr size_t kMaxTextBytes = 1500;

}  // namespace caravan::store
