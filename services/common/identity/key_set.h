// The keys of an issuer of tokens.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "services/common/identity/key.h"

namespace caravan::identity {

// A JSON Web Key Set (RFC 7517). Immutable.
class KeySet {
 public:
  // Keys that are not for tokens (PublicKey::IsForTokens) are left out.
  // INVALID_ARGUMENT where the text is malformed, one of the others is, two have
  // one `kid`, or none is left. A PEM certificate is a set of its key, whose `kid` is
  // the thumbprint: what keeps certificates can so keep a signer's key.
  static absl::StatusOr<std::shared_ptr<const KeySet>> Parse(std::string_view text);

  // The key with this `kid`; null where there is none.
  const PublicKey* Find(std::string_view id) const;

 private:
  absl::flat_hash_map<std::string, PublicKey> keys_;
};

// A key set as text, of public keys such as SigningKey::public_jwk().
std::string WriteKeySet(const std::vector<boost::json::object>& keys);

}  // namespace caravan::identity
