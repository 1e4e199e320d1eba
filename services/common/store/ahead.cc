#include "services/common/store/ahead.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/store/sql_reader.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// Bodies that run on snapshots at the same time.
constexpr int kSnapshotThreads = 4;
// Past this, a body is cheaper on a snapshot than run once more.
constexpr int kMostFetches = 4;

}  // namespace

// Reads what was fetched for an item or, where that is to be guessed, is known
// from before; and notes what it wants beside that.
class AheadRunner::FetchedReader : public Reader {
 public:
  // `recent` may be null.
  FetchedReader(const Catalog* catalog, Item* item, RecentRows* recent)
      : catalog_(catalog), item_(item), recent_(recent) {
    item_->wanted.clear();
    item_->guessed = false;
    item_->absent.clear();
  }

  int64_t revision() const override { return item_->revision; }

  absl::StatusOr<std::optional<Row>> Get(TableId table, std::string_view key) override {
    if (!catalog_->has(table)) return MisuseError(absl::StrCat("there is no table ", table));
    if (std::optional<std::optional<Row>> row = Find(table, key)) return *std::move(row);
    item_->wanted.push_back({table, std::string(key)});
    return NotYet();
  }

  absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId table, absl::Span<const std::string> keys) override {
    if (!catalog_->has(table)) return MisuseError(absl::StrCat("there is no table ", table));
    std::vector<std::optional<Row>> rows;
    bool all = true;
    for (const std::string& key : keys) {
      if (std::optional<std::optional<Row>> row = Find(table, key)) {
        rows.push_back(*std::move(row));
      } else {
        all = false;
        item_->wanted.push_back({table, key});
      }
    }
    if (!all) return NotYet();
    return rows;
  }

  absl::Status Scan(const ScanSpec&, absl::FunctionRef<bool(Row& row)>) override {
    scans_ = true;
    return NotYet();
  }

  absl::Status ScanChanges(const ChangeScan&, absl::FunctionRef<bool(Change& change)>) override {
    scans_ = true;
    return NotYet();
  }

  bool remote() const override { return true; }

  void Expect(TableId table, std::string_view key) override {
    if (!catalog_->has(table) || FindFetched(table, key) != nullptr) return;
    if (recent_ != nullptr && recent_->Version(table, key).has_value()) return;
    item_->wanted.push_back({table, std::string(key)});
  }

  void ExpectAbsent(TableId table, std::string_view key) override {
    if (recent_ != nullptr) item_->absent.push_back({table, std::string(key)});
  }

  // What the body came to is of no interest: it lacked something.
  bool lacks() const { return lacks_; }
  bool scans() const { return scans_; }

 private:
  std::optional<std::optional<Row>> Find(TableId table, std::string_view key) {
    if (const std::optional<Row>* row = FindFetched(table, key)) return *row;
    if (recent_ == nullptr) return std::nullopt;
    std::optional<std::optional<Row>> row = recent_->Find(table, key);
    if (!row.has_value() && IsExpectedAbsent(table, key)) row.emplace();
    if (row.has_value()) item_->guessed = true;
    return row;
  }

  bool IsExpectedAbsent(TableId table, std::string_view key) const {
    return std::any_of(item_->absent.begin(), item_->absent.end(), [&](const RowKey& absent) {
      return absent.table == table && absent.key == key;
    });
  }

  const std::optional<Row>* FindFetched(TableId table, std::string_view key) const {
    const auto rows = item_->rows.find(table);
    if (rows == item_->rows.end()) return nullptr;
    const auto row = rows->second.find(key);
    return row == rows->second.end() ? nullptr : &row->second;
  }

  absl::Status NotYet() {
    lacks_ = true;
    return absl::UnavailableError("the row is being fetched");
  }

  const Catalog* const catalog_;
  Item* const item_;
  RecentRows* const recent_;
  bool lacks_ = false;
  bool scans_ = false;
};

AheadRunner::AheadRunner(Context context) : context_(std::move(context)) {
  threads_.emplace_back([this] { RunLoop(); });
  for (int i = 0; i < kSnapshotThreads; ++i) threads_.emplace_back([this] { SnapshotLoop(); });
}

void AheadRunner::Close() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void AheadRunner::Submit(WriteBody body, WriteDone done) {
  {
    absl::MutexLock lock(&mutex_);
    if (!closing_) {
      waiting_.push_back({std::move(body), std::move(done)});
      return;
    }
  }
  context_.committer->Submit({std::move(body), std::move(done)});
}

void AheadRunner::RunLoop() {
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !waiting_.empty() || closing_;
  };
  std::vector<Item> items;
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      if (items.empty()) mutex_.Await(absl::Condition(&has_work));
      if (items.empty() && waiting_.empty()) {
        fetching_ = false;
        return;
      }
      items.insert(items.end(), std::make_move_iterator(waiting_.begin()),
                   std::make_move_iterator(waiting_.end()));
      waiting_.clear();
    }
    items = RunOnFetched(std::move(items));
    if (!items.empty()) Fetch(&items);
  }
}

