// Decimal numbers whose sums and products are exact, and quotients that are rounded
// as whoever publishes them has promised. Nothing here is a floating point number.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"

namespace caravan::zones {

// Of a number that lies in the middle between two, the neighbour that is taken.
enum class Rounding {
  kHalfToEven,        // 0.125 is 0.12, 0.375 is 0.38
  kHalfAwayFromZero,  // 0.125 is 0.13, -0.125 is -0.13
};

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

  // The same with at least so many digits behind the point: `-12.50`, `3.00`.
  std::string ToString(size_t places) const;

  // (a / b), rounded to so many digits behind the point, 18 at the most. b > 0;
  // `a` is below 10^19, and so is the quotient.
  static Decimal Quotient(Decimal a, Decimal b, int places, Rounding rounding);

  // (a * b), exactly. `a` has at most 6 digits behind the point and `b` at most 12;
  // the product is below 10^20.
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
