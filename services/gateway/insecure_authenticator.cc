#include <utility>

#include "services/gateway/authenticator.h"

namespace caravan::gateway {
namespace {

class InsecureAuthenticator final : public Authenticator {
 public:
  explicit InsecureAuthenticator(identity::Authenticator believes)
      : believes_(std::move(believes)) {}

  absl::StatusOr<std::shared_ptr<const CallerIdentity>> Authenticate(const Credentials& credentials,
                                                                     std::string_view) override {
    auto principal = believes_.Authenticate({.claimed_principal = credentials.claimed_principal});
    if (!principal.ok()) return principal.status();
    CallerIdentity identity;
    identity.metadata_name = std::string(identity::kInsecurePrincipalMetadata);
    identity.metadata_value = principal->name;
    identity.principal = *std::move(principal);
    return std::make_shared<const CallerIdentity>(std::move(identity));
  }

 private:
  const identity::Authenticator believes_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Authenticator>> MakeInsecureAuthenticator(
    const std::string& default_principal) {
  auto believes = identity::Authenticator::Insecure(default_principal);
  if (!believes.ok()) return believes.status();
  return std::make_unique<InsecureAuthenticator>(*std::move(believes));
}

}  // namespace caravan::gateway
