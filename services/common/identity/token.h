// Verifies tokens: JWTs (RFC 7519) in JWS compact serialisation (RFC 7515), by
// the rules of RFC 8725.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/identity/key_set.h"

namespace caravan::identity {

// What is asked of a token beside a signature by one of the keys.
struct TokenRules {
  std::string issuer;    // its `iss`
  std::string audience;  // its `aud`, or among them

  // Which `typ` it may have, in lower case and without `application/`; "" stands
  // for none. Keeps tokens that were made for something else apart.
  std::vector<std::string> types = {"", "jwt", "at+jwt"};

  // How far the clock of whoever made it may differ.
  absl::Duration leeway = absl::Seconds(30);

  // Most time from `iat` to `exp`. Where it is finite, a token must have `iat`.
  absl::Duration longest_life = absl::InfiniteDuration();

  // Longest token.
  size_t max_bytes = 8192;
};

// A token that was verified.
struct Token {
  std::string subject;  // `sub`, not empty
  absl::Time expiry;    // `exp` and the leeway: it is refused from then on
  boost::json::object claims;
};

// The token, or UNAUTHENTICATED with one of the reasons
//   TOKEN_TOO_LARGE         it, or its header, is longer than any should be
//   TOKEN_MALFORMED         three parts in base64url, JSON objects that name no
//                           member twice, the claims of the right types and present
//   TOKEN_TYPE_REFUSED      its `typ` is for something else
//   TOKEN_EXTENSION_UNKNOWN it is critical (`crit`) that an extension is understood
//   TOKEN_ALGORITHM_REFUSED none, a symmetric one, or not that of the key
//   TOKEN_KEY_UNKNOWN       no `kid`, or none of the keys has it
//   TOKEN_SIGNATURE_INVALID
//   TOKEN_ISSUER_WRONG, TOKEN_AUDIENCE_WRONG
//   TOKEN_EXPIRED, TOKEN_NOT_YET_VALID
//   TOKEN_LIFETIME_TOO_LONG
// in this order. The messages contain nothing of the token but times.
absl::StatusOr<Token> VerifyToken(std::string_view token, const KeySet& keys,
                                  const TokenRules& rules, absl::Time now);

}  // namespace caravan::identity
