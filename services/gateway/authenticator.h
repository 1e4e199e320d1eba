// Decides who a caller at the edge is, and what the services behind the gateway
// are told about it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/identity/principal.h"

namespace caravan::gateway {

// What a caller shows of itself. Views are valid during the call.
struct Credentials {
  // The value of `authorization`, for example `Bearer eyJ...`; empty where there
  // is none. More than one such header is refused before it comes here.
  std::string_view authorization = {};

  // The SPIFFE id of the verified client certificate of the connection; empty
  // where there is no certificate, or one without such an id or with several.
  std::string_view spiffe_id = {};

  // The metadata `caravan-principal`; only insecure authenticators look at it.
  std::string_view claimed_principal = {};
};

// A caller, and how a service is told of it. Immutable, shared by calls.
struct CallerIdentity {
  // For logs and limits.
  identity::Principal principal;

  // The metadata that is added to the call: `caravan-identity` and a signed,
  // short-lived identity for the audience. The value is printable ASCII.
  std::string metadata_name;
  std::string metadata_value;
};

// Thread-safe: every event loop calls it, for every call and without waiting.
// So it must not block (keys are fetched elsewhere), and an answer that it has
// already given must cost no more than a look into a cache.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // Who calls the service of this name (`zones`), the audience of the identity.
  // What is returned is valid for the start of a call now; it is not kept for
  // later ones. An error goes to the caller as it is: UNAUTHENTICATED with a
  // reason where the credentials are missing or wrong, UNAVAILABLE where they
  // cannot be checked now.
  virtual absl::StatusOr<std::shared_ptr<const CallerIdentity>> Authenticate(
      const Credentials& credentials, std::string_view service) = 0;
};

// For gateways without TLS, in tests: believes `caravan-principal` and passes it
// on as such; `default_principal` is a caller without it, who is refused where
// that is empty. INVALID_ARGUMENT where it is not a principal's name.
absl::StatusOr<std::unique_ptr<Authenticator>> MakeInsecureAuthenticator(
    const std::string& default_principal);

}  // namespace caravan::gateway
