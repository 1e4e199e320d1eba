#include "services/common/store/read_batcher.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {

absl::Status ReadBatcher::GetRows(absl::Span<const RowKey> keys,
                                  std::vector<std::optional<Row>>* rows) {
  Request request{.keys = keys, .rows = rows};
  auto ours = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return request.done || !busy_; };
  std::vector<Request*> requests;
  {
    absl::MutexLock lock(&mutex_);
    waiting_.push_back(&request);
    mutex_.Await(absl::Condition(&ours));
    if (request.done) return request.status;
    busy_ = true;
    requests.swap(waiting_);
  }
  Fetch(requests);
  absl::MutexLock lock(&mutex_);
  busy_ = false;
  for (Request* each : requests) each->done = true;
  return request.status;
}

void ReadBatcher::Fetch(const std::vector<Request*>& requests) {
  std::vector<RowKey> keys;
  for (const Request* request : requests) {
    keys.insert(keys.end(), request->keys.begin(), request->keys.end());
  }
  std::vector<std::optional<Row>> rows;
  absl::Status status;
  // A connection that was idle may have broken meanwhile.
  for (int attempt = 0; attempt < 2; ++attempt) {
    status = absl::OkStatus();
    if (connection_ == nullptr || !connection_->usable()) {
      absl::StatusOr<std::unique_ptr<Connection>> connection = engine_->Connect();
      status = connection.status();
      if (status.ok()) connection_ = *std::move(connection);
    }
    rows.clear();
    if (status.ok()) status = connection_->GetRows(keys, &rows);
    if (!IsDatabaseAway(status)) break;
  }
  auto next = rows.begin();
  for (Request* request : requests) {
    request->status = status;
    if (!status.ok()) continue;
    const auto end = next + static_cast<int64_t>(request->keys.size());
    request->rows->assign(std::make_move_iterator(next), std::make_move_iterator(end));
    next = end;
  }
}

absl::Status AheadReader::Note(absl::Status status) {
  if (IsDatabaseAway(status)) away_ = true;
  return status;
}

absl::StatusOr<std::optional<Row>> AheadReader::Get(TableId table, std::string_view key) {
  absl::StatusOr<std::vector<std::optional<Row>>> rows = GetMany(table, {std::string(key)});
  if (!rows.ok()) return rows.status();
  return std::move(rows->front());
}

absl::StatusOr<std::vector<std::optional<Row>>> AheadReader::GetMany(
    TableId table, absl::Span<const std::string> keys) {
  if (!catalog_->has(table)) return MisuseError(absl::StrCat("there is no table ", table));
  if (snapshot_.has_value()) {
    absl::StatusOr<std::vector<std::optional<Row>>> rows = snapshot_->GetMany(table, keys);
    Note(rows.status()).IgnoreError();
    return rows;
  }
  std::vector<RowKey> wanted;
  wanted.reserve(keys.size());
  for (const std::string& key : keys) wanted.push_back({table, key});
  ++reads_;
  std::vector<std::optional<Row>> rows;
  if (absl::Status status = Note(batcher_->GetRows(wanted, &rows)); !status.ok()) return status;
  return rows;
}

absl::Status AheadReader::BeginSnapshot() {
  if (snapshot_.has_value()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Connection>> connection = take_();
  if (!connection.ok()) return Note(connection.status());
  connection_ = *std::move(connection);
  snapshot_.emplace(catalog_, connection_.get(), revision_);
  ++reads_;
  return absl::OkStatus();
}

absl::Status AheadReader::Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) {
  if (absl::Status status = BeginSnapshot(); !status.ok()) return status;
  return Note(snapshot_->Scan(spec, visit));
}

absl::Status AheadReader::ScanChanges(const ChangeScan& spec,
                                      absl::FunctionRef<bool(Change& change)> visit) {
  if (absl::Status status = BeginSnapshot(); !status.ok()) return status;
  return Note(snapshot_->ScanChanges(spec, visit));
}

std::unique_ptr<Connection> AheadReader::Finish() {
  snapshot_.reset();
  return std::move(connection_);
}

}  // namespace caravan::store
