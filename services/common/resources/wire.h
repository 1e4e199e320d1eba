// Writes parts of a message in protobuf's wire format, so that stored resources
// go into replies without being parsed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace caravan::resources {

inline void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

// A message, string or bytes field.
inline void AppendField(std::string& out, int number, std::string_view value) {
  AppendVarint(out, static_cast<uint64_t>(number) << 3 | 2);
  AppendVarint(out, value.size());
  out.append(value);
}

}  // namespace caravan::resources
