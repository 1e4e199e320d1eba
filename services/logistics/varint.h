// Integers in as few bytes as they need, as protobuf writes them: what is kept by
// the million is stored with these.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::logistics {

// `Out` is a std::string or a Pen.
template <class Out>
void AppendVarint(uint64_t value, Out* out) {
  for (; value >= 0x80; value >>= 7) out->push_back(static_cast<char>(value | 0x80));
  out->push_back(static_cast<char>(value));
}

// Small numbers of either sign are short.
template <class Out>
void AppendSigned(int64_t value, Out* out) {
  AppendVarint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63), out);
}

// Takes a number from the front of `in`. Nothing where `in` ends before it does,
// or where it has more than 64 bits.
inline std::optional<uint64_t> ReadVarint(std::string_view* in) {
  uint64_t value = 0;
  for (size_t i = 0; i < in->size() && i < 10; ++i) {
    const auto byte = static_cast<uint8_t>((*in)[i]);
    if (i == 9 && byte > 1) return std::nullopt;
    value |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      in->remove_prefix(i + 1);
      return value;
    }
  }
  return std::nullopt;
}

inline std::optional<int64_t> ReadSigned(std::string_view* in) {
  const std::optional<uint64_t> value = ReadVarint(in);
  if (!value) return std::nullopt;
  return static_cast<int64_t>((*value >> 1) ^ (~(*value & 1) + 1));
}

// Takes as many bytes from the front of `in` as the number there says.
inline std::optional<std::string_view> ReadBytes(std::string_view* in) {
  const std::optional<uint64_t> size = ReadVarint(in);
  if (!size || *size > in->size()) return std::nullopt;
  const std::string_view bytes = in->substr(0, *size);
  in->remove_prefix(*size);
  return bytes;
}

}  // namespace caravan::logistics
