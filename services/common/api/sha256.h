#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace caravan::api {

// The SHA-256 digest of bytes. Unlike OpenSSL's SHA256, it does not look for an
// implementation each time, which takes longer than to digest a resource.
std::array<uint8_t, 32> Sha256(std::string_view bytes);

// The digest's bytes, as text.
inline std::string_view AsText(const std::array<uint8_t, 32>& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace caravan::api
