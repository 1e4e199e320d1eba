#include "services/fairs/points.h"

#include <limits>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "services/fairs/quantities.h"

namespace caravan::fairs {
namespace {

TEST(ParsePoints, ReadsThousandths) {
  EXPECT_EQ(ParsePoints("0"), 0);
  EXPECT_EQ(ParsePoints("35"), 35'000);
  EXPECT_EQ(ParsePoints("12.5"), 12'500);
  EXPECT_EQ(ParsePoints("12.500"), 12'500);
  EXPECT_EQ(ParsePoints("0.125"), 125);
  EXPECT_EQ(ParsePoints("0.001"), 1);
  EXPECT_EQ(ParsePoints("007"), 7'000);
  EXPECT_EQ(ParsePoints("999999999.999"), kMaxScore - 1);
}

TEST(ParsePoints, WhatIsNotSetIsZero) { EXPECT_EQ(ParsePoints(""), 0); }

TEST(ParsePoints, RefusesWhatIsNoSuchNumber) {
  for (const char* text : {"-1", "+1", ".5", "5.", ".", "1.2345", "1.2.3", "1,5", " 1", "1 ", "1e3",
                           "0x10", "abc", "1000000000", "\xd9\xa3", "1\n"}) {
    EXPECT_EQ(ParsePoints(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParsePoints(std::string_view("1\0", 2)), std::nullopt);
}

TEST(FormatPoints, WritesWhatIsNeeded) {
  EXPECT_EQ(FormatPoints(0), "0");
  EXPECT_EQ(FormatPoints(35'000), "35");
  EXPECT_EQ(FormatPoints(12'500), "12.5");
  EXPECT_EQ(FormatPoints(10'010), "10.01");
  EXPECT_EQ(FormatPoints(7), "0.007");
  EXPECT_EQ(FormatPoints(-1'250), "-1.25");
  EXPECT_EQ(FormatPoints(std::numeric_limits<int64_t>::min()), "-9223372036854775.808");
}

TEST(FormatPoints, IsReadBack) {
  for (int64_t thousandths = 0; thousandths < 1'000'000'000'000;
       thousandths = thousandths * 3 + 1) {
    EXPECT_EQ(ParsePoints(FormatPoints(thousandths)), thousandths);
  }
}

}  // namespace
}  // namespace caravan::fairs
