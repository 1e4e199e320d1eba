#include "services/common/store/sql_store.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/common/store/row_cache.h"
#include "services/common/store/sql.h"
#include "services/common/store/sql_reader.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

constexpr int kCallbackThreads = 2;
// Entries of the change log that are expired in one step.
constexpr int64_t kExpireBatch = 500;
// How long after a commit the database is taken to be as it was then.
constexpr absl::Duration kHealthyFor = absl::Seconds(1);
// How long the filling waits for replicas that do not know a column.
constexpr absl::Duration kFillPause = absl::Milliseconds(100);

}  // namespace

absl::StatusOr<std::unique_ptr<SqlStore>> SqlStore::Open(std::unique_ptr<Engine> engine,
                                                         std::unique_ptr<Catalog> catalog,
                                                         SqlStoreOptions options) {
  std::random_device random;
  const std::string replica =
      absl::StrCat(options.replica, "/", absl::Hex(random(), absl::kZeroPad8),
                   absl::Hex(random(), absl::kZeroPad8));
  absl::StatusOr<std::unique_ptr<WriterConnection>> writer = engine->ConnectWriter();
  if (!writer.ok()) return writer.status();
  auto store = std::unique_ptr<SqlStore>(
      new SqlStore(std::move(engine), std::move(catalog), std::move(options), replica));
  absl::StatusOr<Meta> meta = (*writer)->Begin({}, nullptr);
  absl::Status status = meta.status();
  if (status.ok()) status = store->layout_.Join(**writer, &*meta);
  if (status.ok()) status = (*writer)->Commit(*meta);
  if (!status.ok()) {
    (*writer)->Rollback();
    return status;
  }
  store->waiters_.Advance(meta->revision);
  SqlStore* self = store.get();
  store->committer_ = std::make_unique<Committer>(
      store->engine_.get(), store->catalog_.get(), store->options_, store->options_.patience,
      &store->callbacks_,
      Committer::Hooks{
          .committed = [self](const Meta& meta) { self->waiters_.Advance(meta.revision); },
          .layout_changed = [self](WriterConnection& writer,
                                   Meta* meta) { return self->layout_.LookAgain(writer, meta); },
      },
      *std::move(writer));
  store->threads_.emplace_back([self] { self->FillLoop(); });
  if (store->engine_->shared()) {
    store->threads_.emplace_back([self] { self->FollowLoop(); });
    store->ahead_ = std::make_unique<AheadRunner>(AheadRunner::Context{
        .catalog = store->catalog_.get(),
        .engine = store->engine_.get(),
        .committer = store->committer_.get(),
        .callbacks = &store->callbacks_,
        .revision = [self] { return self->revision(); },
        .take = [self] { return self->TakeReader(); },
        .give_back =
            [self](std::unique_ptr<Connection> connection) {
              self->ReturnReader(std::move(connection));
            },
    });
  }
  return store;
}

SqlStore::SqlStore(std::unique_ptr<Engine> engine, std::unique_ptr<Catalog> catalog,
                   SqlStoreOptions options, std::string replica)
    : engine_(std::move(engine)),
      catalog_(std::move(catalog)),
      options_(std::move(options)),
      layout_(catalog_.get(), std::move(replica), engine_->shared(), options_.replica_lease,
              options_.clock),
      callbacks_(kCallbackThreads),
      waiters_(&callbacks_) {}

SqlStore::~SqlStore() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  if (committer_ == nullptr) return;
  if (ahead_ != nullptr) ahead_->Close();
  RunLayout(&Layout::Leave).IgnoreError();
  committer_->Close();
}

bool SqlStore::closing() {
  absl::MutexLock lock(&mutex_);
  return closing_;
}

bool SqlStore::WaitForClosing(absl::Duration duration) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&closing_), duration);
}

void SqlStore::Write(WriteBody body, WriteDone done) {
  if (waiting_.fetch_add(1) >= options_.max_waiting) {
    waiting_.fetch_sub(1);
    callbacks_.Run([done = std::move(done)]() mutable { done(OverloadedError()); });
    return;
  }
  WriteDone counted = [this, done = std::move(done)](absl::StatusOr<Committed> result) mutable {
    waiting_.fetch_sub(1);
    done(std::move(result));
  };
  if (ahead_ != nullptr) {
    ahead_->Submit(std::move(body), std::move(counted));
  } else {
    committer_->Submit({std::move(body), std::move(counted)});
  }
}

