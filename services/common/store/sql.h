// All SQL text that both engines share. Placeholders are $1, $2, ... numbered in
// the order in which they come first, which both understand. Keys and text are
// bytes in the database (BLOB, BYTEA): they compare as the contract says and hold
// any character.
//
// Tables beside those of the rows:
//   store_meta      one row; see Meta
//   store_changes   the change log
//   store_layouts   every set of tables and columns that a replica ever had
//   store_indexes   which columns have indexes, and which of these are filled
//   store_commits   the last commit of every writer (PostgreSQL)
//   store_replicas  the processes that have the store open, with their layouts
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"
#include "services/common/store/store.h"

namespace caravan::store::sql {

using Dialect = Catalog::Dialect;

std::string Quoted(std::string_view identifier);
std::string IndexName(const Table& table, const Column& column);  // quoted

// Schema. The first two are PostgreSQL's: within a transaction, nobody else
// creates what is missing; and where its tables are.
std::string LockSchema();
std::string CreateSchema(std::string_view schema);
std::vector<std::string> CreateSystemTables(Dialect dialect);
std::string CreateTable(Dialect dialect, const TableInfo& table);
std::string AddColumn(Dialect dialect, const TableInfo& table, int column);
// Concurrently: without holding up writes; PostgreSQL only, outside a transaction.
std::string CreateIndex(const TableInfo& table, int column, bool concurrently);
std::string DropIndex(const Table& table, const Column& column);

// One row for the table, where it exists; one for each column that it has.
std::string FindTable(Dialect dialect, const Table& table);
std::string FindColumns(Dialect dialect, const Table& table);
// (layout, description) of all layouts; adds one.
std::string ReadLayouts();
std::string AddLayout();
// (column, type, ready) of the indexes of a table; of all (table, column, ready).
std::string ReadIndexes();
std::string ReadAllIndexes();
// Adds (table, column, type, ready); changes (ready, table, column); removes
// (table, column).
std::string AddIndex();
std::string SetIndexReady();
std::string RemoveIndex();
// (replica, layout, time at which it counts as dead) of all replicas; adds,
// changes (time, replica; counts rows) and removes one.
std::string ReadReplicas();
std::string AddReplica();
std::string RenewReplica();
std::string RemoveReplica();

// Rows: the statements of a table, made once.
TableSql MakeTableSql(Dialect dialect, const TableInfo& table);
// Updates a row (version, layout, data, the columns of which bits are set in
// `changed`, key).
std::string Update(const TableInfo& table, uint64_t changed);

// Fills the columns of a row (layout, all columns, key).
std::string Fill(const TableInfo& table);
// Keys behind a key, and the data of those whose row has none of these layouts
// (key, limit).
std::string RowsToFill(const TableInfo& table, absl::Span<const int64_t> layouts);

// Change log: all parameters of a Change but its flag, in its order; the second
// takes arrays of them.
std::string InsertChange();
std::string InsertChanges();
// Removes up to a number of entries, or their images (first revision, end, time).
std::string ExpireChanges();
std::string ExpireImages();

// Meta. The statements read all fields in their order; the last writes them.
std::string ReadMeta();
std::string LockMeta();
std::string WriteMeta();
// PostgreSQL: writes revision, version and time, and fails (kNotAtVersion)
// where the row has another version or layout epoch than the last two
// parameters.
std::string WriteMetaAt();
inline constexpr std::string_view kNotAtVersion = "22012";  // division by zero

// PostgreSQL: the last commit of every writer (writer, number, time), by which
// one whose connection broke finds out whether it took place.
std::string RecordCommit();
std::string ReadCommit();

// The statement of a scan, and its parameters, which refer to the spec and to
// the vectors here. Its result: key, version, data, the columns of the order.
struct ScanStatement {
  std::string sql;
  std::vector<Param> params;
  std::deque<std::vector<int64_t>> integers;
  std::deque<std::vector<std::string_view>> texts;
  bool empty = false;  // no row can match
};

// Rows of `spec` behind `after`, `limit` at the most (PostgreSQL: rounded up, so
// that there are few different statements). Where `layout_epoch` is not 0, there
// are none unless the database has just this one.
ScanStatement MakeScan(Dialect dialect, const TableInfo& table, const ScanSpec& spec,
                       const std::optional<ScanSpec::Position>& after, int64_t limit,
                       int64_t layout_epoch);

// Result: revision, end_revision, commit_time, resource, record, before, after.
ScanStatement MakeChangeScan(Dialect dialect, const ChangeScan& spec, int64_t limit);

}  // namespace caravan::store::sql
