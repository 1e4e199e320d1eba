#include "services/common/api/sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

namespace caravan::api {

std::array<uint8_t, 32> Sha256(std::string_view bytes) {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<uint8_t, 32> digest;
  // It fails only for want of memory, with which nothing else would go on, either.
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, kSha256, nullptr) != 1) {
    abort();
  }
  return digest;
}

}  // namespace caravan::api
