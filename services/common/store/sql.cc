#include "services/common/store/sql.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace caravan::store::sql {
namespace {

constexpr std::string_view kMetaFields =
    "revision, version, commit_time, oldest, oldest_with_images, layout_epoch";

std::string_view TypeName(Dialect dialect, Column::Type type) {
  if (dialect == Dialect::kSqlite) return type == Column::Type::kText ? "BLOB" : "INTEGER";
  return type == Column::Type::kText ? "BYTEA" : "BIGINT";
}

// $first, $first+1, ...: n of them.
std::string Placeholders(int first, int n) {
  std::vector<std::string> all;
  for (int i = 0; i < n; ++i) all.push_back(absl::StrCat("$", first + i));
  return absl::StrJoin(all, ", ");
}

std::string Columns(const TableInfo& table) {
  std::string text;
  for (const std::string& name : table.column_names) absl::StrAppend(&text, ", ", name);
  return text;
}

}  // namespace

std::string Quoted(std::string_view identifier) { return absl::StrCat("\"", identifier, "\""); }

std::string IndexName(const Table& table, const Column& column) {
  std::string name = absl::StrCat(table.name, "__", column.name);
  // PostgreSQL cuts names at 63 bytes; FNV-1a keeps the long ones apart.
  if (name.size() > 63) {
    uint64_t hash = 14695981039346656037u;
    for (unsigned char c : name) hash = (hash ^ c) * 1099511628211u;
    name = absl::StrCat(name.substr(0, 46), "_", absl::Hex(hash, absl::kZeroPad16));
  }
  return Quoted(name);
}

std::string LockSchema() { return "SELECT pg_advisory_xact_lock(4857194027)"; }

std::string CreateSchema(std::string_view schema) {
  return absl::StrCat("CREATE SCHEMA IF NOT EXISTS ", Quoted(schema));
}

std::vector<std::string> CreateSystemTables(Dialect dialect) {
  const std::string_view integer = TypeName(dialect, Column::Type::kInteger);
  const std::string_view bytes = TypeName(dialect, Column::Type::kText);
  std::vector<std::string> all = {
      absl::StrCat("CREATE TABLE IF NOT EXISTS store_meta (id INTEGER PRIMARY KEY, revision ",
                   integer, " NOT NULL, version ", integer, " NOT NULL, commit_time ", integer,
                   " NOT NULL, oldest ", integer, " NOT NULL, oldest_with_images ", integer,
                   " NOT NULL, layout_epoch ", integer, " NOT NULL)"),
      absl::StrCat("INSERT INTO store_meta (id, ", kMetaFields,
                   ") VALUES (1, 0, 0, 0, 1, 1, 1) ON CONFLICT DO NOTHING"),
      absl::StrCat("CREATE TABLE IF NOT EXISTS store_changes (revision ", integer,
                   " PRIMARY KEY, end_revision ", integer, " NOT NULL, commit_time ", integer,
                   " NOT NULL, resource ", bytes, " NOT NULL, record ", bytes,
                   " NOT NULL, \"before\" ", bytes, ", \"after\" ", bytes, ")"),
      "CREATE INDEX IF NOT EXISTS store_changes__resource ON store_changes (resource, revision)",
      absl::StrCat("CREATE TABLE IF NOT EXISTS store_layouts (layout ", integer,
                   " PRIMARY KEY, description ", bytes, " NOT NULL)"),
      absl::StrCat("CREATE TABLE IF NOT EXISTS store_indexes (table_name ", bytes,
                   " NOT NULL, column_name ", bytes, " NOT NULL, type ", integer,
                   " NOT NULL, ready ", integer,
                   " NOT NULL, PRIMARY KEY (table_name, column_name))"),
      absl::StrCat("CREATE TABLE IF NOT EXISTS store_replicas (replica ", bytes,
                   " NOT NULL PRIMARY KEY, layout ", integer, " NOT NULL, expires ", integer,
                   " NOT NULL)"),
  };
  if (dialect == Dialect::kPostgres) {
    all.push_back(
        "CREATE TABLE IF NOT EXISTS store_commits (writer BYTEA PRIMARY KEY, number BIGINT NOT "
        "NULL, commit_time BIGINT NOT NULL) WITH (fillfactor = 50)");
    // Of writers that are long gone: a day before the newest commit.
    all.push_back(
        "DELETE FROM store_commits WHERE commit_time < (SELECT commit_time - 86400000000 FROM "
        "store_meta)");
  }
  return all;
}

