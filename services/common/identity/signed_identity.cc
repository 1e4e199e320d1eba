#include "services/common/identity/signed_identity.h"

#include <algorithm>
#include <boost/json/object.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/identity/json.h"
#include "services/common/identity/token.h"

namespace caravan::identity {
namespace {

namespace json = boost::json;

constexpr size_t kLongestIdentity = 4096;

absl::Status Unauthenticated(std::string_view reason, std::string message) {
  return api::Error(absl::StatusCode::kUnauthenticated, reason, std::move(message));
}

}  // namespace

std::optional<Principal> ReadChain(
    const json::object& claims, std::string_view subject,
    const std::function<std::optional<Principal>(std::string_view subject)>& map) {
  std::optional<Principal> caller = map(subject);
  const json::value* act = claims.if_contains("act");
  while (caller.has_value() && act != nullptr) {
    const json::object* actor = act->if_object();
    const json::string* name = actor == nullptr ? nullptr : FindString(*actor, "sub");
    if (name == nullptr || caller->actors.size() == kMostActors) return std::nullopt;
    std::optional<Principal> principal = map({name->data(), name->size()});
    if (!principal.has_value()) return std::nullopt;
    caller->actors.push_back(std::move(principal->name));
    act = actor->if_contains("act");
  }
  return caller;
}

absl::StatusOr<std::string> SignIdentity(const SigningKey& key, std::string_view issuer,
                                         const Principal& principal, std::string_view audience,
                                         absl::Time now) {
  const int64_t issued = absl::ToUnixSeconds(now);
  json::object claims = {{"iss", issuer},
                         {"aud", audience},
                         {"iat", issued},
                         {"exp", issued + absl::ToInt64Seconds(kIdentityLifetime)},
                         {"sub", principal.name}};
  json::object* outer = &claims;
  for (const std::string& actor : principal.actors) {
    (*outer)["act"] = json::object{{"sub", actor}};
    outer = &outer->at("act").get_object();
  }
  return key.SignToken(kIdentityType, claims);
}

IdentityVerifier::IdentityVerifier(IdentityVerifierOptions options,
                                   std::unique_ptr<WatchedFile<KeySet>> keys)
    : options_(std::move(options)), keys_(std::move(keys)), cache_(options_.most_cached) {}

absl::StatusOr<Principal> IdentityVerifier::Verify(const Principal& peer,
                                                   std::string_view token) const {
  if (std::find(options_.issuers.begin(), options_.issuers.end(), peer.name) ==
      options_.issuers.end()) {
    return Unauthenticated("IDENTITY_NOT_TRUSTED",
                           absl::StrCat(peer.name, " may not say who calls (metadata ",
                                        kIdentityMetadata, "); it calls as itself without"));
  }
  const absl::Time now = options_.clock();
  const uint64_t generation = keys_->generation();
  if (auto cached = cache_.Find(token, generation, now);
      cached.has_value() && (*cached)->issuer == peer.name) {
    return (*cached)->principal;
  }
  TokenRules rules;
  rules.issuer = peer.name;
  rules.audience = options_.audience;
  rules.types = {std::string(kIdentityType)};
  rules.leeway = kIdentityLeeway;
  rules.longest_life = kIdentityLifetime;
  rules.max_bytes = kLongestIdentity;
  const absl::StatusOr<Token> verified = VerifyToken(token, *keys_->Get(), rules, now);
  if (!verified.ok()) {
    return Unauthenticated(
        api::ReasonOf(verified.status()),
        absl::StrCat("the identity signed by ", peer.name, ": ", verified.status().message()));
  }
  std::optional<Principal> principal =
      ReadChain(verified->claims, verified->subject, ParsePrincipal);
  if (!principal.has_value()) {
    return Unauthenticated("TOKEN_MALFORMED",
                           absl::StrCat("the identity signed by ", peer.name,
                                        " should name users/<id> or services/<id>, and at most ",
                                        kMostActors, " who act for it"));
  }
  cache_.Insert(token, generation, verified->expiry,
                std::make_shared<const Verified>(Verified{peer.name, *principal}));
  return *std::move(principal);
}

}  // namespace caravan::identity
