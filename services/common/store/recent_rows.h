// The rows that this process wrote lately, with their versions: where nobody
// else has written since a row was read, it tells without the database whether
// the row is still as it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "services/common/store/store.h"

namespace caravan::store {

// Of one thread at a time.
class RecentWrites {
 public:
  // Holds the last `rows` rows at the least, twice as many at the most.
  explicit RecentWrites(size_t rows) : rows_(rows) {}

  // Somebody else wrote, up to this version of the store: what is known is
  // over.
  void Restart(int64_t version);

  // A commit wrote a row, and the store came to `version`. Call Written for
  // each row, then Committed.
  void Written(TableId table, std::string_view key, int64_t version);
  void Committed(int64_t version);

  // Whether all writes after a version of the store are known.
  bool Covers(int64_t since) const { return since >= begin_; }

  // The version with which a row was last written, 0 where it was deleted;
  // nothing where it was not written.
  std::optional<int64_t> Find(TableId table, std::string_view key) const;

 private:
  struct Generation {
    std::vector<absl::flat_hash_map<std::string, int64_t>> tables;
    size_t rows = 0;
    int64_t begin = 0;  // it has what was written after this version
  };

  const size_t rows_;
  Generation young_, old_;
  int64_t begin_ = 0;
};

}  // namespace caravan::store
