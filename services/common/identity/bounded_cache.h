// A cache for what is costly to verify.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/time/time.h"

namespace caravan::identity {

// At most `capacity` values, each until it expires or is outdated. When there
// are too many, those go that were not found for longest, about half of them at
// once. Thread-safe; a lookup takes one lock of many. Values should be cheap to
// copy.
template <typename Value>
class BoundedCache {
 public:
  explicit BoundedCache(size_t capacity)
      : shard_capacity_(std::max<size_t>(1, capacity / (2 * kShards))) {}

  // The value, where it was inserted in this generation and has not expired.
  std::optional<Value> Find(std::string_view key, uint64_t generation, absl::Time now) {
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    if (shard.generation != generation) return std::nullopt;
    auto found = shard.recent.find(key);
    if (found == shard.recent.end()) {
      const auto older = shard.older.find(key);
      if (older == shard.older.end() || now >= older->second.expiry) return std::nullopt;
      // It is in use: keep it when the older ones go.
      Entry entry = std::move(older->second);
      shard.older.erase(older);
      found = Add(shard, key, std::move(entry));
    }
    if (now >= found->second.expiry) return std::nullopt;
    return found->second.value;
  }

  // Replaces what is there. A value of a generation that is over is left out; one
  // of a new generation is the end of those before.
  void Insert(std::string_view key, uint64_t generation, absl::Time expiry, Value value) {
    Shard& shard = ShardOf(key);
    std::lock_guard lock(shard.mutex);
    if (generation < shard.generation) return;
    if (generation > shard.generation) {
      shard.recent.clear();
      shard.older.clear();
      shard.generation = generation;
    }
    shard.older.erase(key);
    Add(shard, key, Entry{expiry, std::move(value)});
  }

  // How many there are, those that have expired included.
  size_t size() {
    size_t sum = 0;
    for (Shard& shard : shards_) {
      std::lock_guard lock(shard.mutex);
      sum += shard.recent.size() + shard.older.size();
    }
    return sum;
  }

 private:
  static constexpr size_t kShards = 16;

  struct Entry {
    absl::Time expiry;
    Value value;
  };
  using Map = absl::flat_hash_map<std::string, Entry>;

  struct alignas(64) Shard {
    std::mutex mutex;
    uint64_t generation = 0;
    Map recent;  // inserted or found since `older` was `recent`
    Map older;
  };

  Shard& ShardOf(std::string_view key) {
    return shards_[absl::Hash<std::string_view>()(key) % kShards];
  }

  typename Map::iterator Add(Shard& shard, std::string_view key, Entry entry) {
    if (shard.recent.size() >= shard_capacity_) {
      shard.older = std::exchange(shard.recent, {});
    }
    return shard.recent.insert_or_assign(std::string(key), std::move(entry)).first;
  }

  const size_t shard_capacity_;
  std::array<Shard, kShards> shards_;
};

}  // namespace caravan::identity
