#include "services/common/identity/principal.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/identity/signed_identity.h"

namespace caravan::identity {
namespace {

constexpr size_t kMaxIdLength = 128;

bool IsId(std::string_view id) {
  if (id.empty() || id.size() > kMaxIdLength || !absl::ascii_isalnum(id[0])) return false;
  for (const char c : id) {
    if (!absl::ascii_isalnum(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

absl::Status Unauthenticated(std::string message) {
  return api::Error(absl::StatusCode::kUnauthenticated, "NO_PRINCIPAL", std::move(message));
}

// Ignoring it would run the call as somebody else.
absl::Status IdentityRefused(std::string_view why) {
  return api::Error(
      absl::StatusCode::kUnauthenticated, "IDENTITY_NOT_TRUSTED",
      absl::StrCat("this server cannot verify the metadata ", kIdentityMetadata, ": ", why));
}

}  // namespace

std::optional<Principal> ParsePrincipal(std::string_view name) {
  std::string_view id = name;
  const bool has_kind = absl::StartsWith(name, "users/") || absl::StartsWith(name, "services/");
  if (!has_kind) return std::nullopt;
  id.remove_prefix(name.find('/') + 1);
  if (!IsId(id)) return std::nullopt;
  return Principal{.name = std::string(name)};
}

std::optional<Principal> PrincipalOfSpiffeId(std::string_view spiffe_id,
                                             std::string_view trust_domain) {
  const std::string prefix = absl::StrCat("spiffe://", trust_domain, "/");
  if (trust_domain.empty() || !absl::StartsWith(spiffe_id, prefix)) return std::nullopt;
  return ParsePrincipal(spiffe_id.substr(prefix.size()));
}

Authenticator Authenticator::ForTrustDomain(std::string trust_domain,
                                            std::shared_ptr<const IdentityVerifier> identities) {
  Authenticator authenticator;
  authenticator.trust_domain_ = std::move(trust_domain);
  authenticator.identities_ = std::move(identities);
  return authenticator;
}

absl::StatusOr<Authenticator> Authenticator::Insecure(const std::string& default_principal) {
  Authenticator authenticator;
  authenticator.insecure_ = true;
  if (default_principal.empty()) return authenticator;
  authenticator.default_principal_ = ParsePrincipal(default_principal);
  if (!authenticator.default_principal_) {
    return api::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_PRINCIPAL",
                      absl::StrCat("the principal ", api::Quoted(default_principal),
                                   " should be users/<id> or services/<id>"));
  }
  return authenticator;
}

absl::StatusOr<Principal> Authenticator::Authenticate(const Peer& peer) const {
  if (!insecure_) {
    if (peer.spiffe_id.empty()) {
      return Unauthenticated(
          "the client's certificate carries no SPIFFE id, or more than one; exactly one is needed");
    }
    if (auto principal = PrincipalOfSpiffeId(peer.spiffe_id, trust_domain_)) {
      if (peer.identity.empty()) return *std::move(principal);
      if (identities_ != nullptr) return identities_->Verify(*principal, peer.identity);
      return IdentityRefused("it has no keys (identity_jwks)");
    }
    return Unauthenticated(absl::StrCat("the SPIFFE id ", api::Quoted(peer.spiffe_id),
                                        " should be spiffe://", trust_domain_,
                                        "/users/<id> or /services/<id>"));
  }
  if (!peer.identity.empty()) return IdentityRefused("it is insecure");
  if (peer.claimed_principal.empty()) {
    if (default_principal_) return *default_principal_;
    return Unauthenticated(absl::StrCat("the metadata ", kInsecurePrincipalMetadata,
                                        " should name the caller: users/<id> or services/<id>"));
  }
  if (auto principal = ParsePrincipal(peer.claimed_principal)) return *principal;
  return Unauthenticated(absl::StrCat("the principal ", api::Quoted(peer.claimed_principal),
                                      " should be users/<id> or services/<id>"));
}

}  // namespace caravan::identity
