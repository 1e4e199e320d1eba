#include "services/logistics/parcel_store_sqlite.h"

#include <sqlite3.h>
#include <stdio.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/common/store/lock_file.h"
#include "services/common/store/sqlite_connection.h"
#include "services/common/store/store_errors.h"
#include "services/logistics/connection_pool.h"
#include "services/logistics/parcel_writes.h"
#include "services/logistics/sqlite_statements.h"

namespace caravan::logistics {
namespace {

using store::Param;
using store::ResultRow;
using store::SqliteConnection;
using Records = std::vector<std::optional<std::string>>;

// How many rows of the journal one transaction expires: few, for others wait for it.
constexpr int64_t kExpiredAtOnce = 256;
// For so long after a commit the database counts as healthy.
constexpr absl::Duration kHealthyFor = absl::Seconds(1);

const SqliteStatements& Sql() { return SqliteStatements::Get(); }

absl::StatusOr<Records> GetRecords(SqliteConnection& connection, ParcelTable table,
                                   absl::Span<const BucketKey> keys) {
  const std::string& sql = Sql().tables[static_cast<size_t>(table)].get;
  Records records(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    absl::Status status = connection.Query(
        sql, {Param(int64_t{keys[i].bucket}), Param(std::string_view(keys[i].key))},
        [&](const ResultRow& row) {
          records[i] = std::string(row.Bytes(0));
          return false;
        });
    if (!status.ok()) return status;
  }
  return records;
}

absl::Status ReadSequenced(SqliteConnection& connection, const std::string& sql,
                           absl::Span<const Param> params, std::vector<SequencedRecord>* rows) {
  return connection.Query(sql, params, [&](const ResultRow& row) {
    rows->push_back({row.Integer(0), std::string(row.Bytes(1))});
    return true;
  });
}

absl::StatusOr<std::vector<BucketState>> States(SqliteConnection& connection) {
  std::vector<BucketState> states;
  absl::Status status = connection.Query(Sql().states, {}, [&](const ResultRow& row) {
    states.push_back({row.Integer(0), row.Integer(1)});
    return true;
  });
  if (!status.ok()) return status;
  return states;
}

class SqliteTransaction : public GatheringTransaction {
 public:
  SqliteTransaction(SqliteConnection* connection, absl::Span<const int> buckets,
                    absl::Span<const BucketState> states)
      : GatheringTransaction(buckets, states), connection_(*connection) {}

  absl::StatusOr<Records> Get(ParcelTable table, absl::Span<const BucketKey> keys) override {
    if (absl::Status status = CheckLocked(keys); !status.ok()) return status;
    return GetRecords(connection_, table, keys);
  }

  absl::StatusOr<std::vector<SequencedRecord>> GetChanges(int bucket) override {
    if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
    std::vector<SequencedRecord> changes;
    absl::Status status = ReadSequenced(connection_, Sql().read_changes,
                                        {Param(int64_t{bucket}), state(bucket).folded}, &changes);
    if (!status.ok()) return status;
    return changes;
  }

  absl::StatusOr<Records> GetScorecards(int bucket, absl::Span<const ScorecardRow> keys) override {
    if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
    Records records(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      absl::Status status =
          connection_.Query(Sql().get_scorecard,
                            {Param(int64_t{bucket}), int64_t{keys[i].dimension},
                             std::string_view(keys[i].value), int64_t{keys[i].day}},
                            [&](const ResultRow& row) {
                              records[i] = std::string(row.Bytes(0));
                              return false;
                            });
      if (!status.ok()) return status;
    }
    return records;
  }

 private:
  SqliteConnection& connection_;
};

class SqliteParcelStore : public ParcelStore {
 public:
  SqliteParcelStore(const std::string& path, const SqliteParcelOptions& options)
      : path_(path), options_(options), readers_(std::max(options.readers, 1), [this] {
          return Connect(options_.reader_cache_bytes, true);
        }) {}

  ~SqliteParcelStore() override {
    if (!checkpoints_.joinable()) return;
    {
      absl::MutexLock lock(&closing_mutex_);
      closing_ = true;
    }
    checkpoints_.join();
  }

  // Makes the tables where there are none, and starts the checkpoints.
  absl::Status Start();

  int buckets() const override { return buckets_; }

  absl::Status Write(absl::Span<const int> buckets,
                     absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) override;

