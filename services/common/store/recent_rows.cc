#include "services/common/store/recent_writes.h"

#include <utility>

namespace caravan::store {
namespace {

size_t IndexOf(TableId table) { return static_cast<size_t>(table + 1); }

}  // namespace

void RecentWrites::Restart(int64_t version) {
  old_ = {};
  young_ = {};
  young_.begin = begin_ = version;
}

void RecentWrites::Written(TableId table, std::string_view key, int64_t version) {
  const size_t index = IndexOf(table);
  if (index >= young_.tables.size()) young_.tables.resize(index + 1);
  if (young_.tables[index].insert_or_assign(key, version).second) ++young_.rows;
}

void RecentWrites::Committed(int64_t version) {
  if (young_.rows < rows_) return;
  old_ = std::exchange(young_, {});
  begin_ = old_.begin;
  young_.begin = version;
}

std::optional<int64_t> RecentWrites::Find(TableId table, std::string_view key) const {
  const size_t index = IndexOf(table);
  for (const Generation* generation : {&young_, &old_}) {
    if (index >= generation->tables.size()) continue;
    const auto row = generation->tables[index].find(key);
    if (row != generation->tables[index].end()) return row->second;
  }
  return std::nullopt;
}

}  // namespace caravan::store
