// Points: fixed-point numbers. Messages carry them as decimal text with three digits
// behind the point at the most; all computation is exact, in thousandths of a point.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::fairs {

// Thousandths of a point.
inline constexpr int64_t kOnePoint = 1000;

// Reads `35`, `12.5` or `0.125`, as thousandths; the empty text of a field that is
// not set is 0. Nothing where it is no such number: a sign, a point without digits on
// both sides, more than nine digits before it or three behind. So what is read is
// below 10^12 (kMaxScore of quantities.h), and so is the sum of what a million fields
// hold below 2^63.
std::optional<int64_t> ParsePoints(std::string_view text);

// Writes thousandths, without zeros that say nothing: `35`, `12.5`, `0`. They may be
// negative, as differences are.
std::string FormatPoints(int64_t thousandths);

}  // namespace caravan::fairs
