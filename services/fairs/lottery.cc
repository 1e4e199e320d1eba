#include "services/fairs/lottery.h"

#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace caravan::fairs {
namespace {

std::string Sha256(std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  return absl::BytesToHexString(
      std::string_view(reinterpret_cast<const char*>(digest), sizeof digest));
}

}  // namespace

std::string LotteryCommitment(std::string_view secret) { return Sha256(secret); }

std::string LotterySeed(std::string_view secret, std::string_view inputs_digest,
                        std::string_view public_value) {
  return Sha256(absl::StrCat(secret, "\n", inputs_digest, "\n", public_value));
}

std::string LotteryKey(std::string_view seed, std::string_view section,
                       std::string_view enterprise) {
  return Sha256(absl::StrCat(seed, "\n", section, "\n", enterprise));
}

}  // namespace caravan::fairs
