// Decimal numbers without floating point: what is published with two places has
// exactly those.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"

namespace caravan::zones {

// A decimal such as `-12.5` in units of 10^-places: -12500 for 3. Nothing where
// the text is no decimal, has more than `places` digits behind the point, or
// where the result has more than 18 digits.
std::optional<int64_t> ParseFixed(std::string_view text, int places);

// `numerator / denominator` as a decimal with `places` digits behind the point,
// rounded half away from zero: `0.67`, `-0.50`; zero has no sign. The
// denominator is above 0, and |numerator| x 10^places below 10^37.
std::string FormatRatio(absl::int128 numerator, absl::int128 denominator, int places);

}  // namespace caravan::zones
