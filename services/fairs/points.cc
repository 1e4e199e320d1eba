#include "services/fairs/points.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace caravan::fairs {
namespace {

constexpr size_t kWholeDigits = 9;
constexpr size_t kFractionDigits = 3;

// Whether this is of one to `most` digits.
bool IsNumber(std::string_view digits, size_t most) {
  return !digits.empty() && digits.size() <= most &&
         std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
}

int64_t Append(int64_t number, std::string_view digits) {
  for (const char digit : digits) number = number * 10 + (digit - '0');
  return number;
}

}  // namespace

std::optional<int64_t> ParsePoints(std::string_view text) {
  if (text.empty()) return 0;
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  if (!IsNumber(whole, kWholeDigits)) return std::nullopt;
  std::string_view fraction;
  if (point != std::string_view::npos) {
    fraction = text.substr(point + 1);
    if (!IsNumber(fraction, kFractionDigits)) return std::nullopt;
  }
  int64_t thousandths = Append(Append(0, whole), fraction);
  for (size_t k = fraction.size(); k < kFractionDigits; ++k) thousandths *= 10;
  return thousandths;
}

std::string FormatPoints(int64_t thousandths) {
  const bool negative = thousandths < 0;
  const uint64_t size = negative ? uint64_t{0} - static_cast<uint64_t>(thousandths)
                                 : static_cast<uint64_t>(thousandths);
  std::string text = absl::StrCat(negative ? "-" : "", size / kOnePoint);
  if (const uint64_t fraction = size % kOnePoint; fraction != 0) {
    absl::StrAppend(&text, ".", absl::Dec(fraction, absl::kZeroPad3));
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

}  // namespace caravan::fairs
