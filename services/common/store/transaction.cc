#include "services/common/store/transaction.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// So many writes are looked through one by one.
constexpr size_t kFewWrites = 16;

}  // namespace

int64_t BufferedTransaction::revision() const {
  return group_ != nullptr ? group_->meta().revision : base_->revision();
}

std::optional<Row> BufferedTransaction::FindWritten(TableId table, std::string_view key,
                                                    bool* known) {
  *known = true;
  if (const BufferedWrite* write = LastWrite(table, key)) {
    if (write->deleted) return std::nullopt;
    return Row{write->key, kPendingVersion,
               write->at_commit ? write->at_commit(revision() + logged()) : write->data};
  }
  if (group_ != nullptr) {
    if (const RowWrite* row = group_->Find(table, key)) {
      if (row->version == 0) return std::nullopt;
      return Row{row->key, row->version, row->data};
    }
  }
  *known = false;
  return std::nullopt;
}

const BufferedWrite* BufferedTransaction::LastWrite(TableId table, std::string_view key) const {
  if (writes_.size() <= kFewWrites) {
    for (auto write = writes_.rbegin(); write != writes_.rend(); ++write) {
      if (write->table == table && write->key == key) return &*write;
    }
    return nullptr;
  }
  const auto rows = last_writes_.find(table);
  if (rows == last_writes_.end()) return nullptr;
  const auto row = rows->second.find(key);
  return row == rows->second.end() ? nullptr : &writes_[row->second];
}

bool BufferedTransaction::Puts(TableId table, std::string_view key) const {
  const BufferedWrite* write = LastWrite(table, key);
  return write != nullptr && !write->deleted;
}

void BufferedTransaction::NoteRead(TableId table, std::string_view key,
                                   const std::optional<Row>& row) {
  reads_.push_back({table, std::string(key)});
  read_versions_.push_back(row.has_value() ? row->version : 0);
}

absl::Status BufferedTransaction::Note(absl::Status status) {
  if (IsDatabaseAway(status)) away_ = true;
  return status;
}

absl::StatusOr<std::optional<Row>> BufferedTransaction::Get(TableId table, std::string_view key) {
  bool known = false;
  std::optional<Row> written = FindWritten(table, key, &known);
  if (known) return written;
  absl::StatusOr<std::optional<Row>> row = base_->Get(table, key);
  if (!row.ok()) return Note(row.status());
  NoteRead(table, key, *row);
  return row;
}

absl::StatusOr<std::vector<std::optional<Row>>> BufferedTransaction::GetMany(
    TableId table, absl::Span<const std::string> keys) {
  std::vector<std::optional<Row>> rows(keys.size());
  std::vector<std::string> missing;
  std::vector<size_t> positions;
  for (size_t i = 0; i < keys.size(); ++i) {
    bool known = false;
    rows[i] = FindWritten(table, keys[i], &known);
    if (known) continue;
    missing.push_back(keys[i]);
    positions.push_back(i);
  }
  if (missing.empty()) return rows;
  absl::StatusOr<std::vector<std::optional<Row>>> read = base_->GetMany(table, missing);
  if (!read.ok()) return Note(read.status());
  for (size_t i = 0; i < missing.size(); ++i) {
    NoteRead(table, missing[i], (*read)[i]);
    rows[positions[i]] = std::move((*read)[i]);
  }
  return rows;
}

absl::Status BufferedTransaction::Scan(const ScanSpec& spec,
                                       absl::FunctionRef<bool(Row& row)> visit) {
  // The body may rely on a guard row that a member before it has written; so it
  // has to see the rows that this one wrote, too.
  if (group_ != nullptr) {
    if (absl::Status status = group_->Flush(); !status.ok()) return status;
  }
  return Note(base_->Scan(spec, visit));
}

absl::Status BufferedTransaction::ScanChanges(const ChangeScan& spec,
                                              absl::FunctionRef<bool(Change& change)> visit) {
  if (group_ != nullptr) {
    if (absl::Status status = group_->Flush(); !status.ok()) return status;
  }
  return Note(base_->ScanChanges(spec, visit));
}

void BufferedTransaction::Write(BufferedWrite write) {
  if (!catalog_->has(write.table)) {
    if (error_.ok()) error_ = MisuseError(absl::StrCat("there is no table ", write.table));
    return;
  }
  if (!write.deleted && error_.ok()) {
    error_ = catalog_->CheckRow(write.table, write.key, write.columns);
  }
  writes_.push_back(std::move(write));
  if (writes_.size() <= kFewWrites) return;
  for (size_t i = last_writes_.empty() ? 0 : writes_.size() - 1; i < writes_.size(); ++i) {
    last_writes_[writes_[i].table].insert_or_assign(writes_[i].key, i);
  }
}

void BufferedTransaction::Put(TableId table, std::string key, std::string data,
                              std::vector<Value> columns) {
  Write({.table = table,
         .key = std::move(key),
         .data = std::move(data),
         .columns = std::move(columns)});
}

