#include "services/common/store/sqlite_connection.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "services/common/store/row_cache.h"
#include "services/common/store/sql.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// Scans with all their terms and orders have many texts; past this number the
// statements are prepared anew.
constexpr size_t kMaxStatements = 512;

class SqliteRow : public ResultRow {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  int64_t Integer(int column) const override { return sqlite3_column_int64(statement_, column); }
  std::string_view Bytes(int column) const override {
    const void* data = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return data == nullptr ? std::string_view()
                           : std::string_view(static_cast<const char*>(data), size);
  }

 private:
  sqlite3_stmt* statement_;
};

int BindBytes(sqlite3_stmt* statement, int index, std::string_view bytes) {
  // A null pointer would bind NULL.
  return sqlite3_bind_blob64(statement, index, bytes.empty() ? "" : bytes.data(), bytes.size(),
                             SQLITE_STATIC);
}

int Bind(sqlite3_stmt* statement, int index, const Param& param) {
  if (const int64_t* integer = std::get_if<int64_t>(&param)) {
    return sqlite3_bind_int64(statement, index, *integer);
  }
  return BindBytes(statement, index, std::get<std::string_view>(param));
}

Param ToParam(const Value& value) {
  if (const int64_t* integer = std::get_if<int64_t>(&value)) return *integer;
  return std::string_view(std::get<std::string>(value));
}

