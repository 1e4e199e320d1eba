// caravan-certificates: makes an authority and certificates for a deployment on
// one machine and for tests.
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "services/common/identity/certificates.h"
#include "services/common/identity/principal.h"
#include "services/common/settings/settings.h"
#include "services/common/settings/yaml.h"
#include "tools/certificates.pb.h"

namespace caravan::tools {
namespace {

using identity::CertificateAndKey;
using identity::CertificateAuthority;
using identity::CertificateRequest;

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

absl::Status MakeCertificates(const CertificatesSettings& settings) {
  std::set<std::string> ids = {"ca"};
  for (const auto* list : {&settings.services(), &settings.users()}) {
    for (const std::string& id : *list) {
      if (!ids.insert(id).second) {
        return absl::InvalidArgumentError(absl::StrCat("the id '", id, "' is taken"));
      }
    }
  }
  std::error_code error;
  std::filesystem::create_directories(settings.folder(), error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot make ", settings.folder(), ": ", error.message()));
  }
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
  return status;
}

}  // namespace
}  // namespace caravan::tools

int main(int argc, char** argv) {
  const auto settings = caravan::settings::LoadOrExit<caravan::tools::CertificatesSettings>(
      {.name = "caravan-certificates",
       .description = "Makes a certificate authority and certificates for services and users, for "
                      "a deployment on one machine and for tests."},
      argc, argv);
  umask(0077);
  const absl::Status status = caravan::tools::MakeCertificates(settings);
  if (status.ok()) return 0;
  std::fprintf(stderr, "caravan-certificates: %s\n", std::string(status.message()).c_str());
  return 1;
}
