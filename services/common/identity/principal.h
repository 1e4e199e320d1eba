// Who calls: a user or a service.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace caravan::identity {

// An authenticated caller.
struct Principal {
  // `users/<id>` or `services/<id>`: whose rights count.
  std::string name;

  // Who acts for it, principals too, the nearest to the call first: the
  // application with which a user works. For the records; they neither add to
  // the rights nor take from them.
  std::vector<std::string> actors = {};

  friend bool operator==(const Principal&, const Principal&) = default;
};

// The principal of a name; nothing where it isn't `users/<id>` or
// `services/<id>` with an id of 1 to 128 letters, digits, `.`, `_` and `-` that
// begins with a letter or a digit.
std::optional<Principal> ParsePrincipal(std::string_view name);

// The principal of `spiffe://<trust domain>/users/<id>` or `/services/<id>`;
// nothing where the id is of another form or trust domain.
std::optional<Principal> PrincipalOfSpiffeId(std::string_view spiffe_id,
                                             std::string_view trust_domain);

// The metadata in which a caller names itself to a server that runs without
// TLS, for tests. Everywhere else it is ignored.
inline constexpr std::string_view kInsecurePrincipalMetadata = "caravan-principal";

// The metadata in which the gateway says who calls, signed; see
// signed_identity.h.
inline constexpr std::string_view kIdentityMetadata = "caravan-identity";

// What is known of a connection's other end and its call.
struct Peer {
  // The SPIFFE id of its verified certificate; empty where there is none, or
  // more than one.
  std::string_view spiffe_id = {};
  // The metadata kInsecurePrincipalMetadata; empty where there is none.
  std::string_view claimed_principal = {};
  // The metadata kIdentityMetadata; empty where there is none.
  std::string_view identity = {};
};

class IdentityVerifier;

// Decides who a peer is.
class Authenticator {
 public:
  // For servers with TLS: the certificate's SPIFFE id is the principal, unless
  // it is that of a gateway, which says who calls. Without a verifier, nobody may.
  static Authenticator ForTrustDomain(std::string trust_domain,
                                      std::shared_ptr<const IdentityVerifier> identities = nullptr);

  // For tests, on servers without TLS: believes the peer's claim;
  // `default_principal` is a peer without one, who is refused where that is
  // empty. INVALID_ARGUMENT where it is not a principal's name.
  static absl::StatusOr<Authenticator> Insecure(const std::string& default_principal);

  // UNAUTHENTICATED (reason NO_PRINCIPAL) where the peer isn't a principal, and
  // with the reasons of IdentityVerifier::Verify() where it says who calls.
  absl::StatusOr<Principal> Authenticate(const Peer& peer) const;

 private:
  Authenticator() = default;

  bool insecure_ = false;
  std::string trust_domain_;
  std::shared_ptr<const IdentityVerifier> identities_;
  std::optional<Principal> default_principal_;
};

}  // namespace caravan::identity