absl::Status SqlStore::Ensure(std::unique_ptr<Connection>* connection) {
  if (*connection != nullptr && (*connection)->usable()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Connection>> opened = engine_->Connect();
  if (!opened.ok()) return opened.status();
  *connection = *std::move(opened);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Connection>> SqlStore::TakeReader() {
  {
    auto available = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(readers_mutex_) {
      return !idle_.empty() || readers_ < options_.readers;
    };
    absl::MutexLock lock(&readers_mutex_, absl::Condition(&available));
    ++readers_;
    if (!idle_.empty()) {
      std::unique_ptr<Connection> reader = std::move(idle_.back());
      idle_.pop_back();
      return reader;
    }
  }
  absl::StatusOr<std::unique_ptr<Connection>> reader = engine_->Connect();
  if (!reader.ok()) ReturnReader(nullptr);
  return reader;
}

void SqlStore::ReturnReader(std::unique_ptr<Connection> reader) {
  absl::MutexLock lock(&readers_mutex_);
  --readers_;
  if (reader != nullptr && reader->usable()) idle_.push_back(std::move(reader));
}

// Reads through a connection that it takes once it needs one: a first read by key
// that the cache answers needs none.
class SqlStore::PooledReader : public Reader {
 public:
  explicit PooledReader(SqlStore* store, bool use_cache)
      : store_(store),
        cache_(store->engine_->cache()),
        revision_(store->revision()),
        use_cache_(use_cache && cache_ != nullptr) {}
  ~PooledReader() override {
    reader_.reset();
    if (connection_ != nullptr) store_->ReturnReader(std::move(connection_));
  }

  int64_t revision() const override { return revision_; }

  absl::StatusOr<std::optional<Row>> Get(TableId table, std::string_view key) override {
    if (use_cache_ && !reader_.has_value() && !first_.has_value()) {
      if (std::optional<Row> row = cache_->Find(table, key)) {
        first_ = {table, std::string(key)};
        first_version_ = row->version;
        return row;
      }
    }
    if (absl::Status status = Open(); !status.ok()) return status;
    absl::StatusOr<std::optional<Row>> row = reader_->Get(table, key);
    if (cache_ != nullptr && row.ok() && row->has_value()) cache_->Keep(table, **row, begun_);
    return row;
  }

  absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId table, absl::Span<const std::string> keys) override {
    if (absl::Status status = Open(); !status.ok()) return status;
    return reader_->GetMany(table, keys);
  }

  absl::Status Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) override {
    if (absl::Status status = Open(); !status.ok()) return status;
    return reader_->Scan(spec, visit);
  }

  absl::Status ScanChanges(const ChangeScan& spec,
                           absl::FunctionRef<bool(Change& change)> visit) override {
    if (absl::Status status = Open(); !status.ok()) return status;
    return reader_->ScanChanges(spec, visit);
  }

  // The row that came from the cache is not of the state that was read after it.
  bool torn() const { return torn_; }

 private:
  absl::Status Open() {
    if (torn_) return Torn();
    if (reader_.has_value()) return absl::OkStatus();
    if (cache_ != nullptr) begun_ = cache_->now();
    absl::StatusOr<std::unique_ptr<Connection>> connection = store_->TakeReader();
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
    reader_.emplace(store_->catalog_.get(), connection_.get(), revision_);
    if (!first_.has_value()) return absl::OkStatus();
    absl::StatusOr<std::optional<Row>> row = reader_->Get(first_->table, first_->key);
    if (!row.ok()) return row.status();
    torn_ = !row->has_value() || (*row)->version != first_version_;
    return torn_ ? Torn() : absl::OkStatus();
  }

  static absl::Status Torn() { return absl::UnavailableError("the row has changed meanwhile"); }

  SqlStore* const store_;
  RowCache* const cache_;
  const int64_t revision_;
  const bool use_cache_;
  std::optional<RowKey> first_;  // that came from the cache
  int64_t first_version_ = 0;
  int64_t begun_ = 0;  // before the snapshot
  bool torn_ = false;
  std::unique_ptr<Connection> connection_;
  std::optional<SqlReader> reader_;
};

absl::Status SqlStore::Read(ReadBody body) {
  {
    PooledReader reader(this, true);
    absl::Status status = body(reader);
    if (!reader.torn()) return status;
  }
  PooledReader reader(this, false);
  return body(reader);
}

void SqlStore::AwaitRevision(int64_t revision, absl::Time deadline,
                             absl::AnyInvocable<void(absl::Status)> done) {
  if (!waiters_.Await(revision, deadline, std::move(done))) return;
  absl::MutexLock lock(&mutex_);
  poll_now_ = true;
}

absl::StatusOr<Store::Retained> SqlStore::retained() {
  absl::StatusOr<std::unique_ptr<Connection>> connection = TakeReader();
  if (!connection.ok()) return connection.status();
  Retained retained;
  absl::Status status = (*connection)->Query(sql::ReadMeta(), {}, [&](const ResultRow& row) {
    retained.oldest = row.Integer(3);
    retained.oldest_with_images = row.Integer(4);
    return false;
  });
  ReturnReader(*std::move(connection));
  if (!status.ok()) return status;
  return retained;
}

absl::StatusOr<int64_t> SqlStore::Expire(absl::Time entries, absl::Time images) {
  int64_t total = 0;
  for (const bool whole : {true, false}) {
    const int64_t before = absl::ToUnixMicros(whole ? entries : images);
    int64_t changed = 0;
    do {
      absl::Status status = committer_->Run([&](WriterConnection& writer, Meta* meta) {
        int64_t& oldest = whole ? meta->oldest : meta->oldest_with_images;
        absl::StatusOr<int64_t> expired =
            writer.Execute(whole ? sql::ExpireChanges() : sql::ExpireImages(),
                           {oldest, oldest + kExpireBatch, before});
        if (!expired.ok()) return expired.status();
        // Times never run backwards, so these were the oldest.
        changed = *expired;
        oldest += changed;
        meta->oldest_with_images = std::max(meta->oldest_with_images, meta->oldest);
        return absl::OkStatus();
      });
      if (!status.ok()) return status;
      total += changed;
    } while (changed == kExpireBatch && !closing());
  }
  return total;
}