std::vector<AheadRunner::Item> AheadRunner::RunOnFetched(std::vector<Item> items) {
  std::vector<Item> again;
  std::vector<Item> for_snapshots;
  std::vector<Committer::Submission> submissions;
  for (Item& item : items) {
    if (item.fetches == 0) {
      item.revision = context_.revision();
      item.since = context_.committer->version();
    }
    const bool guesses = item.guesses && context_.committer->alone();
    FetchedReader reader(context_.catalog, &item,
                         guesses ? &context_.committer->recent() : nullptr);
    auto transaction = std::make_unique<BufferedTransaction>(context_.catalog, &reader, nullptr);
    transaction->set_status(item.body(*transaction));
    transaction->Detach();
    if (!reader.lacks() && item.guessed && !IsChecked(item, *transaction)) {
      item.guesses = false;
      item.rows.clear();
      item.fetches = 0;
      item.wanted = transaction->reads();
      again.push_back(std::move(item));
    } else if (!reader.lacks()) {
      const bool one_state = item.fetches <= 1 && !item.guessed;
      Finish(std::move(item), std::move(transaction), one_state, &submissions);
    } else if (reader.scans() || item.fetches == kMostFetches) {
      for_snapshots.push_back(std::move(item));
    } else {
      again.push_back(std::move(item));
    }
  }
  context_.committer->SubmitAll(std::move(submissions));
  if (!for_snapshots.empty()) {
    absl::MutexLock lock(&mutex_);
    for (Item& item : for_snapshots) for_snapshots_.push_back(std::move(item));
  }
  return again;
}

bool AheadRunner::IsChecked(const Item& item, const BufferedTransaction& transaction) {
  return transaction.commits() &&
         std::all_of(item.absent.begin(), item.absent.end(), [&](const RowKey& absent) {
           return transaction.Puts(absent.table, absent.key);
         });
}

void AheadRunner::Fetch(std::vector<Item>* items) {
  std::vector<RowKey> keys;
  for (const Item& item : *items) {
    keys.insert(keys.end(), item.wanted.begin(), item.wanted.end());
  }
  const int64_t since = context_.committer->version();
  std::vector<std::optional<Row>> rows;
  if (!Fetch(keys, &rows).ok()) {
    for (Item& item : *items) {
      context_.committer->Submit({std::move(item.body), std::move(item.done)});
    }
    items->clear();
    return;
  }
  if (context_.committer->alone()) {
    RecentRows& recent = context_.committer->recent();
    for (size_t i = 0; i < keys.size(); ++i) {
      recent.Keep(keys[i].table, keys[i].key, rows[i], since);
    }
  }
  size_t next = 0;
  for (Item& item : *items) {
    ++item.fetches;
    for (RowKey& key : item.wanted) {
      item.rows[key.table][std::move(key.key)] = std::move(rows[next++]);
    }
  }
}

absl::Status AheadRunner::Fetch(absl::Span<const RowKey> keys,
                                std::vector<std::optional<Row>>* rows) {
  if (connection_ == nullptr || !connection_->usable()) {
    absl::StatusOr<std::unique_ptr<Connection>> connection = context_.engine->ConnectForRows();
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
  }
  absl::Status status = connection_->BeginSnapshot();
  if (status.ok()) status = connection_->GetRows(keys, rows);
  connection_->EndSnapshot();
  return status;
}

void AheadRunner::SnapshotLoop() {
  // Fetching may go on to find some.
  const auto has_work = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !for_snapshots_.empty() || !fetching_;
  };
  while (true) {
    Item item;
    {
      absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
      if (for_snapshots_.empty()) return;
      item = std::move(for_snapshots_.front());
      for_snapshots_.pop_front();
    }
    RunOnSnapshot(std::move(item));
  }
}

void AheadRunner::RunOnSnapshot(Item item) {
  absl::StatusOr<std::unique_ptr<Connection>> connection = context_.take();
  if (!connection.ok()) {
    return context_.committer->Submit({std::move(item.body), std::move(item.done)});
  }
  item.revision = context_.revision();
  item.since = context_.committer->version();
  std::unique_ptr<BufferedTransaction> transaction;
  {
    SqlReader reader(context_.catalog, connection->get(), item.revision);
    transaction = std::make_unique<BufferedTransaction>(context_.catalog, &reader, nullptr);
    transaction->set_status(item.body(*transaction));
    transaction->Detach();
  }
  context_.give_back(*std::move(connection));
  std::vector<Committer::Submission> submissions;
  Finish(std::move(item), std::move(transaction), true, &submissions);
  context_.committer->SubmitAll(std::move(submissions));
}

void AheadRunner::Finish(Item item, std::unique_ptr<BufferedTransaction> transaction,
                         bool one_state, std::vector<Committer::Submission>* submissions) {
  if (transaction->away()) {
    transaction = nullptr;
  } else if (one_state && (!transaction->status().ok() || transaction->discarded())) {
    context_.callbacks->Run([done = std::move(item.done), status = transaction->status(),
                             revision = item.revision]() mutable {
      if (status.ok()) {
        done(Committed{revision});
      } else {
        done(status);
      }
    });
    return;
  }
  if (transaction != nullptr) transaction->set_since(item.since);
  submissions->push_back({std::move(item.body), std::move(item.done), std::move(transaction)});
}

}  // namespace caravan::store
