#include "services/gateway/token_authenticator.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/identity/bounded_cache.h"
#include "services/common/identity/json.h"
#include "services/common/identity/key_set.h"
#include "services/common/identity/signed_identity.h"
#include "services/common/identity/token.h"
#include "services/common/identity/watched_file.h"
#include "services/common/settings/settings.h"

namespace caravan::gateway {
namespace {

using identity::BoundedCache;
using identity::KeySet;
using identity::Principal;
using identity::SigningKey;
using identity::WatchedFile;

constexpr std::string_view kScheme = "bearer ";
// A signed identity is used for so long, and has some time left then.
constexpr absl::Duration kSignedFor = absl::Seconds(40);
// A token that was refused is not looked at again for so long.
constexpr absl::Duration kRefusedFor = absl::Seconds(10);

absl::Status Unauthenticated(std::string_view reason, std::string message) {
  return api::Error(absl::StatusCode::kUnauthenticated, reason, std::move(message));
}

// The SHA-256 of a token.
using Digest = std::array<char, 32>;

Digest DigestOf(std::string_view text) {
  Digest digest;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  return digest;
}

// What a token proves, until it expires.
struct Bearer {
  Principal principal;
  absl::Time expiry;
};

class TokenAuthenticator final : public Authenticator {
 public:
  TokenAuthenticator(TokenAuthenticatorOptions options, std::unique_ptr<WatchedFile<KeySet>> keys,
                     std::unique_ptr<WatchedFile<SigningKey>> identity_key)
      : options_(std::move(options)),
        keys_(std::move(keys)),
        identity_key_(std::move(identity_key)),
        callers_(options_.most_cached),
        bearers_(options_.most_cached),
        refused_(options_.most_cached / 10) {
    rules_.issuer = options_.token_issuer;
    rules_.audience = options_.token_audience;
    rules_.leeway = options_.leeway;
  }

  absl::StatusOr<std::shared_ptr<const CallerIdentity>> Authenticate(
      const Credentials& credentials, std::string_view service) override {
    if (credentials.authorization.empty() && credentials.spiffe_id.empty()) {
      return Unauthenticated(
          "CREDENTIALS_MISSING",
          "the call has no credentials; it needs a token (authorization: Bearer <JWT>) or a client "
          "certificate");
    }
    const absl::StatusOr<std::string_view> token = TokenOf(credentials.authorization);
    if (!token.ok()) return token.status();
    // Names of services and SPIFFE ids have no line ends; what is of a token here
    // may be anything, and comes last.
    const std::string key = absl::StrCat(service, "\n", credentials.spiffe_id, "\n", *token);
    const absl::Time now = options_.clock();
    const uint64_t token_keys = keys_ == nullptr ? 0 : keys_->generation();
    // Grows when either changes.
    const uint64_t generation =
        token_keys + (identity_key_ == nullptr ? 0 : identity_key_->generation());
    if (auto caller = callers_.Find(key, generation, now)) return *std::move(caller);

    Bearer bearer{.principal = {}, .expiry = absl::InfiniteFuture()};
    if (!token->empty()) {
      absl::StatusOr<Bearer> verified = Verify(*token, token_keys, now);
      if (!verified.ok()) return verified.status();
      bearer = *std::move(verified);
    }
    if (!credentials.spiffe_id.empty()) {
      absl::Status status = AddCertificate(credentials.spiffe_id, &bearer.principal);
      if (!status.ok()) return status;
    }
    auto caller = Sign(std::move(bearer.principal), service, now);
    if (!caller.ok()) return caller.status();
    callers_.Insert(key, generation, std::min(bearer.expiry, now + kSignedFor), *caller);
    return caller;
  }

