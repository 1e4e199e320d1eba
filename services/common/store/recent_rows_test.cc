#include "services/common/store/recent_writes.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace caravan::store {
namespace {

TEST(RecentWritesTest, KnowsTheLastVersionOfARow) {
  RecentWrites writes(10);
  writes.Restart(5);
  EXPECT_TRUE(writes.Covers(5));
  EXPECT_FALSE(writes.Covers(4));
  EXPECT_EQ(writes.Find(0, "a"), std::nullopt);
  writes.Written(0, "a", 6);
  writes.Written(-1, "a", 7);
  writes.Committed(7);
  EXPECT_EQ(writes.Find(0, "a"), 6);
  EXPECT_EQ(writes.Find(-1, "a"), 7);
  EXPECT_EQ(writes.Find(1, "a"), std::nullopt);
  writes.Written(0, "a", 0);
  writes.Committed(8);
  EXPECT_EQ(writes.Find(0, "a"), 0);
  EXPECT_TRUE(writes.Covers(5));
}

TEST(RecentWritesTest, ForgetsTheOldestAndSaysSo) {
  RecentWrites writes(10);
  writes.Restart(0);
  for (int64_t version = 1; version <= 100; ++version) {
    const std::string key = absl::StrCat("k", version);
    writes.Written(0, key, version);
    writes.Committed(version);
    // Whatever is said to be known is.
    for (int64_t since = 0; since <= version; ++since) {
      if (!writes.Covers(since)) continue;
      for (int64_t later = since + 1; later <= version; ++later) {
        EXPECT_EQ(writes.Find(0, absl::StrCat("k", later)), later) << since;
      }
    }
    EXPECT_TRUE(writes.Covers(std::max<int64_t>(version - 10, 0)));
  }
  EXPECT_FALSE(writes.Covers(79));
  EXPECT_EQ(writes.Find(0, "k1"), std::nullopt);
}

TEST(RecentWritesTest, KnowsNothingOfWhatOthersWrote) {
  RecentWrites writes(10);
  writes.Restart(0);
  writes.Written(0, "a", 1);
  writes.Committed(1);
  writes.Restart(3);
  EXPECT_FALSE(writes.Covers(1));
  EXPECT_FALSE(writes.Covers(2));
  EXPECT_TRUE(writes.Covers(3));
  EXPECT_EQ(writes.Find(0, "a"), std::nullopt);
}

}  // namespace
}  // namespace caravan::store
