#include "services/common/store/sql_reader.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/common/store/sql.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

constexpr int64_t kFirstChunk = 64;
constexpr int64_t kLargestChunk = 1024;
// Most values of one kIn that a statement takes on both engines.
constexpr size_t kMaxValues = 10000;

bool HasType(const Value& value, Column::Type type) {
  return std::holds_alternative<std::string>(value) == (type == Column::Type::kText);
}

absl::Time FromMicros(int64_t micros) { return absl::FromUnixMicros(micros); }

}  // namespace

SqlReader::~SqlReader() {
  if (owns_snapshot_ && begun_) connection_->EndSnapshot();
}

absl::Status SqlReader::Begin() {
  if (begun_) return absl::OkStatus();
  absl::Status status = connection_->BeginSnapshot();
  begun_ = status.ok();
  return status;
}

absl::StatusOr<std::optional<Row>> SqlReader::Get(TableId table, std::string_view key) {
  if (!catalog_->has(table)) return MisuseError(absl::StrCat("there is no table ", table));
  if (absl::Status status = Begin(); !status.ok()) return status;
  std::optional<Row> row;
  absl::Status status = connection_->Query(
      catalog_->table(table).sql.get, {Param(key)}, [&](const ResultRow& result) {
        row = Row{std::string(key), result.Integer(0), std::string(result.Bytes(1))};
        return false;
      });
  if (!status.ok()) return status;
  return row;
}

absl::StatusOr<std::vector<std::optional<Row>>> SqlReader::GetMany(
    TableId table, absl::Span<const std::string> keys) {
  if (!catalog_->has(table)) return MisuseError(absl::StrCat("there is no table ", table));
  if (absl::Status status = Begin(); !status.ok()) return status;
  std::vector<RowKey> wanted;
  wanted.reserve(keys.size());
  for (const std::string& key : keys) wanted.push_back({table, key});
  std::vector<std::optional<Row>> rows;
  if (absl::Status status = connection_->GetRows(wanted, &rows); !status.ok()) return status;
  return rows;
}

