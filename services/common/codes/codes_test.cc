#include "services/common/codes/codes.h"

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caravan::codes {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";

// Codes of firms as they publish them.
constexpr std::string_view kKnownCreditCodes[] = {
    "91330100799655058B",  // Alibaba (China)
    "91440300708461136T",  // Tencent
    "914403001922038216",  // Huawei Technologies
    "91440300192317458F",  // BYD
};

struct FormatCase {
  std::string format;
  std::vector<std::string> good;
  // A value that is wrong, and what the sentence must say of it.
  std::vector<std::pair<std::string, std::string>> bad;
};

std::vector<FormatCase> FormatCases() {
  std::string digest(64, 'a');
  return {
      {"country",
       {"CN", "DE", "HK", "GB"},
       {{"cn", "must be written in capitals: CN"},
        {"UK", "'UK' is not a country code"},
        {"CHN", "'CHN' is not a country code"},
        {"", "the empty text is not a country code"}}},
      {"province",
       {"CN-ZJ", "CN-HI", "CN-HK", "CN-MO", "CN-TW"},
       {{"cn-zj", "must be written in capitals: CN-ZJ"},
        {"CN-33", "'CN-33' is not a province code"},
        {"ZJ", "for example CN-ZJ"},
        {"", "the empty text"}}},
      {"place",
       {"330100", "330000", "469023", "820000"},
       {{"33010", "has 6 digits"},
        {"33010x", "has 6 digits"},
        {"990100", "no province begins with 99"},
        {"330012", "the province itself is 330000"},
        {"", "has 6 digits"}}},
      {"credit-code",
       {"91330100799655058B", "91330100799655058b"},
       {{"91330100799655058", "18 characters; this has 17"},
        {"91330100799655058O", "character 18 must be a digit or a letter other than I, O, S"},
        {"9133A100799655058B", "character 5 belongs to the place and must be a digit"},
        {"91330100799655058C", "its check character is C, and B would fit the other 17"},
        {"", "this has 0"}}},
      {"enterprise-id",
       {"91330100799655058b", "de-hrb86891", "us-ca-3481295", "hk-1234567"},
       {{"91330100799655058B", "in lower case to be an enterprise's id: '91330100799655058b'"},
        {"91330100799655058c", "B would fit"},
        {"deutschland", "<country>-<register number>"},
        {"xx-123", "'xx' is not a country code"},
        {"-123", "the empty text is not a country code"},
        {"cn-123", "in China that is the unified social credit code"},
        {"de-", "its register number must be"},
        {"de-hrb 86891", "its register number must be"},
        {"de--1", "its register number must be"},
        {"de-1-", "its register number must be"},
        {absl::StrCat("de-", std::string(61, '1')), "64 characters; at most 63"},
        {"", "this has 0"}}},
      {"hs-code",
       {"6109", "610910", "61091000", "6109100010"},
       {{"61", "4, 6, 8 or 10 digits"},
        {"61091", "4, 6, 8 or 10 digits"},
        {"6109.10", "without dots"},
        {"610910001000", "4, 6, 8 or 10 digits"},
        {"7701", "there is no chapter 77"},
        {"0001", "there is no chapter 00"},
        {"9801", "there is no chapter 98"},
        {"", "4, 6, 8 or 10 digits"}}},
      {"hs-chapter",
       {"01", "61", "97"},
       {{"1", "has 2 digits"},
        {"77", "chapters are 01 to 97"},
        {"6109", "has 2 digits"},
        {"", ""}}},
      {"hs-prefix",
       {"61", "610", "6109", "6109100010"},
       {{"6", "2 to 10 digits"},
        {"61091000101", "2 to 10 digits"},
        {"77", "chapters are 01 to 97"},
        {"", "2 to 10 digits"}}},
      {"sha256",
       {digest, std::string(64, '0')},
       {{std::string(64, 'A'), "in lower case"},
        {digest.substr(1), "64 hex digits"},
        {std::string(64, 'g'), "64 hex digits"},
        {"", "64 hex digits"}}},
  };
}

TEST(FormatProblem, AcceptsWhatIsRight) {
  for (const FormatCase& format : FormatCases()) {
    EXPECT_TRUE(IsKnownFormat(format.format));
    for (const std::string& value : format.good) {
      EXPECT_EQ(FormatProblem(format.format, value), std::nullopt) << format.format;
    }
  }
}

TEST(FormatProblem, SaysWhatIsWrong) {
  for (const FormatCase& format : FormatCases()) {
    for (const auto& [value, says] : format.bad) {
      EXPECT_THAT(FormatProblem(format.format, value), Optional(HasSubstr(says)))
          << format.format << " " << value;
    }
  }
}

TEST(FormatProblem, RefusesAnUnknownFormat) {
  EXPECT_FALSE(IsKnownFormat("postcode"));
  EXPECT_FALSE(IsKnownFormat("filter"));
  EXPECT_THAT(FormatProblem("postcode", "1234"), Optional(HasSubstr("'postcode'")));
}

TEST(FormatProblem, ShowsHostileValuesShortAndWhole) {
  std::string control = "a\nb";
  EXPECT_THAT(FormatProblem("country", control), Optional(HasSubstr("'a\\nb'")));
  // A cut never falls within a character: each of these has three bytes.
  std::string long_text;
  for (int i = 0; i < 50; ++i) long_text += "州";
  for (std::string prefix : {"", "x", "xx"}) {
    std::optional<std::string> problem = FormatProblem("country", prefix + long_text);
    ASSERT_TRUE(problem.has_value());
    EXPECT_LT(problem->size(), 160u);
    EXPECT_TRUE(absl::StrContains(*problem, "州...'")) << *problem;
  }
}

TEST(Regions, AreSortedAndComplete) {
  auto by_code = [](const Region& a, const Region& b) { return a.code < b.code; };
  EXPECT_TRUE(std::is_sorted(Countries().begin(), Countries().end(), by_code));
  EXPECT_TRUE(std::is_sorted(Provinces().begin(), Provinces().end(), by_code));
  EXPECT_EQ(Countries().size(), 249u);
  EXPECT_EQ(Provinces().size(), 34u);
}

TEST(Places, MapToEveryProvinceAndBack) {
  std::set<std::string_view> seen;
  for (int i = 0; i < 100; ++i) {
    std::string digits = absl::StrCat(i / 10, i % 10);
    std::string_view province = ProvinceOfPlace(absl::StrCat(digits, "0000"));
    if (province.empty()) continue;
    EXPECT_EQ(FormatProblem("province", province), std::nullopt);
    EXPECT_EQ(PlacePrefixOfProvince(province), digits);
    EXPECT_TRUE(seen.insert(province).second) << province;
  }
  EXPECT_EQ(seen.size(), Provinces().size());
  EXPECT_EQ(ProvinceOfPlace("330100"), "CN-ZJ");
  EXPECT_EQ(ProvinceOfPlace(""), "");
  EXPECT_EQ(PlacePrefixOfProvince("CN-XX"), "");
}

TEST(CreditCode, AcceptsKnownCodes) {
  for (std::string_view code : kKnownCreditCodes) {
    EXPECT_EQ(FormatProblem("credit-code", code), std::nullopt);
    EXPECT_EQ(FormatProblem("enterprise-id", absl::AsciiStrToLower(code)), std::nullopt);
  }
}

TEST(CreditCode, CheckCharacterNeedsSeventeenOfTheAlphabet) {
  EXPECT_THAT(CreditCodeCheckCharacter("91330100799655058"), Optional('B'));
  EXPECT_EQ(CreditCodeCheckCharacter("9133010079965505"), std::nullopt);
  EXPECT_EQ(CreditCodeCheckCharacter("91330100799655O58"), std::nullopt);
}

// A code of random characters that is right.
std::string RandomCreditCode(std::mt19937& random) {
  std::string code;
  for (int i = 0; i < 17; ++i) code += kAlphabet[random() % (i >= 2 && i < 8 ? 10 : 31)];
  return code + *CreditCodeCheckCharacter(code);
}

TEST(CreditCode, ExactlyOneCheckCharacterFits) {
  std::mt19937 random(20150601);
  for (int n = 0; n < 500; ++n) {
    std::string code = RandomCreditCode(random);
    int fitting = 0;
    for (char c : kAlphabet) {
      code.back() = c;
      fitting += !FormatProblem("credit-code", code).has_value();
    }
    EXPECT_EQ(fitting, 1) << code;
  }
}

TEST(CreditCode, EverySubstitutionIsDetected) {
  std::mt19937 random(32100);
  for (int n = 0; n < 50; ++n) {
    std::string code = RandomCreditCode(random);
    ASSERT_EQ(FormatProblem("credit-code", code), std::nullopt);
    for (size_t i = 0; i < code.size(); ++i) {
      std::string changed = code;
      for (char c : kAlphabet) {
        if (c == code[i]) continue;
        changed[i] = c;
        EXPECT_TRUE(FormatProblem("credit-code", changed).has_value()) << code << " " << changed;
      }
    }
  }
}

// 3 is a primitive root of 31, so neighbours have different weights.
TEST(CreditCode, EverySwapOfNeighboursIsDetected) {
  std::mt19937 random(31);
  for (int n = 0; n < 200; ++n) {
    std::string code = RandomCreditCode(random);
    for (size_t i = 0; i + 1 < code.size(); ++i) {
      std::string swapped = code;
      std::swap(swapped[i], swapped[i + 1]);
      if (swapped == code) continue;
      EXPECT_TRUE(FormatProblem("credit-code", swapped).has_value()) << code << " " << swapped;
    }
  }
}

TEST(EnterpriseId, TellsItsCountry) {
  EXPECT_EQ(CountryOfEnterpriseId("91330100799655058b"), "CN");
  EXPECT_EQ(CountryOfEnterpriseId("de-hrb86891"), "DE");
  EXPECT_EQ(CountryOfEnterpriseId("91330100799655058c"), "");
  EXPECT_TRUE(IsHomeEnterpriseId("91330100799655058b"));
  EXPECT_FALSE(IsHomeEnterpriseId("hk-1234567"));
  EXPECT_FALSE(IsHomeEnterpriseId("nonsense"));
}

}  // namespace
}  // namespace caravan::codes
