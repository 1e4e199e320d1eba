// caravan-certificates: makes an authority, certificates, keys and tokens for a
// deployment on one machine and for tests.
#include <sys/stat.h>

#include <boost/json/object.hpp>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/common/identity/certificates.h"
#include "services/common/identity/key.h"
#include "services/common/identity/key_set.h"
#include "services/common/identity/principal.h"
#include "services/common/settings/settings.h"
#include "services/common/settings/yaml.h"
#include "tools/certificates.pb.h"

namespace caravan::tools {
namespace {

using identity::CertificateAndKey;
using identity::CertificateAuthority;
using identity::CertificateRequest;
using identity::SigningKey;

absl::Status WritePair(const std::string& stem, const CertificateAndKey& pem) {
  absl::Status status = identity::WritePrivateFile(stem + ".pem", pem.certificate);
  if (status.ok()) status = identity::WritePrivateFile(stem + ".key", pem.key);
  return status;
}

absl::StatusOr<CertificateAuthority> LoadOrCreateAuthority(const std::string& folder) {
  const std::string stem = folder + "/ca";
  if (std::filesystem::exists(stem + ".key")) {
    const auto certificate = settings::ReadFile(stem + ".pem");
    if (!certificate.ok()) return certificate.status();
    const auto key = settings::ReadFile(stem + ".key");
    if (!key.ok()) return key.status();
    return CertificateAuthority::Load({*certificate, *key});
  }
  auto authority = CertificateAuthority::Create("Caravan local authority");
  if (!authority.ok()) return authority.status();
  if (absl::Status status = WritePair(stem, authority->pem()); !status.ok()) return status;
  return authority;
}

// Makes the certificate of `principal`, users/<id> or services/<id>.
absl::Status Issue(const CertificatesSettings& settings, const CertificateAuthority& authority,
                   const std::string& principal, std::vector<std::string> hosts) {
  if (!identity::ParsePrincipal(principal)) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", principal, "': an id has letters, digits, '.', '_' and '-'"));
  }
  CertificateRequest request;
  request.common_name = principal.substr(principal.find('/') + 1);
  request.hosts = std::move(hosts);
  request.spiffe_id = absl::StrCat("spiffe://", settings.trust_domain(), "/", principal);
  request.validity = settings::ToDuration(settings.validity());
  const auto pem = authority.Issue(request);
  if (!pem.ok()) return pem.status();
  return WritePair(absl::StrCat(settings.folder(), "/", request.common_name), *pem);
}

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot make ", folder, ": ", error.message()));
}

absl::StatusOr<SigningKey> LoadKey(const std::string& file) {
  const auto pem = settings::ReadFile(file);
  if (!pem.ok()) return pem.status();
  auto key = SigningKey::FromPem(*pem);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", key.status().message()));
  }
  return key;
}

// The key `<stem>.key`, made where it is not there or a new one is wanted, and
// `<stem>.jwks.json` with it and, until the next one, the key before. The set is
// written first, so that nothing is ever signed by a key that is not in it.
absl::StatusOr<SigningKey> LoadOrCreateKey(const std::string& stem, bool renew) {
  std::vector<boost::json::object> set;
  if (std::filesystem::exists(stem + ".key")) {
    auto key = LoadKey(stem + ".key");
    if (!key.ok() || !renew) return key;
    set.push_back(key->public_jwk());
  }
  auto key = SigningKey::Generate(identity::Algorithm::kEdDsa);
  if (!key.ok()) return key.status();
  set.insert(set.begin(), key->public_jwk());
  const auto pem = key->ToPem();
  if (!pem.ok()) return pem.status();
  absl::Status status = identity::WritePrivateFile(stem + ".jwks.json", identity::WriteKeySet(set));
  if (status.ok()) status = identity::WritePrivateFile(stem + ".key", *pem);
  if (!status.ok()) return status;
  return key;
}

absl::Status MakeCertificates(const CertificatesSettings& settings) {
  // The names of other files.
  std::set<std::string> ids = {"ca", "identity", "token"};
  for (const auto* list : {&settings.services(), &settings.users()}) {
    for (const std::string& id : *list) {
      if (!ids.insert(id).second) {
        return absl::InvalidArgumentError(absl::StrCat("the id '", id, "' is taken"));
      }
    }
  }
  if (absl::Status made = MakeFolder(settings.folder()); !made.ok()) return made;
  const auto authority = LoadOrCreateAuthority(settings.folder());
  if (!authority.ok()) return authority.status();
  absl::Status status;
  for (const std::string& id : settings.services()) {
    std::vector<std::string> hosts(settings.hosts().begin(), settings.hosts().end());
    hosts.push_back(id);
    status.Update(Issue(settings, *authority, "services/" + id, std::move(hosts)));
  }
  for (const std::string& id : settings.users()) {
    status.Update(Issue(settings, *authority, "users/" + id, {}));
  }
  if (absl::c_linear_search(settings.services(), "gateway")) {
    status.Update(
        LoadOrCreateKey(settings.folder() + "/identity", settings.new_identity_key()).status());
  }
  return status;
}

absl::Status MakeToken(const TokenSettings& settings) {
  if (absl::Status made = MakeFolder(settings.folder()); !made.ok()) return made;
  const auto key = LoadOrCreateKey(settings.folder() + "/token", /*renew=*/false);
  if (!key.ok()) return key.status();
  if (settings.user().empty()) return absl::OkStatus();
  if (!identity::ParsePrincipal("users/" + settings.user())) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", settings.user(), "': an id has letters, digits, '.', '_' and '-'"));
  }
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  const auto token = key->SignToken(
      "JWT", {{"iss", settings.issuer()},
              {"aud", settings.audience()},
              {"sub", settings.user()},
              {"iat", now},
              {"exp", now + absl::ToInt64Seconds(settings::ToDuration(settings.validity()))}});
  if (!token.ok()) return token.status();
  if (!settings.out().empty()) return identity::WritePrivateFile(settings.out(), *token + "\n");
  std::printf("%s\n", token->c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace caravan::tools

int main(int argc, char** argv) {
  using caravan::settings::LoadOrExit;
  umask(0077);
  absl::Status status;
  if (argc > 1 && std::string_view(argv[1]) == "token") {
    status = caravan::tools::MakeToken(LoadOrExit<caravan::tools::TokenSettings>(
        {.name = "caravan-certificates token",
         .description = "Issues a token for a user, for a deployment on one machine and for tests; "
                        "elsewhere, tokens come from the organisation's identity provider."},
        argc - 1, argv + 1));
  } else {
    status = caravan::tools::MakeCertificates(LoadOrExit<caravan::tools::CertificatesSettings>(
        {.name = "caravan-certificates",
         .description = "Makes a certificate authority, certificates for services and users, and "
                        "the gateway's identity key, for a deployment on one machine and for "
                        "tests. `caravan-certificates token` issues tokens."},
        argc, argv));
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "caravan-certificates: %s\n", std::string(status.message()).c_str());
  return 1;
}