std::string CreateTable(Dialect dialect, const TableInfo& table) {
  const std::string_view integer = TypeName(dialect, Column::Type::kInteger);
  const std::string_view bytes = TypeName(dialect, Column::Type::kText);
  std::string text =
      absl::StrCat("CREATE TABLE ", table.name, " (key ", bytes, " NOT NULL PRIMARY KEY, version ",
                   integer, " NOT NULL, layout ", integer, " NOT NULL, data ", bytes, " NOT NULL");
  for (size_t i = 0; i < table.column_names.size(); ++i) {
    absl::StrAppend(&text, ", ", table.column_names[i], " ",
                    TypeName(dialect, table.table.columns[i].type));
  }
  // PostgreSQL updates a row in its page, and leaves the indexes alone, where
  // the page has room.
  return absl::StrCat(text,
                      dialect == Dialect::kSqlite ? ") WITHOUT ROWID" : ") WITH (fillfactor = 85)");
}

std::string AddColumn(Dialect dialect, const TableInfo& table, int column) {
  return absl::StrCat("ALTER TABLE ", table.name, " ADD COLUMN ", table.column_names[column], " ",
                      TypeName(dialect, table.table.columns[column].type));
}

std::string CreateIndex(const TableInfo& table, int column, bool concurrently) {
  return absl::StrCat("CREATE INDEX ", concurrently ? "CONCURRENTLY " : "", "IF NOT EXISTS ",
                      IndexName(table.table, table.table.columns[column]), " ON ", table.name, " (",
                      table.column_names[column], ", key)");
}

std::string DropIndex(const Table& table, const Column& column) {
  return absl::StrCat("DROP INDEX IF EXISTS ", IndexName(table, column));
}

std::string FindTable(Dialect dialect, const Table& table) {
  if (dialect == Dialect::kSqlite) {
    return absl::StrCat("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '", table.name,
                        "'");
  }
  return absl::StrCat(
      "SELECT 1::bigint FROM pg_tables WHERE schemaname = current_schema() AND tablename = '",
      table.name, "'");
}

std::string FindColumns(Dialect dialect, const Table& table) {
  if (dialect == Dialect::kSqlite) {
    return absl::StrCat("SELECT name FROM pragma_table_info('", table.name, "')");
  }
  return absl::StrCat(
      "SELECT column_name::text FROM information_schema.columns WHERE table_schema = "
      "current_schema() AND table_name = '",
      table.name, "'");
}

std::string ReadLayouts() { return "SELECT layout, description FROM store_layouts"; }

std::string AddLayout() { return "INSERT INTO store_layouts VALUES ($1, $2)"; }

std::string ReadIndexes() {
  return "SELECT column_name, type, ready FROM store_indexes WHERE table_name = $1";
}

std::string ReadAllIndexes() { return "SELECT table_name, column_name, ready FROM store_indexes"; }

std::string AddIndex() { return "INSERT INTO store_indexes VALUES ($1, $2, $3, $4)"; }

std::string SetIndexReady() {
  return "UPDATE store_indexes SET ready = $1 WHERE table_name = $2 AND column_name = $3";
}

std::string RemoveIndex() {
  return "DELETE FROM store_indexes WHERE table_name = $1 AND column_name = $2";
}

std::string ReadReplicas() { return "SELECT replica, layout, expires FROM store_replicas"; }

std::string AddReplica() { return "INSERT INTO store_replicas VALUES ($1, $2, $3)"; }

std::string RenewReplica() { return "UPDATE store_replicas SET expires = $1 WHERE replica = $2"; }

std::string RemoveReplica() { return "DELETE FROM store_replicas WHERE replica = $1"; }

