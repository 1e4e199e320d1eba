// What a transaction's body reads and writes, before it is committed.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"
#include "services/common/store/recent_rows.h"
#include "services/common/store/sql_reader.h"
#include "services/common/store/store.h"

namespace caravan::store {

struct BufferedWrite {
  TableId table = 0;
  std::string key;
  bool deleted = false;
  std::string data = {};
  std::function<std::string(int64_t end_revision)> at_commit = {};  // instead of data
  std::vector<Value> columns = {};
};

class Group;

class BufferedTransaction final : public Transaction {
 public:
  // Reads from `base`, and what the group has written, where there is one.
  BufferedTransaction(const Catalog* catalog, Reader* base, Group* group)
      : catalog_(catalog), base_(base), group_(group) {}

  int64_t revision() const override;
  bool remote() const override { return group_ == nullptr && base_->remote(); }
  void Expect(TableId table, std::string_view key) override {
    if (remote()) base_->Expect(table, key);
  }
  void ExpectAbsent(TableId table, std::string_view key) override {
    if (remote()) base_->ExpectAbsent(table, key);
  }
  absl::StatusOr<std::optional<Row>> Get(TableId table, std::string_view key) override;
  absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId table, absl::Span<const std::string> keys) override;
  absl::Status Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) override;
  absl::Status ScanChanges(const ChangeScan& spec,
                           absl::FunctionRef<bool(Change& change)> visit) override;
  void Put(TableId table, std::string key, std::string data, std::vector<Value> columns) override;
  void PutAtCommit(TableId table, std::string key, std::function<std::string(int64_t)> data,
                   std::vector<Value> columns) override;
  void Delete(TableId table, std::string key) override;
  void Log(Change change) override { changes_.push_back(std::move(change)); }
  int64_t logged() const { return static_cast<int64_t>(changes_.size()); }
  void Discard() override { discarded_ = true; }
  void AfterCommit(std::function<void()> callback) override {
    after_commit_.push_back(std::move(callback));
  }

  // What the body returned, where it ran ahead.
  void set_status(absl::Status status) { status_ = std::move(status); }
  const absl::Status& status() const { return status_; }

  // Where it ran ahead: what it read has every write up to this version of the
  // store.
  void set_since(int64_t version) { since_ = version; }
  int64_t since() const { return since_; }

  // The base is gone; only what was buffered is still needed.
  void Detach() { base_ = nullptr; }

  // A read failed because the database is away.
  bool away() const { return away_; }

  // Why it can't be committed, though the body returned OK.
  const absl::Status& error() const { return error_; }
  bool discarded() const { return discarded_; }
  // It is to be committed: neither has it failed, nor does it say not to.
  bool commits() const { return status_.ok() && !discarded_ && error_.ok(); }
  bool writes_nothing() const { return writes_.empty() && changes_.empty(); }
  const std::vector<RowKey>& reads() const { return reads_; }
  const std::vector<int64_t>& read_versions() const { return read_versions_; }
  const std::vector<BufferedWrite>& writes() const { return writes_; }
  // Whether it writes a row, and does not delete it.
  bool Puts(TableId table, std::string_view key) const;
  absl::Span<const Change> changes() const override { return changes_; }
  const std::vector<std::function<void()>>& after_commit() const { return after_commit_; }

 private:
  void Write(BufferedWrite write);
  // The last write of a row, or null.
  const BufferedWrite* LastWrite(TableId table, std::string_view key) const;
  // The row as this transaction or its group has written it; `known` says
  // whether either did.
  std::optional<Row> FindWritten(TableId table, std::string_view key, bool* known);
  void NoteRead(TableId table, std::string_view key, const std::optional<Row>& row);
  absl::Status Note(absl::Status status);

  const Catalog* const catalog_;
  Reader* base_;
  Group* const group_;
  bool discarded_ = false;
  bool away_ = false;
  absl::Status error_;
  absl::Status status_;
  int64_t since_ = 0;
  std::vector<RowKey> reads_;
  std::vector<int64_t> read_versions_;
  std::vector<BufferedWrite> writes_;
  // The last write of each row; empty where they are few.
  absl::flat_hash_map<TableId, absl::flat_hash_map<std::string, size_t>> last_writes_;
  std::vector<Change> changes_;
  std::vector<std::function<void()>> after_commit_;
};

// The transactions that are committed together: what they have written so far,
// and not yet, to the database.
class Group {
 public:
  Group(const Catalog* catalog, WriterConnection* writer, Meta meta, absl::Time now);

  // Whether all rows that a transaction has read are still as it read them.
  // `current` are their versions before the group.
  bool IsCurrent(const BufferedTransaction& transaction, absl::Span<const int64_t> current) const;

  // The same of transactions that are to be added one after the other, where
  // nobody else has written lately; false, too, where that can't be told.
  static bool AreCurrent(absl::Span<const BufferedTransaction* const> transactions,
                         const RecentRows& recent);

  // Adds a transaction's writes, and returns its revision.
  int64_t Add(const BufferedTransaction& transaction);

  // The row as the group wrote it; a version of 0: deleted. Null: not written.
  const RowWrite* Find(TableId table, std::string_view key) const;

  // Writes what there is to the database.
  absl::Status Flush();

  // Writes and commits, where the database is still as `before` says; see
  // WriterConnection::CommitAt.
  absl::StatusOr<bool> CommitAt(const Meta& before);

  // Notes what was written.
  void NoteWrites(RecentRows* recent) const;

  // Of the last Flush that failed: the group can't be committed.
  const absl::Status& status() const { return status_; }
  const Meta& meta() const { return meta_; }
  bool wrote() const { return wrote_; }
  SqlReader& reader() { return reader_; }

 private:
  struct Written {
    RowWrite row;
    bool flushed = false;
  };

  // The rows that Flush has to write.
  std::vector<const RowWrite*> TakeUnflushed();

  WriterConnection* const writer_;
  Meta meta_;
  SqlReader reader_;
  std::deque<Written> rows_;
  std::vector<absl::flat_hash_map<std::string, size_t>> index_;  // by table
  std::vector<size_t> unflushed_;
  std::vector<Change> changes_;
  bool wrote_ = false;
  absl::Status status_;
};

}  // namespace caravan::store
