#include "services/common/store/row_cache.h"

#include "absl/hash/hash.h"

namespace caravan::store {
namespace {

// What an entry takes, roughly.
int64_t BytesOf(std::string_view key, std::string_view data) {
  constexpr int64_t kOverhead = 96;
  return static_cast<int64_t>(key.size() + data.size()) + kOverhead;
}

size_t IndexOf(TableId table) { return static_cast<size_t>(table + 1); }

}  // namespace

RowCache::RowCache(int64_t max_bytes)
    : max_young_bytes_(max_bytes / static_cast<int64_t>(kShards) / 2) {}

RowCache::Shard& RowCache::ShardOf(std::string_view key) {
  return shards_[absl::HashOf(key) % kShards];
}

std::optional<Row> RowCache::Find(TableId table, std::string_view key) {
  Shard& shard = ShardOf(key);
  const size_t index = IndexOf(table);
  absl::MutexLock lock(&shard.mutex);
  if (index < shard.young.size()) {
    const auto row = shard.young[index].find(key);
    if (row != shard.young[index].end()) {
      return Row{std::string(key), row->second.first, row->second.second};
    }
  }
  if (index >= shard.old.size()) return std::nullopt;
  const auto row = shard.old[index].find(key);
  if (row == shard.old[index].end()) return std::nullopt;
  auto [version, data] = std::move(row->second);
  shard.old[index].erase(row);
  Add(shard, table, key, version, data);
  return Row{std::string(key), version, std::move(data)};
}

void RowCache::Keep(TableId table, const Row& row, int64_t then) {
  if (then % 2 != 0) return;
  Shard& shard = ShardOf(row.key);
  absl::MutexLock lock(&shard.mutex);
  // A commit that begins now waits for the shard before it takes rows out.
  if (commits_ == then) Add(shard, table, row.key, row.version, row.data);
}

void RowCache::Add(Shard& shard, TableId table, std::string_view key, int64_t version,
                   std::string data) {
  const int64_t bytes = BytesOf(key, data);
  if (bytes > max_young_bytes_) return;
  if (shard.young_bytes + bytes > max_young_bytes_) {
    shard.old = std::move(shard.young);
    shard.young.clear();
    shard.young_bytes = 0;
  }
  const size_t index = IndexOf(table);
  if (index >= shard.young.size()) shard.young.resize(index + 1);
  if (shard.young[index].insert_or_assign(key, std::pair(version, std::move(data))).second) {
    shard.young_bytes += bytes;
  }
}

void RowCache::BeginCommit(absl::Span<const RowKey> rows) {
  ++commits_;
  for (const RowKey& row : rows) {
    Shard& shard = ShardOf(row.key);
    const size_t index = IndexOf(row.table);
    absl::MutexLock lock(&shard.mutex);
    if (index < shard.young.size()) {
      const auto young = shard.young[index].find(row.key);
      if (young != shard.young[index].end()) {
        shard.young_bytes -= BytesOf(row.key, young->second.second);
        shard.young[index].erase(young);
      }
    }
    if (index < shard.old.size()) shard.old[index].erase(row.key);
  }
}

void RowCache::EndCommit() { ++commits_; }

}  // namespace caravan::store