bool SqlStore::IndexReady(TableId table, int column) const {
  return catalog_->has(table) && column >= 0 &&
         column < static_cast<int>(catalog_->table(table).table.columns.size()) &&
         catalog_->ready(table, column);
}

absl::Status SqlStore::Healthy() {
  // A commit shows it, too.
  if (absl::Now() - committer_->last_commit() < kHealthyFor) return absl::OkStatus();
  // Writes the meta row, as a commit does.
  return committer_->Run([](WriterConnection&, Meta*) { return absl::OkStatus(); });
}

absl::Status SqlStore::RunLayout(absl::Status (Layout::*step)(WriterConnection&, Meta*)) {
  return committer_->Run(
      [&](WriterConnection& writer, Meta* meta) { return (layout_.*step)(writer, meta); });
}

void SqlStore::FollowLoop() {
  std::unique_ptr<Connection> connection;
  absl::Time renewed = absl::Now();
  while (true) {
    {
      auto due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return closing_ || poll_now_; };
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&due), options_.poll_interval);
      if (closing_) return;
      poll_now_ = false;
    }
    Poll(&connection).IgnoreError();
    if (absl::Now() - renewed > options_.replica_lease / 3) {
      if (RunLayout(&Layout::Renew).ok()) renewed = absl::Now();
    }
  }
}

absl::Status SqlStore::Poll(std::unique_ptr<Connection>* connection) {
  if (absl::Status status = Ensure(connection); !status.ok()) return status;
  int64_t revision = 0;
  int64_t layout_epoch = 0;
  absl::Status status = (*connection)->Query(sql::ReadMeta(), {}, [&](const ResultRow& row) {
    revision = row.Integer(0);
    layout_epoch = row.Integer(5);
    return false;
  });
  if (!status.ok()) return status;
  waiters_.Advance(revision);
  if (layout_epoch == catalog_->layout_epoch()) return absl::OkStatus();
  // The committer looks again with whatever it commits.
  return committer_->Run([](WriterConnection&, Meta*) { return absl::OkStatus(); });
}

void SqlStore::FillLoop() {
  RunLayout(&Layout::DropOrphans).IgnoreError();
  while (!closing()) {
    bool wait = true;
    absl::Status status = FillAll(&wait);
    if (wait || !status.ok()) {
      if (WaitForClosing(kFillPause)) return;
    }
  }
}

absl::Status SqlStore::FillAll(bool* wait) {
  bool all_ready = true;
  for (TableId id = catalog_->begin(); id < catalog_->end(); ++id) {
    for (size_t i = 0; i < catalog_->table(id).table.columns.size(); ++i) {
      all_ready &= catalog_->ready(id, static_cast<int>(i));
    }
  }
  if (all_ready) return absl::OkStatus();
  std::vector<Layout::Work> all;
  absl::Status status = committer_->Run([&](WriterConnection& writer, Meta* meta) {
    absl::StatusOr<std::vector<Layout::Work>> work = layout_.FindWork(writer, meta);
    if (!work.ok()) return work.status();
    all = *std::move(work);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  for (const Layout::Work& work : all) {
    *wait = false;
    if (status = FillTable(work); !status.ok()) return status;
    // That the columns are ready changes the epoch; the next job looks again.
  }
  return absl::OkStatus();
}

absl::Status SqlStore::FillTable(const Layout::Work& work) {
  std::string key;
  bool more = true;
  while (more) {
    if (closing()) return absl::OkStatus();
    absl::Status status = committer_->Run([&](WriterConnection& writer, Meta*) {
      std::string next = key;
      absl::StatusOr<bool> result = layout_.Fill(writer, work, &next);
      if (!result.ok()) return result.status();
      key = std::move(next);
      more = *result;
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  if (catalog_->dialect() == Catalog::Dialect::kPostgres) {
    absl::StatusOr<std::unique_ptr<Connection>> connection = TakeReader();
    if (!connection.ok()) return connection.status();
    absl::Status status;
    for (int column : work.columns) {
      // One may be left that was not finished.
      const TableInfo& table = catalog_->table(work.table);
      if (status.ok()) {
        status = (*connection)
                     ->Execute(sql::DropIndex(table.table, table.table.columns[column]), {})
                     .status();
      }
      if (!status.ok()) break;
      status = (*connection)->Execute(sql::CreateIndex(table, column, true), {}).status();
    }
    ReturnReader(*std::move(connection));
    if (!status.ok()) return status;
  }
  return committer_->Run(
      [&](WriterConnection& writer, Meta* meta) { return layout_.Finish(writer, meta, work); });
}

}  // namespace caravan::store
