// The rows that this process read or wrote lately, of a database that others may
// write, too. Where nobody else has, it tells without the database what a row is,
// and whether one that was read is still as it was. Whether somebody else has is
// for the commit to find out: what is found here is a guess until then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "services/common/store/connection.h"
#include "services/common/store/store.h"

namespace caravan::store {

// Thread-safe.
class RecentRows {
 public:
  // Holds the last `rows` rows at the least, twice as many at the most, and as much
  // of their data: of what is beyond `bytes` in that many, only the versions.
  RecentRows(size_t rows, int64_t bytes) : max_rows_(rows), max_bytes_(bytes) {}

  // Somebody else wrote, up to this version of the store: what is known is over.
  void Restart(int64_t version);

  // A commit wrote these rows, and the store came to `version`.
  void Committed(absl::Span<const RowWrite* const> rows, int64_t version);

  // A row (nothing: there is none) was read from a state that has every write up
  // to the version `since` of the store. Keeps it, where it is known that it was
  // not written later.
  void Keep(TableId table, std::string_view key, const std::optional<Row>& row, int64_t since);

  // Whether all writes after a version of the store are known.
  bool Covers(int64_t since) const;

  // The version of a row, 0 where there is none; nothing where it is not known:
  // it was then not written since any version that is covered.
  std::optional<int64_t> Version(TableId table, std::string_view key) const;

  // The same of the row itself: nothing within where there is none.
  std::optional<std::optional<Row>> Find(TableId table, std::string_view key);

 private:
  struct Entry {
    int64_t version = 0;
    std::optional<std::string> data;  // missing where there was no room
  };
  // The rows found lately are among the young; when these are many, they become
  // the old, and the old are forgotten.
  struct Generation {
    std::vector<absl::flat_hash_map<std::string, Entry>> tables;
    size_t rows = 0;
    int64_t bytes = 0;
    int64_t begin = 0;  // what was written after this version is in it, or in a younger one
  };

  void Add(TableId table, std::string_view key, Entry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Age() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Entry* FindEntry(TableId table, std::string_view key) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const size_t max_rows_;
  const int64_t max_bytes_;
  mutable absl::Mutex mutex_;
  Generation young_ ABSL_GUARDED_BY(mutex_), old_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;  // of the last commit
};

}  // namespace caravan::store
