#include <sqlite3.h>

#include <atomic>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/load/raw_database.h"

namespace caravan::load {
namespace {

constexpr absl::Duration kCheckpointInterval = absl::Milliseconds(100);
constexpr int64_t kMaxWalBytes = 64 << 20;

absl::Status Error(sqlite3* db) { return absl::InternalError(sqlite3_errmsg(db)); }

absl::StatusOr<sqlite3*> Open(const std::string& path) {
  sqlite3* db = nullptr;
  if (sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr) !=
      SQLITE_OK) {
    return Error(db);
  }
  for (const char* pragma : {"PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL",
                             "PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 0",
                             "PRAGMA cache_size = -65536", "PRAGMA mmap_size = 1073741824"}) {
    if (sqlite3_exec(db, pragma, nullptr, nullptr, nullptr) != SQLITE_OK) return Error(db);
  }
  return db;
}

class RawSqlite final : public RawDatabase {
 public:
  RawSqlite(sqlite3* db, sqlite3* checkpointer) : db_(db), checkpointer_(checkpointer) {}

  ~RawSqlite() override {
    stop_.Notify();
    if (thread_.joinable()) thread_.join();
    for (sqlite3_stmt* statement : {begin_, row_, change_, answer_, counters_, commit_}) {
      sqlite3_finalize(statement);
    }
    sqlite3_close(checkpointer_);
    sqlite3_close(db_);
  }

  absl::Status Start() {
    const std::pair<sqlite3_stmt**, const char*> statements[] = {
        {&begin_, "BEGIN IMMEDIATE"},
        {&row_, "UPDATE enterprises SET version = ?1, data = ?2 WHERE key = ?3"},
        {&change_, "INSERT INTO store_changes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
        {&answer_,
         "INSERT INTO requests (key, version, layout, data, c_expire_time) "
         "VALUES (?1, ?2, 1, ?3, ?4)"},
        {&counters_, "UPDATE store_meta SET revision = ?1, version = ?2, commit_time = ?3"},
        {&commit_, "COMMIT"},
    };
    for (const auto& [statement, sql] : statements) {
      if (sqlite3_prepare_v2(db_, sql, -1, statement, nullptr) != SQLITE_OK) return Error(db_);
    }
    sqlite3_stmt* counters = nullptr;
    sqlite3_prepare_v2(db_, "SELECT revision, version FROM store_meta", -1, &counters, nullptr);
    const bool found = sqlite3_step(counters) == SQLITE_ROW;
    revision_ = sqlite3_column_int64(counters, 0);
    version_ = sqlite3_column_int64(counters, 1);
    sqlite3_finalize(counters);
    if (!found) return Error(db_);
    thread_ = std::thread([this] { Checkpoint(); });
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<RawUpdate>> Read(const std::vector<std::string>& keys) override {
    std::vector<RawUpdate> rows;
    sqlite3_stmt* read = nullptr;
    sqlite3_prepare_v2(db_, "SELECT data FROM enterprises WHERE key = ?1", -1, &read, nullptr);
    for (const std::string& key : keys) {
      Bind(read, 1, key);
      if (sqlite3_step(read) == SQLITE_ROW) {
        rows.push_back({key, std::string(static_cast<const char*>(sqlite3_column_blob(read, 0)),
                                         sqlite3_column_bytes(read, 0))});
      }
      sqlite3_reset(read);
    }
    sqlite3_finalize(read);
    return rows;
  }

  absl::Status Commit(const std::vector<const RawUpdate*>& updates) override {
    if (log_is_long_.exchange(false)) {
      sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
    }
    const int64_t now = absl::ToUnixMicros(absl::Now());
    bool ok = Step(begin_);
    for (const RawUpdate* update : updates) {
      ++revision_;
      ++version_;
      sqlite3_bind_int64(row_, 1, version_);
      Bind(row_, 2, update->after);
      Bind(row_, 3, update->key);
      ok = ok && Step(row_);
      sqlite3_bind_int64(change_, 1, revision_);
      sqlite3_bind_int64(change_, 2, revision_);
      sqlite3_bind_int64(change_, 3, now);
      Bind(change_, 4, update->key);
      Bind(change_, 5, record_);
      Bind(change_, 6, update->before);
      Bind(change_, 7, update->after);
      ok = ok && Step(change_);
      Bind(answer_, 1, update->request_key);
      sqlite3_bind_int64(answer_, 2, version_);
      Bind(answer_, 3, kept_);
      sqlite3_bind_int64(answer_, 4, now);
      ok = ok && Step(answer_);
    }
    sqlite3_bind_int64(counters_, 1, revision_);
    sqlite3_bind_int64(counters_, 2, version_);
    sqlite3_bind_int64(counters_, 3, now);
    if (ok && Step(counters_) && Step(commit_)) return absl::OkStatus();
    return Error(db_);
  }

 private:
  static void Bind(sqlite3_stmt* statement, int index, const std::string& bytes) {
    sqlite3_bind_blob64(statement, index, bytes.data(), bytes.size(), SQLITE_STATIC);
  }

  static bool Step(sqlite3_stmt* statement) {
    const bool done = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_reset(statement);
    return done;
  }

  // Copies the log into the file beside the commits, as the service does.
  void Checkpoint() {
    while (!stop_.WaitForNotificationWithTimeout(kCheckpointInterval)) {
      int pages = 0;
      sqlite3_wal_checkpoint_v2(checkpointer_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &pages, nullptr);
      log_is_long_ = pages * int64_t{4096} > kMaxWalBytes;
    }
  }

  sqlite3* const db_;
  sqlite3* const checkpointer_;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* row_ = nullptr;
  sqlite3_stmt* change_ = nullptr;
  sqlite3_stmt* answer_ = nullptr;
  sqlite3_stmt* counters_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
  int64_t revision_ = 0;
  int64_t version_ = 0;
  const std::string record_ = std::string(kRecordBytes, 'r');
  const std::string kept_ = std::string(kAnswerBytes, 'a');
  std::atomic<bool> log_is_long_ = false;
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RawDatabase>> OpenRawSqlite(const std::string& path) {
  auto db = Open(path);
  if (!db.ok()) return db.status();
  auto checkpointer = Open(path);
  if (!checkpointer.ok()) return checkpointer.status();
  auto database = std::make_unique<RawSqlite>(*db, *checkpointer);
  if (absl::Status status = database->Start(); !status.ok()) return status;
  return database;
}

}  // namespace caravan::load
