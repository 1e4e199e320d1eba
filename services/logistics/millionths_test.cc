#include "services/logistics/millionths.h"

#include <gtest/gtest.h>

namespace caravan::logistics {
namespace {

TEST(MillionthsTest, AreReadAndWritten) {
  EXPECT_EQ(ParseMillionths("0"), 0);
  EXPECT_EQ(ParseMillionths("0.98"), 980'000);
  EXPECT_EQ(ParseMillionths("1.000001"), 1'000'001);
  EXPECT_EQ(ParseMillionths("10.50"), 10'500'000);
  EXPECT_EQ(FormatMillionths(980'000), "0.98");
  EXPECT_EQ(FormatMillionths(0), "0");
  EXPECT_EQ(FormatMillionths(1'030'000), "1.03");
  EXPECT_EQ(FormatMillionths(10'000'000), "10");
  EXPECT_EQ(FormatMillionths(1), "0.000001");
}

TEST(MillionthsTest, WhatIsNoSuchNumberIsNotRead) {
  for (const char* text :
       {"", ".", ".5", "1.", "-1", "+1", "1e3", "0.1234567", "1234567", "1 ", "0x1", "1.2.3"}) {
    EXPECT_EQ(ParseMillionths(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace caravan::logistics
