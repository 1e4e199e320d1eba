#include "services/common/store/row_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace caravan::store {
namespace {

Row MakeRow(std::string key, int64_t version, std::string data = "data") {
  return {std::move(key), version, std::move(data)};
}

void Commit(RowCache& cache, const std::vector<RowKey>& rows) {
  cache.BeginCommit(rows);
  cache.EndCommit();
}

TEST(RowCacheTest, FindsWhatItKeeps) {
  RowCache cache(1 << 20);
  EXPECT_EQ(cache.Find(0, "a"), std::nullopt);
  cache.Keep(0, MakeRow("a", 7, "first"), cache.now());
  cache.Keep(-1, MakeRow("a", 8, "lease"), cache.now());
  ASSERT_TRUE(cache.Find(0, "a").has_value());
  EXPECT_EQ(cache.Find(0, "a")->version, 7);
  EXPECT_EQ(cache.Find(0, "a")->data, "first");
  EXPECT_EQ(cache.Find(-1, "a")->data, "lease");
  EXPECT_EQ(cache.Find(1, "a"), std::nullopt);
}

TEST(RowCacheTest, ACommitTakesOutWhatItWrites) {
  RowCache cache(1 << 20);
  cache.Keep(0, MakeRow("a", 1), cache.now());
  cache.Keep(0, MakeRow("b", 1), cache.now());
  cache.Keep(1, MakeRow("a", 1), cache.now());
  Commit(cache, {{0, "a"}, {0, "never read"}});
  EXPECT_EQ(cache.Find(0, "a"), std::nullopt);
  EXPECT_TRUE(cache.Find(0, "b").has_value());
  EXPECT_TRUE(cache.Find(1, "a").has_value());
}

TEST(RowCacheTest, WhatWasReadBeforeACommitDoesNotComeIn) {
  RowCache cache(1 << 20);
  const int64_t before = cache.now();
  cache.BeginCommit({});
  const int64_t during = cache.now();
  cache.Keep(0, MakeRow("a", 1), before);
  cache.Keep(0, MakeRow("a", 1), during);
  EXPECT_EQ(cache.Find(0, "a"), std::nullopt);
  cache.EndCommit();
  cache.Keep(0, MakeRow("a", 1), before);
  cache.Keep(0, MakeRow("a", 1), during);
  EXPECT_EQ(cache.Find(0, "a"), std::nullopt);
  cache.Keep(0, MakeRow("a", 2), cache.now());
  EXPECT_EQ(cache.Find(0, "a")->version, 2);
}

TEST(RowCacheTest, ForgetsWhatIsNotLookedFor) {
  RowCache cache(256 << 10);
  const std::string data(1000, 'x');
  int64_t kept = 0;
  for (int i = 0; i < 2000; ++i) {
    cache.Keep(0, MakeRow(absl::StrCat("row", i), 1, data), cache.now());
    if (i == 0) continue;
    EXPECT_TRUE(cache.Find(0, "row0").has_value()) << i;
  }
  for (int i = 0; i < 2000; ++i) kept += cache.Find(0, absl::StrCat("row", i)).has_value() ? 1 : 0;
  EXPECT_GT(kept, 50);
  EXPECT_LT(kept, 256);
  cache.Keep(0, MakeRow("large", 1, std::string(1 << 20, 'x')), cache.now());
  EXPECT_EQ(cache.Find(0, "large"), std::nullopt);
}

TEST(RowCacheTest, ReadersNeverSeeAnOlderRow) {
  // A database of one row: what it holds is the number of commits.
  RowCache cache(1 << 20);
  std::atomic<int64_t> database = 1;
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int64_t seen = 0;
      while (!stop) {
        int64_t version = 0;
        if (const auto row = cache.Find(0, "a")) {
          version = row->version;
        } else {
          const int64_t then = cache.now();
          version = database;
          cache.Keep(0, MakeRow("a", version), then);
        }
        EXPECT_GE(version, seen);
        seen = version;
      }
    });
  }
  const std::vector<RowKey> rows = {{0, "a"}};
  for (int i = 0; i < 20'000; ++i) {
    cache.BeginCommit(rows);
    ++database;
    cache.EndCommit();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace caravan::store
