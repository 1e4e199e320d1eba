// Rows as they are now, in memory: for a database that only this process
// changes, a read by key then needs no snapshot.
//
// A commit takes the rows that it writes out of the cache before it becomes
// visible, and while it does nothing that was read may come in. So a row in the
// cache is the newest; and once a row was seen, no older one is seen.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "services/common/store/connection.h"
#include "services/common/store/store.h"

namespace caravan::store {

// Thread-safe.
class RowCache {
 public:
  explicit RowCache(int64_t max_bytes);

  // The row as it is now; nothing where that is not known.
  std::optional<Row> Find(TableId table, std::string_view key);

  // When a snapshot is to begin, of which rows may be kept.
  int64_t now() const { return commits_; }

  // Keeps a row of a snapshot that began after `then` was now().
  void Keep(TableId table, const Row& row, int64_t then);

  // Around a commit that writes rows; of one thread at a time.
  void BeginCommit(absl::Span<const RowKey> rows);
  void EndCommit();

 private:
  using Rows = absl::flat_hash_map<std::string, std::pair<int64_t, std::string>>;  // version, data
  // The rows found lately are among `young`; when these are many, they become
  // the old, and the old are forgotten.
  struct Shard {
    absl::Mutex mutex;
    std::vector<Rows> young ABSL_GUARDED_BY(mutex);  // by table
    std::vector<Rows> old ABSL_GUARDED_BY(mutex);
    int64_t young_bytes ABSL_GUARDED_BY(mutex) = 0;
  };
  static constexpr size_t kShards = 16;

  Shard& ShardOf(std::string_view key);
  void Add(Shard& shard, TableId table, std::string_view key, int64_t version, std::string data)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  const int64_t max_young_bytes_;  // of a shard
  // How many commits have begun and ended: odd while there is one.
  std::atomic<int64_t> commits_ = 0;
  Shard shards_[kShards];
};

}  // namespace caravan::store