 private:
  // The token of an authorization header; empty where there is no header.
  absl::StatusOr<std::string_view> TokenOf(std::string_view authorization) const {
    if (authorization.empty()) return authorization;
    if (!absl::EqualsIgnoreCase(authorization.substr(0, kScheme.size()), kScheme)) {
      return Unauthenticated("CREDENTIALS_MALFORMED",
                             "the metadata authorization should be Bearer and a token");
    }
    std::string_view token = authorization.substr(kScheme.size());
    token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
    if (token.empty()) {
      return Unauthenticated("CREDENTIALS_MALFORMED",
                             "the metadata authorization has no token after Bearer");
    }
    if (keys_ == nullptr) {
      return Unauthenticated("TOKENS_NOT_ACCEPTED",
                             "no tokens are accepted here, only client certificates");
    }
    // Before it is hashed.
    if (token.size() > rules_.max_bytes) {
      return Unauthenticated("TOKEN_TOO_LARGE", absl::StrCat("the token is of ", token.size(),
                                                             " bytes; at most ", rules_.max_bytes));
    }
    return token;
  }

  absl::StatusOr<Bearer> Verify(std::string_view token, uint64_t generation, absl::Time now) {
    const Digest bytes = DigestOf(token);
    const std::string_view digest(bytes.data(), bytes.size());
    if (auto known = bearers_.Find(digest, generation, now)) return **known;
    if (auto known = refused_.Find(digest, generation, now)) return *std::move(known);
    const absl::StatusOr<identity::Token> verified =
        identity::VerifyToken(token, *keys_->Get(), rules_, now);
    absl::StatusOr<Bearer> bearer =
        verified.ok() ? BearerOf(*verified) : absl::StatusOr<Bearer>(verified.status());
    if (bearer.ok()) {
      bearers_.Insert(digest, generation, bearer->expiry, std::make_shared<const Bearer>(*bearer));
    } else {
      refused_.Insert(digest, generation, now + kRefusedFor, bearer.status());
    }
    return bearer;
  }

  absl::StatusOr<Bearer> BearerOf(const identity::Token& token) const {
    const auto* subject = identity::FindString(token.claims, options_.subject_claim);
    std::optional<Principal> principal;
    if (subject != nullptr) {
      principal = identity::ReadChain(token.claims, {subject->data(), subject->size()},
                                      [this](std::string_view text) { return Map(text); });
    }
    if (!principal.has_value()) {
      return Unauthenticated(
          "TOKEN_SUBJECT_REFUSED",
          absl::StrCat("the token's ", options_.subject_claim,
                       " (and sub of each act, of which there may be ", identity::kMostActors,
                       ") should be 1 to 128 letters, digits, '.', '_' and '-'"));
    }
    return Bearer{*std::move(principal), token.expiry};
  }

  std::optional<Principal> Map(std::string_view subject) const {
    const bool application = !options_.application_prefix.empty() &&
                             absl::StartsWith(subject, options_.application_prefix);
    return identity::ParsePrincipal(absl::StrCat(application ? "services/" : "users/", subject));
  }

