// Shares and factors of contracts: decimal numbers with up to six digits behind the
// point, as whole millionths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::logistics {

// 980'000 for `0.98`. Nothing where the text is no number from 0 to 999'999 with at most
// six digits behind the point.
std::optional<int64_t> ParseMillionths(std::string_view text);

// The reverse, as short as it can be; `millionths` is not negative.
std::string FormatMillionths(int64_t millionths);

}  // namespace caravan::logistics