  absl::StatusOr<Records> Get(ParcelTable table, absl::Span<const BucketKey> keys) override;
  absl::Status Scan(
      ParcelTable table, int bucket, std::string_view after, int64_t limit,
      absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) override;
  absl::StatusOr<std::vector<ParcelTimer>> DueTimers(absl::Time now, int64_t limit) override;
  absl::StatusOr<JournalPage> ReadJournal(int bucket, int64_t after, int64_t limit) override;
  absl::StatusOr<std::vector<BucketScorecards>> ReadScorecards(
      absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) override;
  absl::StatusOr<std::vector<BucketState>> ReadStates() override;
  absl::Status ExpireJournal(absl::Time before) override;
  absl::Status Healthy() override;

 private:
  absl::StatusOr<std::unique_ptr<SqliteConnection>> Connect(int64_t cache_bytes, bool read_only);
  absl::Status CreateTables(SqliteConnection& connection);
  absl::Status ReadMeta(SqliteConnection& connection);
  absl::Status Apply(const ParcelWrites& writes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  // Runs a transaction of the writer; commits where it returns true.
  absl::Status Transact(absl::FunctionRef<absl::StatusOr<bool>()> run)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(writer_mutex_);
  // Runs reads that see one state of the database.
  absl::Status Read(absl::FunctionRef<absl::Status(SqliteConnection& reader)> read);
  // Expires the next rows of a bucket; returns how many.
  absl::StatusOr<int64_t> ExpireStep(int64_t bucket, int32_t before);
  void CheckpointLoop(SqliteConnection& connection);

  const std::string path_;
  const SqliteParcelOptions options_;
  std::optional<store::LockFile> lock_;
  int buckets_ = 0;
  ConnectionPool<SqliteConnection> readers_;
  absl::Mutex writer_mutex_;
  std::unique_ptr<SqliteConnection> writer_ ABSL_PT_GUARDED_BY(writer_mutex_);
  std::atomic<int64_t> last_commit_ = 0;  // microseconds since 1970
  std::atomic<bool> start_log_over_ = false;
  absl::Mutex closing_mutex_;
  bool closing_ ABSL_GUARDED_BY(closing_mutex_) = false;
  std::thread checkpoints_;
};

absl::StatusOr<std::unique_ptr<SqliteConnection>> SqliteParcelStore::Connect(int64_t cache_bytes,
                                                                             bool read_only) {
  return SqliteConnection::Open({.path = path_,
                                 // No other process may open the database, so its locks,
                                 // two system calls a read, can stay within this one.
                                 .vfs = options_.vfs.empty() ? "unix-excl" : options_.vfs,
                                 .cache_bytes = cache_bytes,
                                 .mapped_bytes = options_.vfs.empty() ? options_.mapped_bytes : 0,
                                 .read_only = read_only,
                                 .kept_wal_bytes = read_only ? -1 : options_.max_wal_bytes,
                                 .log = options_.log},
                                nullptr);
}

absl::Status SqliteParcelStore::CreateTables(SqliteConnection& connection) {
  absl::Status status;
  for (const char* sql : Sql().schema) {
    if (status.ok()) status = connection.Execute(sql, {}).status();
  }
  absl::StatusOr<int> buckets = BucketsToMake(options_, 1);
  if (!buckets.ok()) return buckets.status();
  for (int64_t bucket = 0; bucket < *buckets; ++bucket) {
    if (!status.ok()) break;
    status =
        connection.Execute("INSERT INTO buckets VALUES ($1, 0, 0, 1)", {Param(bucket)}).status();
  }
  if (!status.ok()) return status;
  return connection
      .Execute("INSERT INTO meta VALUES ($1, $2, 0)", {Param(int64_t{*buckets}), kParcelFormat})
      .status();
}

absl::Status SqliteParcelStore::ReadMeta(SqliteConnection& connection) {
  int64_t buckets = 0, format = 0;
  absl::Status status =
      connection.Query("SELECT buckets, format FROM meta", {}, [&](const ResultRow& row) {
        buckets = row.Integer(0);
        format = row.Integer(1);
        return false;
      });
  if (status.ok()) status = CheckFormat(format, buckets);
  buckets_ = static_cast<int>(buckets);
  return status;
}

absl::Status SqliteParcelStore::Start() {
  absl::MutexLock lock(&writer_mutex_);
  // SQLite would tell only after a while, and without a reason.
  absl::StatusOr<store::LockFile> file =
      store::LockFile::Lock(absl::StrCat(path_, ".lock"), options_.log);
  if (!file.ok()) return file.status();
  lock_.emplace(*std::move(file));
  absl::StatusOr<std::unique_ptr<SqliteConnection>> writer =
      Connect(options_.writer_cache_bytes, false);
  if (!writer.ok()) return writer.status();
  writer_ = *std::move(writer);
  absl::Status status = Transact([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<bool> {
    bool made = false;
    absl::Status found = writer_->Query("SELECT 1 FROM sqlite_master WHERE name = 'meta'", {},
                                        [&](const ResultRow&) { return !(made = true); });
    if (found.ok() && !made) found = CreateTables(*writer_);
    if (found.ok()) found = ReadMeta(*writer_);
    if (!found.ok()) return found;
    return !made;
  });
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      Connect(options_.reader_cache_bytes, false);
  if (!connection.ok()) return connection.status();
  checkpoints_ =
      std::thread([this, connection = *std::move(connection)] { CheckpointLoop(*connection); });
  return absl::OkStatus();
}

// Commits don't checkpoint: that would be their tail latency. Only where the log is
// long does one copy the little that has come since, because the log can be started
// over only where all of it was copied.
void SqliteParcelStore::CheckpointLoop(SqliteConnection& connection) {
  while (true) {
    {
      absl::MutexLock lock(&closing_mutex_);
      if (closing_mutex_.AwaitWithTimeout(absl::Condition(&closing_),
                                          options_.checkpoint_interval)) {
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

absl::Status SqliteParcelStore::Transact(absl::FunctionRef<absl::StatusOr<bool>()> run) {
  // Nobody adds to the log meanwhile, and this kind of checkpoint waits for no
  // reader.
  if (start_log_over_.exchange(false)) {
    writer_->Checkpoint(SQLITE_CHECKPOINT_PASSIVE).IgnoreError();
  }
  absl::Status status = writer_->Execute(Sql().begin, {}).status();
  if (!status.ok()) return status;
  const absl::StatusOr<bool> commits = run();
  status = commits.status();
  if (status.ok() && *commits) {
    status = writer_->Execute(Sql().commit, {}).status();
    // Where syncing failed, the log may hold the commit or not.
    if (store::IsDatabaseAway(status)) status = store::CommitUnknownError();
    if (status.ok()) last_commit_ = absl::ToUnixMicros(options_.clock());
  }
  writer_->Rollback();
  return status;
}

absl::Status SqliteParcelStore::Write(absl::Span<const int> buckets,
                                      absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) {
  if (absl::Status status = CheckBuckets(buckets, buckets_); !status.ok()) return status;
  absl::MutexLock lock(&writer_mutex_);
  return Transact([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<bool> {
    std::vector<BucketState> states(buckets.size());
    for (size_t i = 0; i < buckets.size(); ++i) {
      absl::Status status =
          writer_->Query(Sql().state, {Param(int64_t{buckets[i]})}, [&](const ResultRow& row) {
            states[i] = {row.Integer(0), row.Integer(1)};
            return false;
          });
      if (!status.ok()) return status;
    }
    SqliteTransaction tx(writer_.get(), buckets, states);
    if (absl::Status status = body(tx); !status.ok()) return status;
    absl::StatusOr<ParcelWrites> writes = tx.Finish();
    if (!writes.ok()) return writes.status();
    if (writes->empty()) return false;
    if (absl::Status status = Apply(*writes); !status.ok()) return status;
    return true;
  });
}

absl::Status SqliteParcelStore::Apply(const ParcelWrites& writes) {
  auto execute =
      [&](const std::string& sql, std::initializer_list<Param> params)
          ABSL_NO_THREAD_SAFETY_ANALYSIS { return writer_->Execute(sql, params).status(); };
  for (size_t table = 0; table < writes.rows.size(); ++table) {
    const SqliteStatements::Table& sql = Sql().tables[table];
    for (const ParcelWrites::Row& row : writes.rows[table]) {
      const std::string_view key = row.key;
      absl::Status status =
          row.record.has_value()
              ? execute(sql.put, {int64_t{row.bucket}, key, std::string_view(*row.record)})
              : execute(sql.remove, {int64_t{row.bucket}, key});
      if (!status.ok()) return status;
    }
  }
  for (const ParcelWrites::Timer& timer : writes.timers) {
    absl::Status status =
        execute(timer.add ? Sql().add_timer : Sql().remove_timer,
                {int64_t{timer.bucket}, timer.time, std::string_view(timer.parcel)});
    if (!status.ok()) return status;
  }
  const int64_t today = DayOf(options_.clock());
  for (const ParcelWrites::Bucket& written : writes.buckets) {
    if (written.before == written.after && !written.folds) continue;
    const int64_t bucket = written.bucket, sequence = written.after.sequence;
    absl::Status status;
    if (!written.journal.empty()) {
      status = execute(Sql().append_journal,
                       {bucket, sequence, today, std::string_view(written.journal)});
    }
    if (status.ok() && !written.changes.empty()) {
      status = execute(Sql().append_changes, {bucket, sequence, std::string_view(written.changes)});
    }
    if (status.ok() && written.folds) status = execute(Sql().remove_changes, {bucket});
    for (const ScorecardRow& row : written.scorecards) {
      if (!status.ok()) return status;
      status =
          execute(Sql().put_scorecard, {bucket, int64_t{row.dimension}, std::string_view(row.value),
                                        int64_t{row.day}, std::string_view(row.record)});
    }
    if (status.ok()) status = execute(Sql().set_state, {sequence, written.after.folded, bucket});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SqliteParcelStore::Read(
    absl::FunctionRef<absl::Status(SqliteConnection& reader)> read) {
  auto reader = readers_.Take();
  if (!reader.ok()) return reader.status();
  absl::Status status = (*reader)->BeginSnapshot();
  if (!status.ok()) return status;
  status = read(**reader);
  (*reader)->EndSnapshot();
  return status;
}

absl::StatusOr<Records> SqliteParcelStore::Get(ParcelTable table,
                                               absl::Span<const BucketKey> keys) {
  if (absl::Status status = CheckKeys(keys, buckets_); !status.ok()) return status;
  absl::StatusOr<Records> records;
  absl::Status status = Read([&](SqliteConnection& reader) {
    records = GetRecords(reader, table, keys);
    return records.status();
  });
  if (!status.ok()) return status;
  return records;
}

absl::Status SqliteParcelStore::Scan(
    ParcelTable table, int bucket, std::string_view after, int64_t limit,
    absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) {
  if (absl::Status status = CheckBucket(bucket, buckets_); !status.ok()) return status;
  const std::string& sql = Sql().tables[static_cast<size_t>(table)].scan;
  auto fetch = [&](std::string_view last, int64_t rows) -> absl::StatusOr<ParcelPage> {
    ParcelPage page;
    absl::Status status = Read([&](SqliteConnection& reader) {
      return reader.Query(sql, {Param(int64_t{bucket}), last, rows}, [&](const ResultRow& row) {
        page.emplace_back(row.Bytes(0), row.Bytes(1));
        return true;
      });
    });
    if (!status.ok()) return status;
    return page;
  };
  return ScanByPages(after, limit, fetch, visit);
}

absl::StatusOr<std::vector<ParcelTimer>> SqliteParcelStore::DueTimers(absl::Time now,
                                                                      int64_t limit) {
  std::vector<ParcelTimer> timers;
  if (limit <= 0) return timers;
  absl::Status status = Read([&](SqliteConnection& reader) {
    absl::Status read;
    for (int64_t bucket = 0; bucket < buckets_ && read.ok(); ++bucket) {
      read = reader.Query(
          Sql().due_timers, {Param(bucket), absl::ToUnixMicros(now), limit},
          [&](const ResultRow& row) {
            timers.push_back({absl::FromUnixMicros(row.Integer(0)), std::string(row.Bytes(1))});
            return true;
          });
    }
    return read;
  });
  if (!status.ok()) return status;
  KeepEarliest(limit, &timers);
  return timers;
}

absl::StatusOr<ParcelStore::JournalPage> SqliteParcelStore::ReadJournal(int bucket, int64_t after,
                                                                        int64_t limit) {
  if (absl::Status status = CheckBucket(bucket, buckets_); !status.ok()) return status;
  JournalPage page;
  absl::Status status = Read([&](SqliteConnection& reader) {
    absl::Status read =
        reader.Query(Sql().oldest, {Param(int64_t{bucket})}, [&](const ResultRow& row) {
          page.oldest = row.Integer(0);
          return false;
        });
    if (!read.ok()) return read;
    return ReadSequenced(reader, Sql().read_journal,
                         {Param(int64_t{bucket}), after, std::max<int64_t>(limit, 0)}, &page.rows);
  });
  if (!status.ok()) return status;
  return page;
}

absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> SqliteParcelStore::ReadScorecards(
    absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) {
  if (absl::Status status = CheckSeen(seen, buckets_); !status.ok()) return status;
  if (absl::Status status = CheckRanges(ranges); !status.ok()) return status;
  std::vector<BucketScorecards> all(buckets_);
  absl::Status status = Read([&](SqliteConnection& reader) {
    absl::StatusOr<std::vector<BucketState>> states = States(reader);
    if (!states.ok()) return states.status();
    for (int bucket = 0; bucket < buckets_; ++bucket) {
      BucketScorecards& its = all[bucket];
      its.state = (*states)[bucket];
      for (const ScorecardRange& range : ranges) {
        absl::Status read = reader.Query(
            Sql().read_scorecards,
            {Param(int64_t{bucket}), int64_t{range.dimension}, std::string_view(range.first_value),
             std::string_view(range.last_value), int64_t{range.begin_day}, int64_t{range.end_day}},
            [&](const ResultRow& row) {
              its.rows.push_back({range.dimension, std::string(row.Bytes(0)),
                                  static_cast<int32_t>(row.Integer(1)), std::string(row.Bytes(2))});
              return true;
            });
        if (!read.ok()) return read;
      }
      absl::Status read = ReadSequenced(
          reader, Sql().read_changes,
          {Param(int64_t{bucket}), std::max(its.state.folded, seen[bucket])}, &its.changes);
      if (!read.ok()) return read;
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return all;
}

absl::StatusOr<std::vector<BucketState>> SqliteParcelStore::ReadStates() {
  absl::StatusOr<std::vector<BucketState>> states;
  absl::Status status = Read([&](SqliteConnection& reader) {
    states = States(reader);
    return states.status();
  });
  if (!status.ok()) return status;
  return states;
}

absl::StatusOr<int64_t> SqliteParcelStore::ExpireStep(int64_t bucket, int32_t before) {
  int64_t rows = 0, last = 0;
  absl::MutexLock lock(&writer_mutex_);
  absl::Status status = Transact([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<bool> {
    absl::Status read = writer_->Query(Sql().journal_days, {Param(bucket), kExpiredAtOnce},
                                       [&](const ResultRow& row) {
                                         if (row.Integer(1) >= before) return false;
                                         last = row.Integer(0);
                                         ++rows;
                                         return true;
                                       });
    if (!read.ok()) return read;
    if (rows == 0) return false;
    read = writer_->Execute(Sql().expire_journal, {Param(bucket), last}).status();
    if (read.ok()) read = writer_->Execute(Sql().set_oldest, {Param(last + 1), bucket}).status();
    if (!read.ok()) return read;
    return true;
  });
  if (!status.ok()) return status;
  return rows;
}

absl::Status SqliteParcelStore::ExpireJournal(absl::Time before) {
  const int32_t day = DayOf(before);
  for (int bucket = 0; bucket < buckets_; ++bucket) {
    absl::StatusOr<int64_t> rows = kExpiredAtOnce;
    while (rows.ok() && *rows == kExpiredAtOnce) rows = ExpireStep(bucket, day);
    if (!rows.ok()) return rows.status();
  }
  return absl::OkStatus();
}

absl::Status SqliteParcelStore::Healthy() {
  // A commit shows it, too.
  if (options_.clock() - absl::FromUnixMicros(last_commit_) < kHealthyFor) return absl::OkStatus();
  absl::MutexLock lock(&writer_mutex_);
  return Transact([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::StatusOr<bool> {
    absl::Status status = writer_->Execute(Sql().check, {}).status();
    if (!status.ok()) return status;
    return true;
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<ParcelStore>> OpenSqliteParcelStoreWith(
    const std::string& path, SqliteParcelOptions options) {
  if (!options.log) {
    options.log = [](std::string_view line) {
      fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  auto store = std::make_unique<SqliteParcelStore>(path, options);
  if (absl::Status status = store->Start(); !status.ok()) return status;
  return store;
}

absl::StatusOr<std::unique_ptr<ParcelStore>> OpenSqliteParcelStore(
    const std::string& path, const ParcelStoreOptions& options) {
  SqliteParcelOptions all;
  static_cast<ParcelStoreOptions&>(all) = options;
  return OpenSqliteParcelStoreWith(path, std::move(all));
}

}  // namespace caravan::logistics
