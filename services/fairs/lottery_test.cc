#include "services/fairs/lottery.h"

#include <gtest/gtest.h>

namespace caravan::fairs {
namespace {

// The expected digests are of coreutils' sha256sum.
TEST(LotteryTest, CommitsToTheSecret) {
  EXPECT_EQ(LotteryCommitment("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(LotteryTest, SeedsAndKeysAreDigestsOfLines) {
  EXPECT_EQ(LotterySeed("secret", "00ff", "2026-01-31 drawing 17"),
            "025c24284e63b919afb6b91d20920c54a96cf99252cd343114fd8c47c46ab374");
  EXPECT_EQ(LotteryKey("00ff", "toys", "91330108madem0001a"),
            "b7e91853defb22cbc03461f7fabad560e96f9900409afa893c3cb32bb7c4235f");
}

TEST(LotteryTest, KeysDifferBySeedSectionAndEnterprise) {
  const std::string key = LotteryKey("a", "b", "c");
  EXPECT_NE(key, LotteryKey("x", "b", "c"));
  EXPECT_NE(key, LotteryKey("a", "x", "c"));
  EXPECT_NE(key, LotteryKey("a", "b", "x"));
}

}  // namespace
}  // namespace caravan::fairs
