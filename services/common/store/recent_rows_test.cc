#include "services/common/store/recent_rows.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/common/store/store_test_util.h"

namespace caravan::store {
namespace {

constexpr int64_t kRoomy = 1 << 20;

// A commit that writes one row, or deletes it.
void Write(RecentRows& rows, TableId table, std::string key, std::string data, int64_t version) {
  const RowWrite write{table, std::move(key), version, std::move(data)};
  rows.Committed({&write}, version);
}

void Delete(RecentRows& rows, TableId table, std::string key, int64_t version) {
  const RowWrite write{table, std::move(key), 0};
  rows.Committed({&write}, version);
}

TEST(RecentRowsTest, KnowsARowAsItWasWrittenLast) {
  RecentRows rows(10, kRoomy);
  rows.Restart(5);
  EXPECT_TRUE(rows.Covers(5));
  EXPECT_FALSE(rows.Covers(4));
  EXPECT_EQ(rows.Version(0, "a"), std::nullopt);
  EXPECT_FALSE(rows.Find(0, "a").has_value());
  Write(rows, 0, "a", "six", 6);
  Write(rows, -1, "a", "seven", 7);
  EXPECT_EQ(rows.Version(0, "a"), 6);
  EXPECT_EQ(**rows.Find(0, "a"), (Row{"a", 6, "six"}));
  EXPECT_EQ(rows.Version(-1, "a"), 7);
  EXPECT_EQ(rows.Version(1, "a"), std::nullopt);
  Delete(rows, 0, "a", 8);
  EXPECT_EQ(rows.Version(0, "a"), 0);
  ASSERT_TRUE(rows.Find(0, "a").has_value());
  EXPECT_EQ(*rows.Find(0, "a"), std::nullopt);
  EXPECT_TRUE(rows.Covers(5));
}

TEST(RecentRowsTest, ForgetsTheOldestAndSaysSo) {
  RecentRows rows(10, kRoomy);
  rows.Restart(0);
  for (int64_t version = 1; version <= 100; ++version) {
    Write(rows, 0, absl::StrCat("k", version), "", version);
    // Others read what was there before, and what is found stays.
    rows.Keep(0, absl::StrCat("r", version), Row{"", 1, "read"}, version - 1);
    rows.Find(0, "k1");
    // Whatever is said to be known is.
    for (int64_t since = 0; since <= version; ++since) {
      if (!rows.Covers(since)) continue;
      for (int64_t later = since + 1; later <= version; ++later) {
        EXPECT_EQ(rows.Version(0, absl::StrCat("k", later)), later) << since;
      }
    }
    EXPECT_TRUE(rows.Covers(std::max<int64_t>(version - 4, 0)));
  }
  EXPECT_FALSE(rows.Covers(79));
  EXPECT_EQ(rows.Version(0, "k1"), 1);
  EXPECT_EQ(rows.Version(0, "k2"), std::nullopt);
}

TEST(RecentRowsTest, KnowsNothingOfWhatOthersWrote) {
  RecentRows rows(10, kRoomy);
  rows.Restart(0);
  Write(rows, 0, "a", "", 1);
  rows.Restart(3);
  EXPECT_FALSE(rows.Covers(1));
  EXPECT_FALSE(rows.Covers(2));
  EXPECT_TRUE(rows.Covers(3));
  EXPECT_EQ(rows.Version(0, "a"), std::nullopt);
  // Who read before the others wrote may have read something else.
  rows.Keep(0, "a", Row{"a", 1, ""}, 2);
  EXPECT_EQ(rows.Version(0, "a"), std::nullopt);
  rows.Keep(0, "a", Row{"a", 2, "two"}, 3);
  EXPECT_EQ(**rows.Find(0, "a"), (Row{"a", 2, "two"}));
}

TEST(RecentRowsTest, KeepsWhatWasReadWhereItIsAsItIsNow) {
  RecentRows rows(3, kRoomy);
  rows.Restart(0);
  rows.Keep(0, "read", Row{"read", 1, "one"}, 0);
  rows.Keep(0, "none", std::nullopt, 0);
  EXPECT_EQ(**rows.Find(0, "read"), (Row{"read", 1, "one"}));
  EXPECT_EQ(*rows.Find(0, "none"), std::nullopt);
  // It was written after it had been read.
  Write(rows, 0, "written", "new", 5);
  rows.Keep(0, "written", Row{"written", 2, "old"}, 4);
  EXPECT_EQ((*rows.Find(0, "written"))->data, "new");
  // That it was written has been forgotten.
  for (int64_t version = 6; version < 20; ++version) {
    Write(rows, 0, absl::StrCat("k", version), "", version);
  }
  rows.Keep(0, "written", Row{"written", 2, "old"}, 4);
  EXPECT_FALSE(rows.Find(0, "written").has_value());
}

TEST(RecentRowsTest, OfWhatThereIsNoRoomForItKnowsTheVersion) {
  RecentRows rows(10, 1000);
  rows.Restart(0);
  Write(rows, 0, "small", "s", 1);
  Write(rows, 0, "large", std::string(2000, 'l'), 2);
  EXPECT_EQ(rows.Version(0, "large"), 2);
  EXPECT_FALSE(rows.Find(0, "large").has_value());
  EXPECT_EQ(rows.Version(0, "large"), 2);
  EXPECT_TRUE(rows.Find(0, "small").has_value());
  // The room of what is written again is there for it.
  for (int64_t version = 3; version < 30; ++version) {
    Write(rows, 0, "small", std::string(500, 's'), version);
    EXPECT_EQ((*rows.Find(0, "small"))->version, version);
  }
  Write(rows, 0, "large", "l", 30);
  EXPECT_EQ((*rows.Find(0, "large"))->data, "l");
}

}  // namespace
}  // namespace caravan::store
