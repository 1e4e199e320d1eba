#include "services/common/store/recent_rows.h"

#include <utility>

namespace caravan::store {
namespace {

size_t IndexOf(TableId table) { return static_cast<size_t>(table + 1); }

// What an entry takes beside its key and data, roughly.
constexpr int64_t kOverhead = 96;

}  // namespace

void RecentRows::Restart(int64_t version) {
  absl::MutexLock lock(&mutex_);
  old_ = {};
  young_ = {};
  old_.begin = young_.begin = version_ = version;
}

void RecentRows::Committed(absl::Span<const RowWrite* const> rows, int64_t version) {
  absl::MutexLock lock(&mutex_);
  for (const RowWrite* row : rows) Add(row->table, row->key, {row->version, row->data});
  version_ = version;
  Age();
}

void RecentRows::Keep(TableId table, std::string_view key, const std::optional<Row>& row,
                      int64_t since) {
  absl::MutexLock lock(&mutex_);
  if (since < old_.begin) return;
  Entry read = row.has_value() ? Entry{row->version, row->data} : Entry{0, ""};
  // One that is known is as it is now; there may not have been room for its data.
  const Entry* known = FindEntry(table, key);
  if (known != nullptr && (known->data.has_value() || known->version != read.version)) return;
  Add(table, key, std::move(read));
  Age();
}

bool RecentRows::Covers(int64_t since) const {
  absl::MutexLock lock(&mutex_);
  return since >= old_.begin;
}

std::optional<int64_t> RecentRows::Version(TableId table, std::string_view key) const {
  absl::MutexLock lock(&mutex_);
  const Entry* entry = FindEntry(table, key);
  return entry == nullptr ? std::nullopt : std::optional<int64_t>(entry->version);
}

std::optional<std::optional<Row>> RecentRows::Find(TableId table, std::string_view key) {
  const size_t index = IndexOf(table);
  absl::MutexLock lock(&mutex_);
  const auto as_row = [&](const Entry& entry) -> std::optional<std::optional<Row>> {
    if (!entry.data.has_value()) return std::nullopt;
    if (entry.version == 0) return std::optional<Row>();
    return Row{std::string(key), entry.version, *entry.data};
  };
  if (index < young_.tables.size()) {
    const auto row = young_.tables[index].find(key);
    if (row != young_.tables[index].end()) return as_row(row->second);
  }
  if (index >= old_.tables.size()) return std::nullopt;
  const auto row = old_.tables[index].find(key);
  if (row == old_.tables[index].end()) return std::nullopt;
  std::optional<std::optional<Row>> found = as_row(row->second);
  Entry entry = std::move(row->second);
  old_.tables[index].erase(row);
  Add(table, key, std::move(entry));
  return found;
}

void RecentRows::Add(TableId table, std::string_view key, Entry entry) {
  const size_t index = IndexOf(table);
  if (index >= young_.tables.size()) young_.tables.resize(index + 1);
  auto [row, inserted] = young_.tables[index].try_emplace(key);
  if (inserted) {
    ++young_.rows;
    young_.bytes += static_cast<int64_t>(key.size()) + kOverhead;
  } else if (row->second.data.has_value()) {
    young_.bytes -= static_cast<int64_t>(row->second.data->size());
  }
  if (entry.data.has_value()) {
    const int64_t bytes = static_cast<int64_t>(entry.data->size());
    if (young_.bytes + bytes > max_bytes_) {
      entry.data.reset();
    } else {
      young_.bytes += bytes;
    }
  }
  row->second = std::move(entry);
}

void RecentRows::Age() {
  if (young_.rows < max_rows_) return;
  old_ = std::exchange(young_, {});
  young_.begin = version_;
}

const RecentRows::Entry* RecentRows::FindEntry(TableId table, std::string_view key) const {
  const size_t index = IndexOf(table);
  for (const Generation* generation : {&young_, &old_}) {
    if (index >= generation->tables.size()) continue;
    const auto row = generation->tables[index].find(key);
    if (row != generation->tables[index].end()) return &row->second;
  }
  return nullptr;
}

}  // namespace caravan::store