TableSql MakeTableSql(Dialect dialect, const TableInfo& table) {
  TableSql sql;
  const std::string columns = Columns(table);
  const int n = static_cast<int>(table.column_names.size());
  if (dialect == Dialect::kSqlite) {
    sql.get = absl::StrCat("SELECT version, data FROM ", table.name, " WHERE key = $1");
    sql.columns = absl::StrCat("SELECT layout", columns, " FROM ", table.name, " WHERE key = $1");
    sql.insert = absl::StrCat("INSERT INTO ", table.name, " (key, version, layout, data", columns,
                              ") VALUES (", Placeholders(1, 4 + n), ")");
    sql.remove = absl::StrCat("DELETE FROM ", table.name, " WHERE key = $1");
    return sql;
  }
  // The order says that the index is to be that of the key. While a table is
  // empty, all look alike to the planner, and a plan may stay in use for long.
  sql.get = absl::StrCat("SELECT version, data FROM ", table.name,
                         " WHERE key = ANY(ARRAY[$1]) ORDER BY key");
  sql.get_many = absl::StrCat("SELECT key, version, data FROM ", table.name,
                              " WHERE key = ANY($1) ORDER BY key");
  sql.versions =
      absl::StrCat("SELECT key, version FROM ", table.name, " WHERE key = ANY($1) ORDER BY key");
  sql.remove_many = absl::StrCat("DELETE FROM ", table.name, " WHERE key = ANY($1)");
  std::string arrays = "$1::bytea[], $2::bigint[], $4::bytea[]";
  std::string updates = "version = u.version, layout = $3, data = u.data";
  std::string aliases = "key, version, data";
  std::string sets = "version = EXCLUDED.version, layout = EXCLUDED.layout, data = EXCLUDED.data";
  std::string fills = "layout = $2";
  std::string fill_arrays = "$1::bytea[]";
  for (int i = 0; i < n; ++i) {
    const std::string& name = table.column_names[i];
    const std::string_view type = TypeName(dialect, table.table.columns[i].type);
    absl::StrAppend(&arrays, ", $", 5 + i, "::", type, "[]");
    absl::StrAppend(&fill_arrays, ", $", 3 + i, "::", type, "[]");
    absl::StrAppend(&aliases, ", ", name);
    absl::StrAppend(&sets, ", ", name, " = EXCLUDED.", name);
    absl::StrAppend(&fills, ", ", name, " = u.", name);
    absl::StrAppend(&updates, ", ", name, " = u.", name);
  }
  sql.insert_many = absl::StrCat(
      "INSERT INTO ", table.name, " (key, version, layout, data", columns,
      ") SELECT u.key, u.version, $3::bigint, u.data", n == 0 ? "" : ", ",
      absl::StrJoin(
          table.column_names, ", ",
          [](std::string* out, const std::string& name) { absl::StrAppend(out, "u.", name); }),
      " FROM unnest(", arrays, ") AS u (", aliases, ")");
  sql.upsert_many = absl::StrCat(sql.insert_many, " ON CONFLICT (key) DO UPDATE SET ", sets);
  sql.update_many = absl::StrCat("UPDATE ", table.name, " AS t SET ", updates, " FROM unnest(",
                                 arrays, ") AS u (", aliases, ") WHERE t.key = u.key");
  sql.fill_many = absl::StrCat("UPDATE ", table.name, " AS t SET ", fills, " FROM unnest(",
                               fill_arrays, ") AS u (key", columns, ") WHERE t.key = u.key");
  return sql;
}

std::string Update(const TableInfo& table, uint64_t changed) {
  std::string text =
      absl::StrCat("UPDATE ", table.name, " SET version = $1, layout = $2, data = $3");
  int next = 4;
  for (size_t i = 0; i < table.column_names.size(); ++i) {
    if (changed & (uint64_t{1} << i)) {
      absl::StrAppend(&text, ", ", table.column_names[i], " = $", next++);
    }
  }
  return absl::StrCat(text, " WHERE key = $", next);
}

std::string Fill(const TableInfo& table) {
  std::string text = absl::StrCat("UPDATE ", table.name, " SET layout = $1");
  int next = 2;
  for (const std::string& name : table.column_names) {
    absl::StrAppend(&text, ", ", name, " = $", next++);
  }
  return absl::StrCat(text, " WHERE key = $", next);
}

std::string RowsToFill(const TableInfo& table, absl::Span<const int64_t> layouts) {
  return absl::StrCat("SELECT key, CASE WHEN layout IN (", absl::StrJoin(layouts, ", "),
                      ") THEN NULL ELSE data END FROM ", table.name,
                      " WHERE key > $1 ORDER BY key LIMIT $2");
}

std::string InsertChange() {
  return absl::StrCat("INSERT INTO store_changes VALUES (", Placeholders(1, 7), ")");
}

std::string InsertChanges() {
  return "INSERT INTO store_changes SELECT * FROM unnest($1::bigint[], $2::bigint[], "
         "$3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])";
}

std::string ExpireChanges() {
  return "DELETE FROM store_changes WHERE revision >= $1 AND revision < $2 AND commit_time < $3";
}

std::string ExpireImages() {
  return "UPDATE store_changes SET \"before\" = NULL, \"after\" = NULL WHERE revision >= $1 AND "
         "revision < $2 AND commit_time < $3";
}

std::string ReadMeta() { return absl::StrCat("SELECT ", kMetaFields, " FROM store_meta"); }

std::string RecordCommit() {
  return "INSERT INTO store_commits VALUES ($1, $2, $3) ON CONFLICT (writer) DO UPDATE SET number "
         "= EXCLUDED.number, commit_time = EXCLUDED.commit_time";
}

std::string ReadCommit() { return "SELECT number FROM store_commits WHERE writer = $1"; }

std::string LockMeta() { return absl::StrCat(ReadMeta(), " FOR UPDATE"); }

std::string WriteMeta() {
  return "UPDATE store_meta SET revision = $1, version = $2, commit_time = $3, oldest = $4, "
         "oldest_with_images = $5, layout_epoch = $6";
}

std::string WriteMetaAt() {
  return "WITH written AS (UPDATE store_meta SET revision = $1, version = $2, commit_time = $3 "
         "WHERE version = $4 AND layout_epoch = $5 RETURNING 1) SELECT 1 / count(*) FROM written";
}

}  // namespace caravan::store::sql