  // The certificate's principal is the caller, or acts for it.
  absl::Status AddCertificate(std::string_view spiffe_id, Principal* caller) const {
    std::optional<Principal> owner =
        identity::PrincipalOfSpiffeId(spiffe_id, options_.trust_domain);
    if (!owner.has_value()) {
      return Unauthenticated(
          "NO_PRINCIPAL",
          absl::StrCat("the SPIFFE id ", api::Quoted(spiffe_id), " of the certificate should be ",
                       "spiffe://", options_.trust_domain, "/users/<id> or /services/<id>"));
    }
    std::vector<std::string>& actors = caller->actors;
    if (caller->name.empty()) {
      *caller = *std::move(owner);
    } else if (owner->name != caller->name && (actors.empty() || actors.front() != owner->name)) {
      if (actors.size() == identity::kMostActors) {
        return Unauthenticated("TOKEN_SUBJECT_REFUSED",
                               absl::StrCat("more than ", identity::kMostActors,
                                            " act for the caller, with the certificate's owner"));
      }
      actors.insert(actors.begin(), std::move(owner->name));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::shared_ptr<const CallerIdentity>> Sign(Principal principal,
                                                             std::string_view service,
                                                             absl::Time now) const {
    if (identity_key_ == nullptr) {
      std::string name = principal.name;
      return std::make_shared<const CallerIdentity>(
          CallerIdentity{.principal = std::move(principal),
                         .metadata_name = std::string(identity::kInsecurePrincipalMetadata),
                         .metadata_value = std::move(name)});
    }
    absl::StatusOr<std::string> token =
        identity::SignIdentity(*identity_key_->Get(), options_.identity_issuer, principal,
                               absl::StrCat("services/", service), now);
    if (!token.ok()) {
      return api::Error(absl::StatusCode::kUnavailable, "IDENTITY_UNAVAILABLE",
                        "the caller's identity cannot be signed now; try again")
          .RetryAfter(1);
    }
    return std::make_shared<const CallerIdentity>(
        CallerIdentity{.principal = std::move(principal),
                       .metadata_name = std::string(identity::kIdentityMetadata),
                       .metadata_value = *std::move(token)});
  }

  const TokenAuthenticatorOptions options_;
  identity::TokenRules rules_;
  const std::unique_ptr<WatchedFile<KeySet>> keys_;              // null: no tokens
  const std::unique_ptr<WatchedFile<SigningKey>> identity_key_;  // null: not signed

  // By service, certificate and token: the token itself, for its digest would cost
  // more than all else of a lookup, at each call. Only good ones come here.
  BoundedCache<std::shared_ptr<const CallerIdentity>> callers_;
  // By digest of the token, however long that is. Those that are refused have a cache
  // of their own, so that a flood of them drives nobody out.
  BoundedCache<std::shared_ptr<const Bearer>> bearers_;
  BoundedCache<absl::Status> refused_;
};

absl::StatusOr<std::shared_ptr<const SigningKey>> ParseSigningKey(const std::string& pem) {
  absl::StatusOr<SigningKey> key = SigningKey::FromPem(pem);
  if (!key.ok()) return key.status();
  return std::make_shared<const SigningKey>(*std::move(key));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> MakeTokenAuthenticator(
    TokenAuthenticatorOptions options) {
  std::unique_ptr<WatchedFile<KeySet>> keys;
  if (!options.token_jwks.empty()) {
    if (options.token_issuer.empty() || options.token_audience.empty()) {
      return absl::InvalidArgumentError(
          "token_issuer and token_audience are both needed where there is token_jwks");
    }
    auto opened = WatchedFile<KeySet>::Open("token keys", options.token_jwks, KeySet::Parse);
    if (!opened.ok()) return opened.status();
    keys = *std::move(opened);
  }
  if (!identity::ParsePrincipal(options.identity_issuer).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the identity issuer ", api::Quoted(options.identity_issuer), " should be services/<id>"));
  }
  std::unique_ptr<WatchedFile<SigningKey>> identity_key;
  if (!options.identity_key.empty()) {
    auto opened =
        WatchedFile<SigningKey>::Open("identity key", options.identity_key, ParseSigningKey);
    if (!opened.ok()) return opened.status();
    identity_key = *std::move(opened);
  }
  return std::make_unique<TokenAuthenticator>(std::move(options), std::move(keys),
                                              std::move(identity_key));
}

absl::StatusOr<std::unique_ptr<Authenticator>> MakeAuthenticator(const GatewaySettings& settings) {
  if (settings.insecure()) {
    // Services with TLS would take such callers for the gateway itself.
    if (!settings.upstream_insecure()) {
      return absl::InvalidArgumentError(
          "an insecure gateway can only pass callers on to insecure services: upstream_insecure");
    }
    return MakeInsecureAuthenticator(settings.insecure_principal());
  }
  if (settings.upstream_insecure() != settings.identity_key().empty()) {
    return absl::InvalidArgumentError(
        "identity_key is needed where services have TLS, and only there (upstream_insecure)");
  }
  if (settings.token_jwks().empty() && settings.tls_client_ca().empty()) {
    return absl::InvalidArgumentError(
        "token_jwks or tls_client_ca is needed; without them nobody could call");
  }
  TokenAuthenticatorOptions options;
  options.token_jwks = settings.token_jwks();
  options.token_issuer = settings.token_issuer();
  options.token_audience = settings.token_audience();
  options.subject_claim = settings.token_subject_claim();
  options.application_prefix = settings.token_application_prefix();
  options.leeway = settings::ToDuration(settings.token_leeway());
  options.trust_domain = settings.trust_domain();
  options.identity_key = settings.identity_key();
  options.identity_issuer = settings.identity_issuer();
  return MakeTokenAuthenticator(std::move(options));
}

}  // namespace caravan::gateway
