#include "services/zones/fixed_point.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace caravan::zones {

namespace {

constexpr int kMostDigits = 18;

}  // namespace

std::optional<int64_t> ParseFixed(std::string_view text, int places) {
  const bool negative = absl::StartsWith(text, "-");
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view behind = point == std::string_view::npos ? "" : text.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && behind.empty())) return std::nullopt;
  if (static_cast<int>(behind.size()) > places) return std::nullopt;
  std::string digits(whole);
  digits.append(behind);
  digits.append(static_cast<size_t>(places) - behind.size(), '0');
  int64_t value = 0;
  int significant = 0;
  for (const char c : digits) {
    if (!absl::ascii_isdigit(c)) return std::nullopt;
    if (c != '0' || significant > 0) ++significant;
    if (significant > kMostDigits) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return negative ? -value : value;
}

std::string FormatRatio(absl::int128 numerator, absl::int128 denominator, int places) {
  bool negative = numerator < 0;
  absl::int128 scaled = negative ? -numerator : numerator;
  for (int i = 0; i < places; ++i) scaled *= 10;
  absl::int128 rounded = scaled / denominator;
  const absl::int128 rest = scaled % denominator;
  if (rest >= denominator - rest) ++rounded;
  negative = negative && rounded != 0;
  std::string reversed;
  for (int i = 0; i <= places || rounded != 0; ++i) {
    if (i == places && places > 0) reversed += '.';
    reversed += static_cast<char>('0' + static_cast<int>(rounded % 10));
    rounded /= 10;
  }
  if (negative) reversed += '-';
  std::reverse(reversed.begin(), reversed.end());
  return reversed;
}

}  // namespace caravan::zones
