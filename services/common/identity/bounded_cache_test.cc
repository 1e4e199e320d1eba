#include "services/common/identity/bounded_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace caravan::identity {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'900'000'000);
const absl::Time kLater = kNow + absl::Seconds(10);

TEST(BoundedCacheTest, KeepsValuesUntilTheyExpire) {
  BoundedCache<int> cache(100);
  EXPECT_FALSE(cache.Find("a", 1, kNow).has_value());
  cache.Insert("a", 1, kLater, 7);
  EXPECT_EQ(cache.Find("a", 1, kNow), 7);
  EXPECT_EQ(cache.Find("a", 1, kLater - absl::Nanoseconds(1)), 7);
  EXPECT_FALSE(cache.Find("a", 1, kLater).has_value());
  cache.Insert("a", 1, kLater + absl::Seconds(1), 8);
  EXPECT_EQ(cache.Find("a", 1, kLater), 8);
  EXPECT_EQ(cache.size(), 1u);
}

TEST(BoundedCacheTest, ForgetsTheGenerationBefore) {
  BoundedCache<int> cache(100);
  cache.Insert("a", 1, kLater, 7);
  EXPECT_FALSE(cache.Find("a", 2, kNow).has_value());
  cache.Insert("a", 2, kLater, 8);
  EXPECT_EQ(cache.Find("a", 2, kNow), 8);
  // Verified with the keys before, and late.
  cache.Insert("a", 1, kLater, 7);
  EXPECT_EQ(cache.Find("a", 2, kNow), 8);
}

TEST(BoundedCacheTest, IsBoundedAndKeepsWhatIsInUse) {
  BoundedCache<int> cache(1000);
  for (int i = 0; i < 100'000; ++i) {
    cache.Insert(absl::StrCat("key", i), 1, kLater, i);
    if (i == 0 || i % 10 == 0) {
      ASSERT_EQ(cache.Find("key0", 1, kNow), 0) << i;
    }
    ASSERT_EQ(cache.Find(absl::StrCat("key", i), 1, kNow), i);
  }
  EXPECT_LE(cache.size(), 1000u);
  EXPECT_GE(cache.size(), 400u);
  EXPECT_FALSE(cache.Find("key1", 1, kNow).has_value());
}

TEST(BoundedCacheTest, ServesThreads) {
  BoundedCache<int> cache(64);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20'000; ++i) {
        const int n = (i * 7 + t) % 200;
        const auto found = cache.Find(std::to_string(n), 1, kNow);
        if (found.has_value() && *found != n) ++wrong;
        if (!found.has_value()) cache.Insert(std::to_string(n), 1, kLater, n);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(cache.size(), 64u);
}

}  // namespace
}  // namespace caravan::identity
