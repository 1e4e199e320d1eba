// What the tests of the store have in common.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/common/store/store.h"

namespace caravan::store {

inline absl::Status ToStatus(const absl::Status& status) { return status; }
template <typename T>
absl::Status ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

#define ASSERT_OK(expression) ASSERT_EQ(::caravan::store::ToStatus(expression), absl::OkStatus())
#define EXPECT_OK(expression) EXPECT_EQ(::caravan::store::ToStatus(expression), absl::OkStatus())

inline bool operator==(const Row& a, const Row& b) {
  return a.key == b.key && a.version == b.version && a.data == b.data;
}

// A table without columns.
inline Table PlainTable(std::string name) { return {std::move(name), {}, nullptr}; }

inline std::optional<Row> GetRow(Store& store, TableId table, std::string_view key) {
  std::optional<Row> row;
  EXPECT_OK(store.Read([&](Reader& reader) -> absl::Status {
    absl::StatusOr<std::optional<Row>> result = reader.Get(table, key);
    if (result.ok()) row = *std::move(result);
    return result.status();
  }));
  return row;
}

// Adds one to the number in a row of the first table.
inline absl::Status Increment(Transaction& tx, std::string key) {
  absl::StatusOr<std::optional<Row>> row = tx.Get(0, key);
  if (!row.ok()) return row.status();
  int64_t value = 0;
  if (row->has_value() && !absl::SimpleAtoi((*row)->data, &value)) {
    return absl::InternalError((*row)->data);
  }
  tx.Put(0, std::move(key), absl::StrCat(value + 1));
  return absl::OkStatus();
}

inline std::vector<std::string> ScanKeys(Store& store, const ScanSpec& spec) {
  std::vector<std::string> keys;
  EXPECT_OK(store.Read([&](Reader& reader) {
    return reader.Scan(spec, [&](Row& row) {
      keys.push_back(row.key);
      return true;
    });
  }));
  return keys;
}

inline int64_t CountRows(Store& store, const ScanSpec& spec) {
  return static_cast<int64_t>(ScanKeys(store, spec).size());
}

inline std::vector<Change> ReadChanges(Store& store, const ChangeScan& spec = {}) {
  std::vector<Change> changes;
  EXPECT_OK(store.Read([&](Reader& reader) {
    return reader.ScanChanges(spec, [&](Change& change) {
      changes.push_back(std::move(change));
      return true;
    });
  }));
  return changes;
}

inline std::vector<int64_t> Revisions(Store& store, const ChangeScan& spec) {
  std::vector<int64_t> revisions;
  for (const Change& change : ReadChanges(store, spec)) revisions.push_back(change.revision);
  return revisions;
}

}  // namespace caravan::store
