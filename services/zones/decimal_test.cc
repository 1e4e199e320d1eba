#include "services/zones/decimal.h"

#include <string>

#include "gtest/gtest.h"

namespace caravan::zones {
namespace {

Decimal D(const std::string& text) {
  const std::optional<Decimal> decimal = Decimal::Parse(text);
  EXPECT_TRUE(decimal.has_value()) << text;
  return decimal.value_or(Decimal());
}

TEST(Decimal, ReadsAndWritesOneForm) {
  const std::pair<const char*, const char*> forms[] = {
      {"0", "0"},
      {"-0", "0"},
      {"-0.000", "0"},
      {"007", "7"},
      {"12.50", "12.5"},
      {"-0.000001", "-0.000001"},
      {"999999999999999.999999", "999999999999999.999999"},
      {"0.000000000000000001", "0.000000000000000001"},
  };
  for (const auto& [text, form] : forms) EXPECT_EQ(D(text).ToString(), form) << text;
}

TEST(Decimal, RefusesWhatIsNoNumber) {
  for (const char* text : {"", "-", ".", "1.", ".5", "+1", "1e3", "1,5", " 1", "1 ", "--1", "1.2.3",
                           "0x1", "1234567890123456", "0.1234567890123456789", "１"}) {
    EXPECT_FALSE(Decimal::Parse(text).has_value()) << text;
  }
}

TEST(Decimal, AddsExactly) {
  Decimal sum;
  for (int i = 0; i < 10; ++i) sum = sum + D("0.1");
  EXPECT_EQ(sum, Decimal::Of(1));
  EXPECT_EQ((D("1") - D("0.999999")).ToString(), "0.000001");
  EXPECT_EQ((D("0.3") * 105).ToString(), "31.5");
  EXPECT_LT(D("-1"), D("-0.999999"));
}

TEST(Decimal, QuotientsAreRoundedToTwelveDigitsHalfToEven) {
  const auto quotient = [](const char* a, const char* b) {
    return Decimal::Quotient(D(a), D(b), 12, Rounding::kHalfToEven).ToString();
  };
  EXPECT_EQ(quotient("1", "3"), "0.333333333333");
  EXPECT_EQ(quotient("2", "3"), "0.666666666667");
  EXPECT_EQ(quotient("0", "3"), "0");
  EXPECT_EQ(quotient("3", "4"), "0.75");
  EXPECT_EQ(quotient("3", "3"), "1");
  // Exactly half of the twelfth digit: to the even neighbour.
  EXPECT_EQ(quotient("0.000001", "2000000"), "0");               // 0.5
  EXPECT_EQ(quotient("0.000003", "2000000"), "0.000000000002");  // 1.5
  EXPECT_EQ(quotient("0.000005", "2000000"), "0.000000000002");  // 2.5
  EXPECT_EQ(quotient("0.000007", "2000000"), "0.000000000004");  // 3.5
  // The largest operands that there are.
  EXPECT_EQ(quotient("0.000001", "999999999999999.999999"), "0");
  EXPECT_EQ(Decimal::Quotient(D("999999999999999.999999") - D("-999999999999999.999999"),
                              D("999999999999999.999999") - D("-999999999999999.999999"), 12,
                              Rounding::kHalfToEven),
            Decimal::Of(1));
}

TEST(Decimal, QuotientsAreRoundedToTwoDigitsHalfAwayFromZero) {
  const auto quotient = [](const char* a, const char* b) {
    return Decimal::Quotient(D(a), D(b), 2, Rounding::kHalfAwayFromZero).ToString(2);
  };
  EXPECT_EQ(quotient("2", "3"), "0.67");
  EXPECT_EQ(quotient("-2", "3"), "-0.67");
  EXPECT_EQ(quotient("1", "200"), "0.01");
  EXPECT_EQ(quotient("-1", "200"), "-0.01");
  EXPECT_EQ(quotient("49", "10000"), "0.00");
  EXPECT_EQ(quotient("1250", "100"), "12.50");
  EXPECT_EQ(quotient("-100", "1"), "-100.00");
  // Zero has no sign.
  EXPECT_EQ(quotient("0", "5"), "0.00");
  EXPECT_EQ(quotient("-1", "100000"), "0.00");
  // The least and the largest figures of exports.
  EXPECT_EQ(quotient("99999999999999.99", "0.0001"), "999999999999999900.00");
  EXPECT_EQ(quotient("999999999999.9999", "999999999999.9999"), "1.00");
  EXPECT_EQ(Decimal::Quotient(D("5"), D("2"), 0, Rounding::kHalfAwayFromZero), D("3"));
  EXPECT_EQ(Decimal::Quotient(D("5"), D("2"), 0, Rounding::kHalfToEven), D("2"));
}

TEST(Decimal, WritesZerosWhereTheyAreAskedFor) {
  EXPECT_EQ(D("12.5").ToString(2), "12.50");
  EXPECT_EQ(D("-3").ToString(2), "-3.00");
  EXPECT_EQ(D("0.125").ToString(2), "0.125");
  EXPECT_EQ(D("7").ToString(0), "7");
}

TEST(Decimal, ProductsAreExact) {
  EXPECT_EQ(Decimal::Product(D("-999999.9999"), D("999999999999.9999")).ToString(),
            "-999999999899999900.00000001");
  EXPECT_EQ(Decimal::Product(D("2.5"), D("0.333333333333")).ToString(), "0.8333333333325");
  EXPECT_EQ(Decimal::Product(D("0.000001"), D("0.000000000001")).ToString(),
            "0.000000000000000001");
  EXPECT_EQ(Decimal::Product(D("999999.999999"), Decimal::Of(1)).ToString(), "999999.999999");
}

TEST(Decimal, KnowsWholeNumbers) {
  EXPECT_TRUE(D("12.0").IsWhole());
  EXPECT_FALSE(D("12.000001").IsWhole());
  EXPECT_EQ(D("12.999999").Floor(), 12);
}

}  // namespace
}  // namespace caravan::zones
