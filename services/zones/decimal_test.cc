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
    return Decimal::Quotient(D(a), D(b)).ToString();
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
                              D("999999999999999.999999") - D("-999999999999999.999999")),
            Decimal::Of(1));
}

TEST(Decimal, ProductsAreExact) {
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