bool Same(const Value& value, const ResultRow& row, int column) {
  if (row.IsNull(column)) return false;
  if (const int64_t* integer = std::get_if<int64_t>(&value)) {
    return row.Integer(column) == *integer;
  }
  return row.Bytes(column) == std::get<std::string>(value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(
    const SqliteSettings& settings, const Catalog* catalog) {
  auto connection = std::unique_ptr<SqliteConnection>(new SqliteConnection(settings, catalog));
  // A reader, too, writes the index of the log that all connections share.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                    (settings.read_only ? 0 : SQLITE_OPEN_CREATE);
  if (sqlite3_open_v2(settings.path.c_str(), &connection->db_, flags,
                      settings.vfs.empty() ? nullptr : settings.vfs.c_str()) != SQLITE_OK) {
    return connection->Error(absl::StrCat("open ", settings.path));
  }
  sqlite3_extended_result_codes(connection->db_, 1);
  sqlite3_busy_timeout(connection->db_,
                       static_cast<int>(absl::ToInt64Milliseconds(settings.patience)));
  std::vector<std::string> pragmas = {
      "PRAGMA journal_mode = WAL",
      // The log is synced with every commit.
      "PRAGMA synchronous = FULL",
      "PRAGMA wal_autocheckpoint = 0",
      absl::StrCat("PRAGMA journal_size_limit = ", settings.kept_wal_bytes),
      "PRAGMA trusted_schema = OFF",
      "PRAGMA temp_store = MEMORY",
      absl::StrCat("PRAGMA cache_size = -", settings.cache_bytes / 1024),
      absl::StrCat("PRAGMA mmap_size = ", settings.mapped_bytes),
  };
  if (settings.read_only) pragmas.push_back("PRAGMA query_only = ON");
  for (const std::string& pragma : pragmas) {
    if (sqlite3_exec(connection->db_, pragma.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
      return connection->Error(pragma);
    }
  }
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

absl::Status SqliteConnection::Error(std::string_view doing) {
  const int code = db_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db_);
  if (log_) {
    log_(absl::StrCat("sqlite: ", doing, ": ", db_ == nullptr ? "no memory" : sqlite3_errmsg(db_),
                      " (", code, ")"));
  }
  switch (code & 0xff) {
    case SQLITE_FULL:
      return FullError();
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
      return UnavailableError();
    default:
      return StatementError();
  }
}

absl::StatusOr<sqlite3_stmt*> SqliteConnection::Prepare(const std::string& sql) {
  // A visitor may run the statement that visits it: that takes a copy, kept
  // under the text with a space behind it.
  auto it = statements_.find(sql);
  if (it != statements_.end() && !sqlite3_stmt_busy(it->second)) return it->second;
  std::string name = sql;
  while (it != statements_.end()) {
    if (!sqlite3_stmt_busy(it->second)) return it->second;
    name += ' ';
    it = statements_.find(name);
  }
  if (statements_.size() >= kMaxStatements) {
    absl::erase_if(statements_, [](auto& entry) {
      if (sqlite3_stmt_busy(entry.second)) return false;
      sqlite3_finalize(entry.second);
      return true;
    });
  }
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK) {
    return Error(sql);
  }
  statements_.emplace(std::move(name), statement);
  return statement;
}

absl::Status SqliteConnection::Query(const std::string& sql, absl::Span<const Param> params,
                                     absl::FunctionRef<bool(const ResultRow& row)> visit) {
  absl::StatusOr<sqlite3_stmt*> statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  absl::Cleanup reset = [&] { sqlite3_reset(*statement); };
  for (size_t i = 0; i < params.size(); ++i) {
    if (Bind(*statement, static_cast<int>(i) + 1, params[i]) != SQLITE_OK) return Error(sql);
  }
  const SqliteRow row(*statement);
  while (true) {
    const int code = sqlite3_step(*statement);
    if (code == SQLITE_DONE) return absl::OkStatus();
    if (code != SQLITE_ROW) return Error(sql);
    if (!visit(row)) return absl::OkStatus();
  }
}

absl::StatusOr<int64_t> SqliteConnection::Execute(const std::string& sql,
                                                  absl::Span<const Param> params) {
  absl::Status status = Query(sql, params, [](const ResultRow&) { return true; });
  if (!status.ok()) return status;
  return sqlite3_changes64(db_);
}

absl::Status SqliteConnection::GetRows(absl::Span<const RowKey> keys,
                                       std::vector<std::optional<Row>>* rows) {
  for (const RowKey& key : keys) {
    std::optional<Row>& found = rows->emplace_back();
    absl::Status status = Query(catalog_->table(key.table).sql.get, {std::string_view(key.key)},
                                [&](const ResultRow& row) {
                                  found = Row{key.key, row.Integer(0), std::string(row.Bytes(1))};
                                  return false;
                                });
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SqliteConnection::BeginSnapshot() { return Execute("BEGIN", {}).status(); }

void SqliteConnection::EndSnapshot() { Execute("COMMIT", {}).IgnoreError(); }

absl::StatusOr<Meta> SqliteConnection::Begin(absl::Span<const RowKey> rows,
                                             std::vector<int64_t>* versions) {
  // Nobody adds to the log meanwhile; and this kind of checkpoint waits for no
  // reader: where one is in the way, the log goes on, until the next time.
  if (start_log_over_ != nullptr && start_log_over_->exchange(false)) {
    Checkpoint(SQLITE_CHECKPOINT_PASSIVE).IgnoreError();
  }
  absl::Status status = Execute("BEGIN IMMEDIATE", {}).status();
  Meta meta;
  if (status.ok()) {
    status = Query(sql::ReadMeta(), {}, [&](const ResultRow& row) {
      meta = {row.Integer(0), row.Integer(1), row.Integer(2),
              row.Integer(3), row.Integer(4), row.Integer(5)};
      return false;
    });
  }
  for (const RowKey& key : rows) {
    if (!status.ok()) break;
    versions->push_back(0);
    status = Query(catalog_->table(key.table).sql.get, {Param(std::string_view(key.key))},
                   [&](const ResultRow& row) {
                     versions->back() = row.Integer(0);
                     return false;
                   });
  }
  if (!status.ok()) return status;
  return meta;
}

absl::Status SqliteConnection::ApplyRow(const RowWrite& row) {
  const TableInfo& table = catalog_->table(row.table);
  const std::string_view key = row.key;
  if (row.version == 0) return Execute(table.sql.remove, {Param(key)}).status();
  // Writing a column, even with the value that it has, writes a page of its
  // index; so only those are written that change.
  bool exists = false;
  uint64_t changed = 0;
  if (row.before != RowWrite::Before::kAbsent) {
    absl::Status status = Query(table.sql.columns, {Param(key)}, [&](const ResultRow& old) {
      exists = true;
      for (size_t i = 0; i < row.columns.size(); ++i) {
        if (!Same(row.columns[i], old, static_cast<int>(i) + 1)) changed |= uint64_t{1} << i;
      }
      return false;
    });
    if (!status.ok()) return status;
  }
  std::vector<Param> params;
  if (!exists) params.push_back(key);
  params.insert(params.end(), {row.version, catalog_->layout(), std::string_view(row.data)});
  for (size_t i = 0; i < row.columns.size(); ++i) {
    if (!exists || (changed & (uint64_t{1} << i))) params.push_back(ToParam(row.columns[i]));
  }
  if (!exists) return Execute(table.sql.insert, params).status();
  params.push_back(key);
  std::string& update = updates_[{row.table, changed}];
  if (update.empty()) update = sql::Update(table, changed);
  return Execute(update, params).status();
}

absl::Status SqliteConnection::Apply(absl::Span<const RowWrite* const> rows,
                                     absl::Span<const Change> changes) {
  for (const RowWrite* row : rows) {
    if (cache_ != nullptr) written_.push_back({row->table, row->key});
    if (absl::Status status = ApplyRow(*row); !status.ok()) return status;
  }
  const std::string insert = sql::InsertChange();
  for (const Change& change : changes) {
    const Param params[] = {change.revision,
                            change.transaction_end_revision,
                            absl::ToUnixMicros(change.commit_time),
                            std::string_view(change.resource),
                            std::string_view(change.record),
                            std::string_view(change.before),
                            std::string_view(change.after)};
    if (absl::Status status = Execute(insert, params).status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SqliteConnection::Fill(TableId table, absl::Span<const RowWrite> rows) {
  const std::string fill = sql::Fill(catalog_->table(table));
  for (const RowWrite& row : rows) {
    std::vector<Param> params = {catalog_->layout()};
    for (const Value& value : row.columns) params.push_back(ToParam(value));
    params.push_back(std::string_view(row.key));
    if (absl::Status status = Execute(fill, params).status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SqliteConnection::Commit(const Meta& meta) {
  absl::Status status =
      Execute(sql::WriteMeta(), {meta.revision, meta.version, meta.commit_time, meta.oldest,
                                 meta.oldest_with_images, meta.layout_epoch})
          .status();
  if (!status.ok()) return status;
  if (!written_.empty()) cache_->BeginCommit(written_);
  status = Execute("COMMIT", {}).status();
  if (!written_.empty()) cache_->EndCommit();
  written_.clear();
  // Where syncing failed, the log may hold the commit or not.
  if (IsDatabaseAway(status)) return CommitUnknownError();
  return status;
}

void SqliteConnection::Rollback() {
  written_.clear();
  // Some errors have rolled back by themselves.
  if (sqlite3_get_autocommit(db_) == 0) Execute("ROLLBACK", {}).IgnoreError();
}

absl::StatusOr<int64_t> SqliteConnection::Checkpoint(int mode) {
  int frames = 0, done = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &frames, &done);
  // Readers or a commit are in the way: it goes on next time.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) return Error("checkpoint");
  constexpr int64_t kFrameBytes = 4096 + 24;
  return std::max(frames, 0) * kFrameBytes;
}

}  // namespace caravan::store
