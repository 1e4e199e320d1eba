#include "services/zones/decimal.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace caravan::zones {

namespace {

constexpr size_t kWholeDigits = 15;
constexpr size_t kPlacesRead = 18;
constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kTrillion = 1'000'000'000'000;  // 10^12

bool AreDigits(std::string_view text) {
  for (char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
  }
  return !text.empty();
}

}  // namespace

std::optional<Decimal> Decimal::Parse(std::string_view text) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view places =
      point == std::string_view::npos ? std::string_view("0") : text.substr(point + 1);
  if (!AreDigits(whole) || whole.size() > kWholeDigits || !AreDigits(places) ||
      places.size() > kPlacesRead) {
    return std::nullopt;
  }
  absl::int128 units = 0;
  for (char c : whole) units = units * 10 + (c - '0');
  units *= kOne;
  int64_t place = kOne;
  for (char c : places) {
    place /= 10;
    units += absl::int128(c - '0') * place;
  }
  return Decimal(negative ? -units : units);
}

std::string Decimal::ToString() const {
  const absl::int128 magnitude = units_ < 0 ? -units_ : units_;
  std::string digits;
  absl::int128 whole = magnitude / kOne;
  do {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(whole % 10)));
    whole /= 10;
  } while (whole > 0);
  std::string places;
  for (int64_t rest = static_cast<int64_t>(magnitude % kOne), place = kOne / 10; rest > 0;
       rest %= place, place /= 10) {
    places += static_cast<char>('0' + rest / place);
  }
  return absl::StrCat(units_ < 0 ? "-" : "", digits, places.empty() ? "" : ".", places);
}

std::string Decimal::ToString(size_t places) const {
  std::string text = ToString();
  const size_t point = text.find('.');
  const size_t there = point == std::string::npos ? 0 : text.size() - point - 1;
  if (there >= places) return text;
  if (there == 0) text += '.';
  text.append(places - there, '0');
  return text;
}

Decimal Decimal::Quotient(Decimal a, Decimal b, int places, Rounding rounding) {
  const bool negative = a.units_ < 0;
  const absl::int128 dividend = negative ? -a.units_ : a.units_;
  // As on paper, a digit at a time: so it never needs more room than 10 b.
  absl::int128 quotient = dividend / b.units_;
  absl::int128 rest = dividend % b.units_;
  int64_t last_place = kOne;
  for (int i = 0; i < places; ++i) {
    rest *= 10;
    quotient = quotient * 10 + rest / b.units_;
    rest %= b.units_;
    last_place /= 10;
  }
  const absl::int128 twice = rest * 2;
  const bool half_up = rounding == Rounding::kHalfAwayFromZero || quotient % 2 == 1;
  if (twice > b.units_ || (twice == b.units_ && half_up)) quotient += 1;
  quotient *= last_place;
  return Decimal(negative ? -quotient : quotient);
}

Decimal Decimal::Product(Decimal a, Decimal b) {
  return Decimal((a.units_ / kTrillion) * (b.units_ / kMillion));
}

}  // namespace caravan::zones
