#include "services/zones/fixed_point.h"

#include "gtest/gtest.h"

namespace caravan::zones {
namespace {

TEST(ParseFixed, ReadsDecimalsInUnitsOfTheLastPlace) {
  EXPECT_EQ(ParseFixed("0", 4), 0);
  EXPECT_EQ(ParseFixed("12.5", 4), 125000);
  EXPECT_EQ(ParseFixed("-0.0001", 4), -1);
  EXPECT_EQ(ParseFixed("999999999999.9999", 4), 9999999999999999);
  EXPECT_EQ(ParseFixed("7", 0), 7);
  EXPECT_EQ(ParseFixed("0000000000000000000007", 0), 7);
}

TEST(ParseFixed, RefusesWhatIsNoSuchDecimal) {
  for (const char* text : {"", "-", ".5", "5.", "1e3", "1,5", "+1", " 1", "1.2.3", "0.00001", "--1",
                           "99999999999999999999"}) {
    EXPECT_EQ(ParseFixed(text, 4), std::nullopt) << text;
  }
}

TEST(FormatRatio, RoundsHalfAwayFromZero) {
  EXPECT_EQ(FormatRatio(2, 3, 2), "0.67");
  EXPECT_EQ(FormatRatio(-2, 3, 2), "-0.67");
  EXPECT_EQ(FormatRatio(1, 200, 2), "0.01");
  EXPECT_EQ(FormatRatio(-1, 200, 2), "-0.01");
  EXPECT_EQ(FormatRatio(49, 10000, 2), "0.00");
  EXPECT_EQ(FormatRatio(5, 2, 0), "3");
  EXPECT_EQ(FormatRatio(1250, 100, 2), "12.50");
  EXPECT_EQ(FormatRatio(-100, 1, 2), "-100.00");
}

TEST(FormatRatio, GivesZeroNoSign) {
  EXPECT_EQ(FormatRatio(0, 5, 2), "0.00");
  EXPECT_EQ(FormatRatio(-1, 100000, 2), "0.00");
}

TEST(FormatRatio, HoldsLargeNumbers) {
  const absl::int128 large = absl::int128(1'000'000'000'000'000'000) * 1'000'000'000'000'000;
  EXPECT_EQ(FormatRatio(large, 1, 2), "1000000000000000000000000000000000.00");
  EXPECT_EQ(FormatRatio(large, large, 2), "1.00");
}

}  // namespace
}  // namespace caravan::zones
