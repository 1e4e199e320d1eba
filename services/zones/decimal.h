// Decimal numbers whose sums and products are exact, and one quotient, rounded
// as an evaluation promises. Nothing here is a floating point number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"

namespace caravan::zones {

// A multiple of 10^-18. What is read has at most 15 digits before the point; sums
// of some thousands of such numbers are far from overflow.
class Decimal {
 public:
  constexpr Decimal() = default;

  // Reads `-12.5`. Nothing where the text is no decimal number, or has more than
  // 15 digits before or 18 behind the point.
  static std::optional<Decimal> Parse(std::string_view text);

  static Decimal Of(int whole) { return Decimal(absl::int128(whole) * kOne); }

  // Without zeros that say nothing, and without a point where nothing follows:
  // `-12.5`, `3`, `0`.
  std::string ToString() const;

  // (a / b), rounded to 12 digits behind the point, half to even. `a` and `b`
  // have at most 6 digits behind it; 0 <= a <= b, and b > 0.
  static Decimal Quotient(Decimal a, Decimal b);

  // (a * b), exactly. `a` has at most 6 digits behind the point and less than
  // 10^9 before it, `b` has 12 and is at most 1.
  static Decimal Product(Decimal a, Decimal b);

  bool IsWhole() const { return units_ % kOne == 0; }
  // Rounded down; this is not negative.
  int64_t Floor() const { return static_cast<int64_t>(units_ / kOne); }

  friend Decimal operator+(Decimal a, Decimal b) { return Decimal(a.units_ + b.units_); }
  friend Decimal operator-(Decimal a, Decimal b) { return Decimal(a.units_ - b.units_); }
  friend Decimal operator*(Decimal a, int b) { return Decimal(a.units_ * b); }
  friend bool operator==(Decimal a, Decimal b) { return a.units_ == b.units_; }
  friend bool operator<(Decimal a, Decimal b) { return a.units_ < b.units_; }
  friend bool operator>(Decimal a, Decimal b) { return b < a; }
  friend bool operator<=(Decimal a, Decimal b) { return !(b < a); }
  friend bool operator>=(Decimal a, Decimal b) { return !(a < b); }

 private:
  static constexpr int64_t kOne = 1'000'000'000'000'000'000;

  explicit constexpr Decimal(absl::int128 units) : units_(units) {}

  absl::int128 units_ = 0;
};

}  // namespace caravan::zones
