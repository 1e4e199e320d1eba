// Who calls, by a token of the organisation's identity provider, by a client
// certificate, or by both.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/gateway/authenticator.h"
#include "services/gateway/settings.pb.h"

namespace caravan::gateway {

struct TokenAuthenticatorOptions {
  // Tokens: `authorization: Bearer <JWT>`. Without a file of keys, none is
  // accepted.
  std::string token_jwks;      // file with the JSON Web Key Set of the issuer
  std::string token_issuer;    // `iss`
  std::string token_audience;  // `aud`, or among them
  // The claim that names the caller: users/<claim>.
  std::string subject_claim = "sub";
  // Those whose claim begins so are applications: services/<claim>, with the
  // prefix. Empty: there are none. It keeps them apart from the services of the
  // deployment, so none of those may have a name that begins so.
  std::string application_prefix = {};
  absl::Duration leeway = absl::Seconds(30);

  // Client certificates: spiffe://<trust domain>/users/<id> or /services/<id>.
  std::string trust_domain = "caravan";

  // What services are told: signed with this key (file, PEM), by this principal,
  // which is that of the gateway's certificate. Without a key, they are told by
  // `caravan-principal`, which only insecure services believe.
  std::string identity_key;
  std::string identity_issuer = "services/gateway";

  std::function<absl::Time()> clock = absl::Now;

  // Most callers that are remembered, each with one or two kilobytes; of refused
  // tokens, a tenth as many.
  size_t most_cached = 10'000;
};

// INVALID_ARGUMENT, naming the file or setting, where one is wrong. The files
// are read again when they change.
//
// A token says who calls. A certificate beside it says who acts for that caller:
// an application that a user works with. A certificate alone is the caller. A
// token that is refused is not made good by a certificate.
//
// Reasons of UNAUTHENTICATED: CREDENTIALS_MISSING, CREDENTIALS_MALFORMED (no
// `Bearer <token>`), TOKENS_NOT_ACCEPTED, TOKEN_SUBJECT_REFUSED (no id that a
// principal can have), NO_PRINCIPAL (the certificate is of nobody here), and
// those of identity::VerifyToken().
absl::StatusOr<std::unique_ptr<Authenticator>> MakeTokenAuthenticator(
    TokenAuthenticatorOptions options);

// The authenticator that the settings ask for. INVALID_ARGUMENT says which of them
// is wrong.
absl::StatusOr<std::unique_ptr<Authenticator>> MakeAuthenticator(const GatewaySettings& settings);

}  // namespace caravan::gateway
