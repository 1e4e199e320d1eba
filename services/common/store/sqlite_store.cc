#include "services/common/store/sqlite_store.h"

#include <stdio.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/common/api/errors.h"
#include "services/common/store/lock_file.h"
#include "services/common/store/row_cache.h"
#include "services/common/store/sql.h"
#include "services/common/store/sql_store.h"
#include "services/common/store/sqlite_connection.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

class SqliteEngine : public Engine {
 public:
  SqliteEngine(SqliteOptions options, const Catalog* catalog, LockFile lock)
      : options_(std::move(options)),
        catalog_(catalog),
        lock_(std::move(lock)),
        cache_(options_.row_cache_bytes) {}

  ~SqliteEngine() override {
    if (!checkpoints_.joinable()) return;
    {
      absl::MutexLock lock(&mutex_);
      closing_ = true;
    }
    checkpoints_.join();
  }

  // Creates what every store has, and starts the checkpoints.
  absl::Status Start() {
    SqliteSettings settings = Settings(options_.reader_cache_bytes, false);
    absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
        SqliteConnection::Open(settings, catalog_);
    if (!connection.ok()) return connection.status();
    absl::Status status = (*connection)->Execute("BEGIN IMMEDIATE", {}).status();
    for (const std::string& sql : sql::CreateSystemTables(Catalog::Dialect::kSqlite)) {
      if (status.ok()) status = (*connection)->Execute(sql, {}).status();
    }
    if (status.ok()) status = (*connection)->Execute("COMMIT", {}).status();
    if (!status.ok()) return status;
    checkpoints_ =
        std::thread([this, connection = *std::move(connection)] { CheckpointLoop(*connection); });
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<Connection>> Connect() override {
    return SqliteConnection::Open(Settings(options_.reader_cache_bytes, true), catalog_);
  }

  absl::StatusOr<std::unique_ptr<WriterConnection>> ConnectWriter() override {
    SqliteSettings settings = Settings(options_.writer_cache_bytes, false);
    settings.cache = &cache_;
    settings.kept_wal_bytes = options_.max_wal_bytes;
    settings.start_log_over = &start_log_over_;
    return SqliteConnection::Open(settings, catalog_);
  }

  absl::StatusOr<bool> HasCommitted(WriterConnection&) override { return CommitUnknownError(); }

  bool shared() const override { return false; }

  RowCache* cache() override { return &cache_; }

 private:
  SqliteSettings Settings(int64_t cache_bytes, bool read_only) const {
    return {.path = options_.path,
            // No other process may open the database, so its locks, two
            // system calls a read, can stay within this one.
            .vfs = options_.vfs.empty() ? "unix-excl" : options_.vfs,
            .cache_bytes = cache_bytes,
            .mapped_bytes = options_.vfs.empty() ? options_.mapped_bytes : 0,
            .read_only = read_only,
            .log = options_.log};
  }

  // Commits don't checkpoint: that would be their tail latency. Only where the log
  // is long does one copy the little that has come since, because the log can be
  // started over only where all of it was copied. It is then written over in
  // place, which is cheaper to sync than a file that grows.
  void CheckpointLoop(SqliteConnection& connection) {
    while (true) {
      {
        absl::MutexLock lock(&mutex_);
        if (mutex_.AwaitWithTimeout(absl::Condition(&closing_), options_.checkpoint_interval)) {
          return;
        }
      }
      absl::StatusOr<int64_t> bytes = connection.Checkpoint(SQLITE_CHECKPOINT_PASSIVE);
      if (bytes.ok() && *bytes > options_.max_wal_bytes) {
        connection.Checkpoint(SQLITE_CHECKPOINT_PASSIVE).IgnoreError();
        start_log_over_ = true;
      }
    }
  }

  const SqliteOptions options_;
  const Catalog* const catalog_;
  const LockFile lock_;
  RowCache cache_;
  std::atomic<bool> start_log_over_ = false;
  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread checkpoints_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteOptions options,
                                                       std::vector<Table> tables) {
  if (!options.log) {
    options.log = [](std::string_view line) {
      fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  absl::StatusOr<std::unique_ptr<Catalog>> catalog =
      Catalog::Create(Catalog::Dialect::kSqlite, std::move(tables));
  if (!catalog.ok()) return catalog.status();
  absl::StatusOr<LockFile> lock = LockFile::Lock(absl::StrCat(options.path, ".lock"), options.log);
  if (!lock.ok()) return lock.status();
  SqlStoreOptions store_options;
  static_cast<StoreOptions&>(store_options) = options;
  auto engine = std::make_unique<SqliteEngine>(options, catalog->get(), *std::move(lock));
  if (absl::Status status = engine->Start(); !status.ok()) return status;
  return SqlStore::Open(std::move(engine), *std::move(catalog), std::move(store_options));
}

}  // namespace caravan::store
