// Connections to an SQLite file.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"

namespace caravan::store {

struct SqliteSettings {
  std::string path;
  std::string vfs = {};
  int64_t cache_bytes = 0;
  int64_t mapped_bytes = 0;
  bool read_only = false;
  RowCache* cache = nullptr;  // told of commits
  // To how many bytes the write-ahead log is cut when it is started over; -1: it is
  // not.
  int64_t kept_wal_bytes = -1;
  // Where it says so, the next transaction of the writer first copies what is
  // left of the log into the file, so that it starts the log over.
  std::atomic<bool>* start_log_over = nullptr;
  // How long a statement waits for who holds a lock.
  absl::Duration patience = absl::Seconds(10);
  std::function<void(std::string_view)> log = {};
};

class SqliteConnection : public WriterConnection {
 public:
  // The catalog is needed for Apply only.
  static absl::StatusOr<std::unique_ptr<SqliteConnection>> Open(const SqliteSettings& settings,
                                                                const Catalog* catalog);
  ~SqliteConnection() override;

  absl::Status BeginSnapshot() override;
  void EndSnapshot() override;
  absl::Status Query(const std::string& sql, absl::Span<const Param> params,
                     absl::FunctionRef<bool(const ResultRow& row)> visit) override;
  absl::StatusOr<int64_t> Execute(const std::string& sql, absl::Span<const Param> params) override;
  absl::Status GetRows(absl::Span<const RowKey> keys,
                       std::vector<std::optional<Row>>* rows) override;
  bool usable() const override { return true; }

  absl::StatusOr<Meta> Begin(absl::Span<const RowKey> rows,
                             std::vector<int64_t>* versions) override;
  absl::Status Apply(absl::Span<const RowWrite* const> rows,
                     absl::Span<const Change> changes) override;
  absl::Status Fill(TableId table, absl::Span<const RowWrite> rows) override;
  absl::Status Commit(const Meta& meta) override;
  void Rollback() override;

  // Copies the write-ahead log into the file; `mode` is an SQLITE_CHECKPOINT_
  // constant. Returns how many bytes the log has.
  absl::StatusOr<int64_t> Checkpoint(int mode);

 private:
  SqliteConnection(const SqliteSettings& settings, const Catalog* catalog)
      : log_(settings.log),
        catalog_(catalog),
        cache_(settings.cache),
        start_log_over_(settings.start_log_over) {}

  absl::StatusOr<sqlite3_stmt*> Prepare(const std::string& sql);
  absl::Status ApplyRow(const RowWrite& row);
  absl::Status Error(std::string_view doing);

  const std::function<void(std::string_view)> log_;
  const Catalog* const catalog_;
  RowCache* const cache_;
  std::atomic<bool>* const start_log_over_;
  std::vector<RowKey> written_;  // by the transaction, where there is a cache
  sqlite3* db_ = nullptr;
  absl::flat_hash_map<std::string, sqlite3_stmt*> statements_;
  // Texts of sql::Update by table and columns.
  absl::flat_hash_map<std::pair<TableId, uint64_t>, std::string> updates_;
};

}  // namespace caravan::store