absl::Status SqlReader::CheckScan(const ScanSpec& spec) const {
  if (!catalog_->has(spec.table)) {
    return MisuseError(absl::StrCat("there is no table ", spec.table));
  }
  const Table& table = catalog_->table(spec.table).table;
  const int columns = static_cast<int>(table.columns.size());
  auto check_column = [&](int column) -> absl::Status {
    if (column < 0 || column >= columns) {
      return MisuseError(absl::StrCat(table.name, " has no column ", column));
    }
    if (!catalog_->ready(spec.table, column)) {
      return IndexNotReadyError(table.name, table.columns[column].name);
    }
    return absl::OkStatus();
  };
  for (const Term& term : spec.terms) {
    if (absl::Status status = check_column(term.column); !status.ok()) return status;
    const Column& column = table.columns[term.column];
    if (term.op != Term::Op::kIn && term.values.size() != 1) {
      return MisuseError(absl::StrCat("a comparison with ", column.name, " needs one value"));
    }
    if (term.values.size() > kMaxValues) {
      return MisuseError(absl::StrCat("a scan takes ", kMaxValues, " values at the most"));
    }
    for (const Value& value : term.values) {
      if (!HasType(value, column.type)) {
        return MisuseError(absl::StrCat("column ", column.name, " is of another type"));
      }
    }
  }
  for (const Order& order : spec.order) {
    if (absl::Status status = check_column(order.column); !status.ok()) return status;
  }
  if (spec.after.has_value()) {
    if (spec.after->values.size() != spec.order.size()) {
      return MisuseError("a position has one value for each column of the order");
    }
    for (size_t i = 0; i < spec.order.size(); ++i) {
      const Column& column = table.columns[spec.order[i].column];
      if (!HasType(spec.after->values[i], column.type)) {
        return MisuseError(absl::StrCat("column ", column.name, " is of another type"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SqlReader::CheckLayout(const ScanSpec& spec) {
  int64_t epoch = 0;
  absl::Status status = connection_->Query(sql::ReadMeta(), {}, [&](const ResultRow& row) {
    epoch = row.Integer(5);
    return false;
  });
  if (!status.ok()) return status;
  const Table& table = catalog_->table(spec.table).table;
  absl::flat_hash_set<std::string> ready;
  status = connection_->Query(sql::ReadIndexes(), {std::string_view(table.name)},
                              [&](const ResultRow& row) {
                                if (row.Integer(2) != 0) ready.emplace(row.Bytes(0));
                                return true;
                              });
  if (!status.ok()) return status;
  std::vector<int> columns;
  for (const Term& term : spec.terms) columns.push_back(term.column);
  for (const Order& order : spec.order) columns.push_back(order.column);
  for (int column : columns) {
    const std::string& name = table.columns[column].name;
    if (!ready.contains(name)) return IndexNotReadyError(table.name, name);
  }
  return epoch;
}

int64_t SqlReader::NextChunk(int64_t fetched, int64_t limit) const {
  if (catalog_->dialect() == Catalog::Dialect::kSqlite) return limit - fetched;
  return std::min(limit - fetched, std::clamp(fetched, kFirstChunk, kLargestChunk));
}

absl::Status SqlReader::Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) {
  if (absl::Status status = Begin(); !status.ok()) return status;
  // Another replica may have joined that does not know a column: SQLite has none.
  const bool uses_columns = !spec.terms.empty() || !spec.order.empty();
  int64_t layout_epoch = catalog_->dialect() == Catalog::Dialect::kPostgres && uses_columns
                             ? catalog_->layout_epoch()
                             : 0;
  if (absl::Status status = CheckScan(spec); !status.ok()) return status;
  const TableInfo& table = catalog_->table(spec.table);
  std::optional<ScanSpec::Position> after = spec.after;
  int64_t visited = 0;
  while (visited < spec.limit) {
    const int64_t chunk = NextChunk(visited, spec.limit);
    const sql::ScanStatement statement =
        sql::MakeScan(catalog_->dialect(), table, spec, after, chunk, layout_epoch);
    if (statement.empty) return absl::OkStatus();
    int64_t rows = 0;
    bool more = true;
    ScanSpec::Position last;
    absl::Status status =
        connection_->Query(statement.sql, statement.params, [&](const ResultRow& result) {
          Row row{std::string(result.Bytes(0)), result.Integer(1), std::string(result.Bytes(2))};
          if (++rows == chunk) {
            last.key = row.key;
            for (size_t i = 0; i < spec.order.size(); ++i) {
              const bool text =
                  table.table.columns[spec.order[i].column].type == Column::Type::kText;
              const int column = 3 + static_cast<int>(i);
              last.values.push_back(text ? Value(std::string(result.Bytes(column)))
                                         : Value(result.Integer(column)));
            }
          }
          more = visit(row);
          return more && rows < chunk;
        });
    if (!status.ok()) return status;
    if (visited == 0 && rows == 0 && layout_epoch != 0) {
      absl::StatusOr<int64_t> epoch = CheckLayout(spec);
      if (!epoch.ok()) return epoch.status();
      if (*epoch == layout_epoch) return absl::OkStatus();
      layout_epoch = *epoch;
      continue;
    }
    visited += rows;
    if (!more || rows < chunk) return absl::OkStatus();
    after = std::move(last);
  }
  return absl::OkStatus();
}

absl::Status SqlReader::ScanChanges(const ChangeScan& spec,
                                    absl::FunctionRef<bool(Change& change)> visit) {
  if (absl::Status status = Begin(); !status.ok()) return status;
  ChangeScan next = spec;
  int64_t visited = 0;
  while (visited < spec.limit) {
    const int64_t chunk = NextChunk(visited, spec.limit);
    const sql::ScanStatement statement = sql::MakeChangeScan(catalog_->dialect(), next, chunk);
    int64_t rows = 0;
    bool more = true;
    absl::Status status =
        connection_->Query(statement.sql, statement.params, [&](const ResultRow& result) {
          Change change;
          change.revision = result.Integer(0);
          change.transaction_end_revision = result.Integer(1);
          change.commit_time = FromMicros(result.Integer(2));
          change.resource = result.Bytes(3);
          change.record = result.Bytes(4);
          change.images_expired = result.IsNull(5);
          if (!change.images_expired) {
            change.before = result.Bytes(5);
            change.after = result.Bytes(6);
          }
          (spec.descending ? next.end_revision : next.begin_revision) =
              change.revision + (spec.descending ? 0 : 1);
          ++rows;
          more = visit(change);
          return more && rows < chunk;
        });
    if (!status.ok()) return status;
    visited += rows;
    if (!more || rows < chunk) return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace caravan::store
