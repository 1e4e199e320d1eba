// Times and counts in the records of parcels and numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {

// A time of whole microseconds behind another; in seconds, where it is whole ones.
template <class Out>
void AppendTime(absl::Time time, int64_t* last_micros, Out* out) {
  const int64_t micros = absl::ToUnixMicros(time);
  const auto gap =
      static_cast<int64_t>(static_cast<uint64_t>(micros) - static_cast<uint64_t>(*last_micros));
  *last_micros = micros;
  // The lowest bit says which; the sign stays.
  if (gap % 1'000'000 == 0) {
    AppendSigned(gap / 1'000'000 * 2, out);
  } else if (gap < INT64_MAX / 2 && gap > INT64_MIN / 2) {
    AppendSigned(gap * 2 + 1, out);
  } else {
    // Too far to double: the time itself, marked by a gap that is none.
    AppendSigned(1, out);
    AppendSigned(micros, out);
  }
}

inline std::optional<absl::Time> ReadTime(int64_t* last_micros, std::string_view* in) {
  const std::optional<int64_t> head = ReadSigned(in);
  if (!head) return std::nullopt;
  if (*head == 1) {
    const std::optional<int64_t> micros = ReadSigned(in);
    if (!micros) return std::nullopt;
    *last_micros = *micros;
    return absl::FromUnixMicros(*micros);
  }
  int64_t gap = *head >> 1;
  if ((*head & 1) == 0 && __builtin_mul_overflow(gap, 1'000'000, &gap)) return std::nullopt;
  *last_micros =
      static_cast<int64_t>(static_cast<uint64_t>(*last_micros) + static_cast<uint64_t>(gap));
  return absl::FromUnixMicros(*last_micros);
}

// How many follow, of which each takes a byte at least.
inline std::optional<uint64_t> ReadCount(std::string_view* in) {
  const std::optional<uint64_t> count = ReadVarint(in);
  if (!count || *count > in->size()) return std::nullopt;
  return count;
}

template <class Out>
void AppendBytes(std::string_view bytes, Out* out) {
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

}  // namespace caravan::logistics
