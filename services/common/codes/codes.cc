#include "services/common/codes/codes.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace caravan::codes {
namespace {

using Problem = std::optional<std::string>;

// GB 32100-2015, clause 4: the digits and capitals without those that are
// easily misread. A character's value is its position.
constexpr std::string_view kCreditAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr size_t kCreditCodeLength = 18;
// Most characters of an id in a resource name.
constexpr size_t kMaxIdLength = 63;

struct PlacePrefix {
  std::string_view digits;    // GB/T 2260
  std::string_view province;  // ISO 3166-2
};

constexpr PlacePrefix kPlacePrefixes[] = {
    {"11", "CN-BJ"}, {"12", "CN-TJ"}, {"13", "CN-HE"}, {"14", "CN-SX"}, {"15", "CN-NM"},
    {"21", "CN-LN"}, {"22", "CN-JL"}, {"23", "CN-HL"}, {"31", "CN-SH"}, {"32", "CN-JS"},
    {"33", "CN-ZJ"}, {"34", "CN-AH"}, {"35", "CN-FJ"}, {"36", "CN-JX"}, {"37", "CN-SD"},
    {"41", "CN-HA"}, {"42", "CN-HB"}, {"43", "CN-HN"}, {"44", "CN-GD"}, {"45", "CN-GX"},
    {"46", "CN-HI"}, {"50", "CN-CQ"}, {"51", "CN-SC"}, {"52", "CN-GZ"}, {"53", "CN-YN"},
    {"54", "CN-XZ"}, {"61", "CN-SN"}, {"62", "CN-GS"}, {"63", "CN-QH"}, {"64", "CN-NX"},
    {"65", "CN-XJ"}, {"71", "CN-TW"}, {"81", "CN-HK"}, {"82", "CN-MO"},
};

bool IsDigits(std::string_view value) {
  return std::all_of(value.begin(), value.end(), absl::ascii_isdigit);
}

bool IsListed(absl::Span<const Region> regions, std::string_view code) {
  return std::binary_search(regions.begin(), regions.end(), Region{code, ""},
                            [](const Region& a, const Region& b) { return a.code < b.code; });
}

// A value as a sentence shows it: in quotes, printable, and not too long.
std::string Quoted(std::string_view value) {
  constexpr size_t kMost = 60;
  if (value.empty()) return "the empty text";
  if (value.size() <= kMost) return absl::StrCat("'", absl::Utf8SafeCHexEscape(value), "'");
  size_t end = kMost;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
  return absl::StrCat("'", absl::Utf8SafeCHexEscape(value.substr(0, end)), "...'");
}

// The problem of a value that is not in a table of codes in capitals.
Problem NotListed(absl::Span<const Region> regions, std::string_view value, std::string_view kind) {
  std::string capitals = absl::AsciiStrToUpper(value);
  if (IsListed(regions, capitals)) {
    return absl::StrCat(Quoted(value), " must be written in capitals: ", capitals);
  }
  return absl::StrCat(Quoted(value), " is not ", kind);
}

Problem CountryProblem(std::string_view value) {
  if (IsListed(Countries(), value)) return std::nullopt;
  return NotListed(Countries(), value, "a country code of ISO 3166-1 alpha-2, for example CN");
}

Problem ProvinceProblem(std::string_view value) {
  if (IsListed(Provinces(), value)) return std::nullopt;
  return NotListed(Provinces(), value, "a province code of ISO 3166-2:CN, for example CN-ZJ");
}

Problem PlaceProblem(std::string_view value) {
  if (value.size() != 6 || !IsDigits(value)) {
    return absl::StrCat(
        Quoted(value), " is not a place code of GB/T 2260, which has 6 digits, for example 330100");
  }
  if (ProvinceOfPlace(value).empty()) {
    return absl::StrCat(Quoted(value),
                        " is not a place code of GB/T 2260: no province begins with ",
                        value.substr(0, 2));
  }
  if (value.substr(2, 2) == "00" && value.substr(4) != "00") {
    return absl::StrCat(Quoted(value), " is not a place code of GB/T 2260: ", value.substr(4),
                        " is a county of no city; the province itself is ", value.substr(0, 2),
                        "0000");
  }
  return std::nullopt;
}

// Value of a character of a credit code, whatever its case; -1 where it is none.
int CreditValue(char c) {
  size_t position = kCreditAlphabet.find(absl::ascii_toupper(c));
  return position == std::string_view::npos ? -1 : static_cast<int>(position);
}

Problem CreditCodeProblem(std::string_view value) {
  constexpr std::string_view kIs = " is not a unified social credit code (GB 32100-2015)";
  if (value.size() != kCreditCodeLength) {
    return absl::StrCat(Quoted(value), kIs, ", which has 18 characters; this has ", value.size());
  }
  for (size_t i = 0; i < value.size(); ++i) {
    bool digits_only = i >= 2 && i < 8;  // the place of registration
    if (CreditValue(value[i]) < 0 || (digits_only && !absl::ascii_isdigit(value[i]))) {
      return absl::StrCat(Quoted(value), kIs, ": character ", i + 1,
                          digits_only ? " belongs to the place and must be a digit"
                                      : " must be a digit or a letter other than I, O, S, V and Z");
    }
  }
  char check = *CreditCodeCheckCharacter(value.substr(0, kCreditCodeLength - 1));
  if (absl::ascii_toupper(value.back()) == check) return std::nullopt;
  return absl::StrCat(Quoted(value), kIs, ": its check character is ", std::string(1, value.back()),
                      ", and ", std::string(1, check),
                      " would fit the other 17; one of them is mistyped");
}

Problem EnterpriseIdProblem(std::string_view value) {
  if (value != absl::AsciiStrToLower(value)) {
    return absl::StrCat(Quoted(value), " must be written in lower case to be an enterprise's id: ",
                        Quoted(absl::AsciiStrToLower(value)));
  }
  if (!absl::StrContains(value, '-')) {
    Problem problem = CreditCodeProblem(value);
    if (problem.has_value()) {
      absl::StrAppend(&*problem,
                      "; the id of a foreign firm is <country>-<register number>, for example "
                      "de-hrb86891");
    }
    return problem;
  }
  std::string_view country = value.substr(0, value.find('-'));
  std::string_view number = value.substr(country.size() + 1);
  if (!IsListed(Countries(), absl::AsciiStrToUpper(country))) {
    return absl::StrCat(Quoted(value), " is not an enterprise's id: ", Quoted(country),
                        " is not a country code of ISO 3166-1 alpha-2; write "
                        "<country>-<register number>, for example de-hrb86891");
  }
  if (country == "cn") {
    return absl::StrCat(Quoted(value),
                        " is not an enterprise's id: in China that is the unified social credit "
                        "code in lower case, for example 91330100799655058b");
  }
  bool plain = std::all_of(number.begin(), number.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
  if (number.empty() || !plain || number.front() == '-' || number.back() == '-') {
    return absl::StrCat(Quoted(value),
                        " is not an enterprise's id: its register number must be of a-z, 0-9 and "
                        "inner hyphens, for example de-hrb86891");
  }
  if (value.size() > kMaxIdLength) {
    return absl::StrCat(Quoted(value), " is too long for an enterprise's id: ", value.size(),
                        " characters; at most ", kMaxIdLength);
  }
  return std::nullopt;
}

// The Harmonized System has the chapters 1 to 97, of which 77 is kept free.
bool IsHsChapter(std::string_view two_digits) {
  return two_digits >= "01" && two_digits <= "97" && two_digits != "77";
}

Problem HsProblem(std::string_view value, size_t least, size_t most, bool even,
                  std::string_view kind) {
  if (value.size() < least || value.size() > most || !IsDigits(value) ||
      (even && value.size() % 2 != 0)) {
    return absl::StrCat(Quoted(value), " is not ", kind);
  }
  if (!IsHsChapter(value.substr(0, 2))) {
    return absl::StrCat(Quoted(value), " is not ", kind, ": there is no chapter ",
                        value.substr(0, 2), "; chapters are 01 to 97 without 77");
  }
  return std::nullopt;
}

Problem HsCodeProblem(std::string_view value) {
  return HsProblem(value, 4, 10, /*even=*/true,
                   "an HS code, which has 4, 6, 8 or 10 digits without dots, for example 610910");
}

Problem HsChapterProblem(std::string_view value) {
  return HsProblem(value, 2, 2, /*even=*/true, "an HS chapter, which has 2 digits, for example 61");
}

Problem HsPrefixProblem(std::string_view value) {
  return HsProblem(value, 2, 10, /*even=*/false,
                   "the beginning of an HS code, which has 2 to 10 digits without dots, for "
                   "example 6109");
}

Problem Sha256Problem(std::string_view value) {
  bool hex = std::all_of(value.begin(), value.end(),
                         [](char c) { return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f'); });
  if (value.size() == 64 && hex) return std::nullopt;
  return absl::StrCat(Quoted(value),
                      " is not a SHA-256 digest, which is written as 64 hex digits in lower case");
}

struct Format {
  std::string_view name;
  Problem (*problem)(std::string_view value);
};

constexpr Format kFormats[] = {
    {"country", CountryProblem},
    {"province", ProvinceProblem},
    {"place", PlaceProblem},
    {"credit-code", CreditCodeProblem},
    {"enterprise-id", EnterpriseIdProblem},
    {"hs-code", HsCodeProblem},
    {"hs-chapter", HsChapterProblem},
    {"hs-prefix", HsPrefixProblem},
    {"sha256", Sha256Problem},
};

const Format* FindFormat(std::string_view name) {
  for (const Format& format : kFormats) {
    if (format.name == name) return &format;
  }
  return nullptr;
}

}  // namespace

bool IsKnownFormat(std::string_view format) { return FindFormat(format) != nullptr; }

std::optional<std::string> FormatProblem(std::string_view format, std::string_view value) {
  const Format* known = FindFormat(format);
  if (known == nullptr) return absl::StrCat(Quoted(format), " is not a format that is known");
  return known->problem(value);
}

std::string_view ProvinceOfPlace(std::string_view place) {
  for (const PlacePrefix& prefix : kPlacePrefixes) {
    if (absl::StartsWith(place, prefix.digits)) return prefix.province;
  }
  return "";
}

std::string_view PlacePrefixOfProvince(std::string_view province) {
  for (const PlacePrefix& prefix : kPlacePrefixes) {
    if (prefix.province == province) return prefix.digits;
  }
  return "";
}

std::optional<char> CreditCodeCheckCharacter(std::string_view first17) {
  if (first17.size() != kCreditCodeLength - 1) return std::nullopt;
  constexpr int kModulus = 31;
  int sum = 0;
  int weight = 1;  // 3^i mod 31
  for (char c : first17) {
    int value = CreditValue(c);
    if (value < 0) return std::nullopt;
    sum += value * weight;
    weight = weight * 3 % kModulus;
  }
  return kCreditAlphabet[(kModulus - sum % kModulus) % kModulus];
}

bool IsHomeEnterpriseId(std::string_view id) { return CountryOfEnterpriseId(id) == "CN"; }

std::string CountryOfEnterpriseId(std::string_view id) {
  if (EnterpriseIdProblem(id).has_value()) return "";
  size_t hyphen = id.find('-');
  return hyphen == std::string_view::npos ? "CN" : absl::AsciiStrToUpper(id.substr(0, hyphen));
}

}  // namespace caravan::codes