void BufferedTransaction::PutAtCommit(TableId table, std::string key,
                                      std::function<std::string(int64_t)> data,
                                      std::vector<Value> columns) {
  Write({.table = table,
         .key = std::move(key),
         .at_commit = std::move(data),
         .columns = std::move(columns)});
}

void BufferedTransaction::Delete(TableId table, std::string key) {
  Write({.table = table, .key = std::move(key), .deleted = true});
}

Group::Group(const Catalog* catalog, WriterConnection* writer, Meta meta, absl::Time now)
    : writer_(writer), meta_(meta), reader_(catalog, writer, meta), index_(catalog->end() + 1) {
  meta_.commit_time = std::max(meta_.commit_time, absl::ToUnixMicros(now));
}

const RowWrite* Group::Find(TableId table, std::string_view key) const {
  if (table < -1 || table + 1 >= static_cast<TableId>(index_.size())) return nullptr;
  const auto& index = index_[table + 1];
  auto it = index.find(key);
  return it == index.end() ? nullptr : &rows_[it->second].row;
}

bool Group::IsCurrent(const BufferedTransaction& transaction,
                      absl::Span<const int64_t> current) const {
  const std::vector<RowKey>& reads = transaction.reads();
  for (size_t i = 0; i < reads.size(); ++i) {
    const RowWrite* written = Find(reads[i].table, reads[i].key);
    const int64_t version = written != nullptr ? written->version : current[i];
    if (version != transaction.read_versions()[i]) return false;
  }
  return true;
}

bool Group::AreCurrent(absl::Span<const BufferedTransaction* const> transactions,
                       const RecentRows& recent) {
  absl::flat_hash_set<std::pair<TableId, std::string_view>> written;
  for (const BufferedTransaction* transaction : transactions) {
    if (!recent.Covers(transaction->since())) return false;
    const std::vector<RowKey>& reads = transaction->reads();
    for (size_t i = 0; i < reads.size(); ++i) {
      if (written.contains({reads[i].table, reads[i].key})) return false;
      const std::optional<int64_t> version = recent.Version(reads[i].table, reads[i].key);
      if (version.has_value() && *version != transaction->read_versions()[i]) return false;
    }
    if (!transaction->commits()) continue;
    for (const BufferedWrite& write : transaction->writes()) {
      written.insert({write.table, write.key});
    }
  }
  return true;
}

int64_t Group::Add(const BufferedTransaction& transaction) {
  if (transaction.writes_nothing()) return meta_.revision;
  wrote_ = true;
  const int64_t version = ++meta_.version;
  const int64_t end = meta_.revision + transaction.logged();
  // The group has not written these rows yet, so they are as they were read.
  absl::flat_hash_map<std::pair<TableId, std::string_view>, RowWrite::Before> found;
  const std::vector<RowKey>& reads = transaction.reads();
  for (size_t i = 0; i < reads.size(); ++i) {
    found[{reads[i].table, reads[i].key}] = transaction.read_versions()[i] == 0
                                                ? RowWrite::Before::kAbsent
                                                : RowWrite::Before::kPresent;
  }
  for (const BufferedWrite& write : transaction.writes()) {
    auto& index = index_[write.table + 1];
    auto [it, inserted] = index.try_emplace(write.key, rows_.size());
    if (inserted) {
      rows_.emplace_back();
      unflushed_.push_back(it->second);
    } else if (rows_[it->second].flushed) {
      unflushed_.push_back(it->second);
    }
    Written& written = rows_[it->second];
    if (inserted) {
      const auto read = found.find({write.table, write.key});
      if (read != found.end()) written.row.before = read->second;
    } else if (written.flushed) {
      written.row.before = RowWrite::Before::kUnknown;
    }
    written.flushed = false;
    written.row.table = write.table;
    written.row.key = write.key;
    written.row.version = write.deleted ? 0 : version;
    written.row.data = write.at_commit ? write.at_commit(end) : write.data;
    written.row.columns = write.columns;
  }
  for (const Change& logged : transaction.changes()) {
    Change& change = changes_.emplace_back(logged);
    change.revision = ++meta_.revision;
    change.transaction_end_revision = end;
    change.commit_time = absl::FromUnixMicros(meta_.commit_time);
  }
  return end;
}

std::vector<const RowWrite*> Group::TakeUnflushed() {
  std::vector<const RowWrite*> rows;
  rows.reserve(unflushed_.size());
  for (size_t i : unflushed_) {
    rows_[i].flushed = true;
    rows.push_back(&rows_[i].row);
  }
  unflushed_.clear();
  return rows;
}

absl::Status Group::Flush() {
  if (!status_.ok() || (unflushed_.empty() && changes_.empty())) return status_;
  status_ = writer_->Apply(TakeUnflushed(), changes_);
  changes_.clear();
  return status_;
}

absl::StatusOr<bool> Group::CommitAt(const Meta& before) {
  return writer_->CommitAt(before, meta_, TakeUnflushed(), changes_);
}

void Group::NoteWrites(RecentRows* recent) const {
  std::vector<const RowWrite*> rows;
  rows.reserve(rows_.size());
  for (const Written& written : rows_) rows.push_back(&written.row);
  recent->Committed(rows, meta_.version);
}

}  // namespace caravan::store
