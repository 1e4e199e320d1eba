// How the gateway tells a service who calls: a short-lived token that it signs
// itself, in the metadata of the call.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/identity/bounded_cache.h"
#include "services/common/identity/key.h"
#include "services/common/identity/key_set.h"
#include "services/common/identity/principal.h"
#include "services/common/identity/watched_file.h"

namespace caravan::identity {

// The `typ` of these tokens, so that no other token passes for one.
inline constexpr std::string_view kIdentityType = "caravan-identity+jwt";

// How long one is valid.
inline constexpr absl::Duration kIdentityLifetime = absl::Seconds(60);

// How far the clocks of the gateway and a service may differ.
inline constexpr absl::Duration kIdentityLeeway = absl::Seconds(10);

// Most who may act for one principal.
inline constexpr size_t kMostActors = 4;

// Who a token is of: its `sub`, and the chain of those who act for it, `act`.
// `map` makes a principal of each subject. Nothing where it cannot, or the chain
// is longer than kMostActors.
std::optional<Principal> ReadChain(
    const boost::json::object& claims, std::string_view subject,
    const std::function<std::optional<Principal>(std::string_view subject)>& map);

// A token that says, until kIdentityLifetime after `now`, that `principal` calls
// `audience`: claims iss and aud (`services/<id>`), sub, iat, exp, and act (RFC
// 8693) where somebody acts for the principal.
absl::StatusOr<std::string> SignIdentity(const SigningKey& key, std::string_view issuer,
                                         const Principal& principal, std::string_view audience,
                                         absl::Time now);

struct IdentityVerifierOptions {
  std::string audience;              // this service: `services/zones`
  std::vector<std::string> issuers;  // who may say who calls: `services/gateway`
  std::function<absl::Time()> clock = absl::Now;
  size_t most_cached = 20'000;
};

// Verifies such tokens, each once. Thread-safe.
class IdentityVerifier {
 public:
  IdentityVerifier(IdentityVerifierOptions options, std::unique_ptr<WatchedFile<KeySet>> keys);

  // Who calls, by a token that `peer` has presented. UNAUTHENTICATED where the
  // peer is not among the issuers (IDENTITY_NOT_TRUSTED), and where the token is
  // not right, with the reasons of VerifyToken(); its issuer must be the peer.
  absl::StatusOr<Principal> Verify(const Principal& peer, std::string_view token) const;

 private:
  struct Verified {
    std::string issuer;
    Principal principal;
  };

  const IdentityVerifierOptions options_;
  const std::unique_ptr<WatchedFile<KeySet>> keys_;
  mutable BoundedCache<std::shared_ptr<const Verified>> cache_;
};

}  // namespace caravan::identity
