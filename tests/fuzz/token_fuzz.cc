// No bytes are a token, neither as they are nor as the parts of one; none are a
// key set that breaks anything. With the key, any claims are either refused or
// those of a token.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/identity/key.h"
#include "services/common/identity/key_set.h"
#include "services/common/identity/token.h"

namespace {

using caravan::identity::EncodeBase64Url;
using caravan::identity::KeySet;
using caravan::identity::SigningKey;
using caravan::identity::VerifyToken;

// The same in every run, so that a token in the corpus stays what it is.
constexpr char kKey[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const SigningKey key = *SigningKey::FromPem(kKey);
  static const auto keys = *KeySet::Parse(caravan::identity::WriteKeySet({key.public_jwk()}));
  static const caravan::identity::TokenRules rules{.issuer = "i", .audience = "a"};
  static const std::string header =
      "{\"alg\":\"EdDSA\",\"kid\":\"" + std::string(key.public_jwk().at("kid").as_string()) + "\"}";
  const absl::Time now = absl::FromUnixSeconds(1'900'000'000);
  const std::string bytes(reinterpret_cast<const char*>(data), size);

  const std::string encoded = EncodeBase64Url(bytes);
  for (const std::string& token :
       {bytes, absl::StrCat(encoded, ".", encoded, ".", encoded),
        absl::StrCat(EncodeBase64Url(header), ".", encoded, ".", encoded)}) {
    const auto verified = VerifyToken(token, *keys, rules, now);
    Check(!verified.ok() && verified.status().code() == absl::StatusCode::kUnauthenticated &&
          !caravan::api::ReasonOf(verified.status()).empty());
  }

  const std::string content = absl::StrCat(EncodeBase64Url(header), ".", encoded);
  const auto verified = VerifyToken(absl::StrCat(content, ".", EncodeBase64Url(*key.Sign(content))),
                                    *keys, rules, now);
  if (verified.ok()) {
    Check(!verified->subject.empty() && verified->expiry > now);
  } else {
    Check(verified.status().code() == absl::StatusCode::kUnauthenticated);
  }

  const auto set = KeySet::Parse(bytes);
  Check(set.ok() || set.status().code() == absl::StatusCode::kInvalidArgument);
  return 0;
}
