// Records of buckets as they were last committed, as many as a number of bytes holds:
// those that were used last.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace caravan::logistics {

// What is known of a bucket holds as long as nobody else writes to it: Validate()
// drops it where the bucket's sequence number is another than this process has left.
// Not thread-safe.
class RecordCache {
 public:
  RecordCache(int buckets, size_t max_bytes)
      : buckets_(static_cast<size_t>(buckets)), max_bytes_(max_bytes) {}

  // A bucket is at this sequence number.
  void Validate(int bucket, int64_t sequence) {
    Bucket& known = buckets_[static_cast<size_t>(bucket)];
    if (known.sequence == sequence) return;
    Drop(bucket);
    known.sequence = sequence;
  }
  // This process has committed to a bucket that was valid.
  void Advance(int bucket, int64_t sequence) {
    buckets_[static_cast<size_t>(bucket)].sequence = sequence;
  }

  void Drop(int bucket) {
    Bucket& known = buckets_[static_cast<size_t>(bucket)];
    for (const auto& [key, entry] : known.entries) {
      bytes_ -= CostOf(*entry);
      entries_.erase(entry);
    }
    known.entries.clear();
    known.sequence = -1;
  }

  // The record of a key; empty where there is no row. Null where that is not known.
  // Valid until the next change.
  const std::string* Find(int bucket, std::string_view key) {
    Bucket& known = buckets_[static_cast<size_t>(bucket)];
    const auto found = known.entries.find(key);
    if (found == known.entries.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->record;
  }

  void Put(int bucket, std::string_view key, std::string record) {
    Bucket& known = buckets_[static_cast<size_t>(bucket)];
    const auto found = known.entries.find(key);
    if (found != known.entries.end()) {
      Entry& entry = *found->second;
      bytes_ -= CostOf(entry);
      entry.record = std::move(record);
      bytes_ += CostOf(entry);
      entries_.splice(entries_.begin(), entries_, found->second);
    } else {
      entries_.push_front({bucket, std::string(key), std::move(record)});
      known.entries.emplace(entries_.front().key, entries_.begin());
      bytes_ += CostOf(entries_.front());
    }
    while (bytes_ > max_bytes_ && !entries_.empty()) {
      Entry& last = entries_.back();
      bytes_ -= CostOf(last);
      buckets_[static_cast<size_t>(last.bucket)].entries.erase(last.key);
      entries_.pop_back();
    }
  }

  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    int bucket = 0;
    std::string key;
    std::string record;
  };
  struct Bucket {
    int64_t sequence = -1;
    absl::flat_hash_map<std::string_view, std::list<Entry>::iterator> entries;  // keys: Entry::key
  };

  // With the list's and the map's share.
  static size_t CostOf(const Entry& entry) {
    return 128 + entry.key.capacity() + entry.record.capacity();
  }

  std::vector<Bucket> buckets_;
  std::list<Entry> entries_;  // what was used last comes first
  const size_t max_bytes_;
  size_t bytes_ = 0;
};

}  // namespace caravan::logistics
