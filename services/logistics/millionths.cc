#include "services/logistics/millionths.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/logistics/targets.h"

namespace caravan::logistics {

std::optional<int64_t> ParseMillionths(std::string_view text) {
  constexpr size_t kDigits = 6;
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view fraction;
  if (point != std::string_view::npos) {
    fraction = text.substr(point + 1);
    if (fraction.empty()) return std::nullopt;
  }
  if (whole.empty() || whole.size() > kDigits || fraction.size() > kDigits) return std::nullopt;
  int64_t millionths = 0;
  const auto take = [&](std::string_view digits) {
    for (const char c : digits) {
      if (!absl::ascii_isdigit(c)) return false;
      millionths = millionths * 10 + (c - '0');
    }
    return true;
  };
  if (!take(whole) || !take(fraction)) return std::nullopt;
  for (size_t i = fraction.size(); i < kDigits; ++i) millionths *= 10;
  return millionths;
}

std::string FormatMillionths(int64_t millionths) {
  std::string fraction = absl::StrFormat("%06d", millionths % kMillion);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return absl::StrCat(millionths / kMillion, fraction.empty() ? "" : ".", fraction);
}

}  // namespace caravan::logistics
