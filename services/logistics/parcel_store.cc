#include "services/logistics/parcel_store.h"

#include <openssl/sha.h>

namespace caravan::logistics {

int ParcelStore::BucketOf(std::string_view key) const {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | digest[i];
  return static_cast<int>(number % static_cast<uint64_t>(buckets()));
}

}  // namespace caravan::logistics
