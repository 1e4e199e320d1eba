#include "services/common/rpc/tls.h"

#include <grpc/grpc_security_constants.h>
#include <openssl/crypto.h>

#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "services/common/identity/certificates.h"
#include "services/common/settings/yaml.h"

namespace caravan::rpc {
namespace {

constexpr unsigned kRefreshSeconds = 1;

// gRPC's threads that watch certificate files outlive main(), and parse with OpenSSL. So its tables
// must stay when the process exits; OpenSSL heeds this only before its first use.
[[maybe_unused]] const int kKeepOpenSslAtExit =
    OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr);

// gRPC would only log what is wrong, and refuse every connection.
absl::Status CheckFiles(const TlsFiles& files) {
  const auto certificate = settings::ReadFile(files.certificate);
  if (!certificate.ok()) return certificate.status();
  const auto key = settings::ReadFile(files.key);
  if (!key.ok()) return key.status();
  const auto ca = settings::ReadFile(files.ca);
  if (!ca.ok()) return ca.status();
  if (auto status = identity::CheckCertificateAndKey({*certificate, *key}); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(files.certificate, " and ", files.key, ": ", status.message()));
  }
  if (auto status = identity::CheckCertificate(*ca); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(files.ca, ": ", status.message()));
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::experimental::CertificateProviderInterface> Watch(const TlsFiles& files) {
  return std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.ca, kRefreshSeconds);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsServerCredentials(
    const TlsFiles& files) {
  if (absl::Status status = CheckFiles(files); !status.ok()) return status;
  grpc::experimental::TlsServerCredentialsOptions options(Watch(files));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> TlsClientCredentials(
    const TlsFiles& files) {
  if (absl::Status status = CheckFiles(files); !status.ok()) return status;
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Watch(files));
  options.watch_identity_key_cert_pairs();
  options.watch_root_certs();
  return grpc::experimental::TlsCredentials(options);
}

identity::Peer PeerOf(const grpc::ServerContextBase& context) {
  const auto view = [](grpc::string_ref text) {
    return std::string_view(text.data(), text.size());
  };
  identity::Peer peer;
  const auto ids = context.auth_context()->FindPropertyValues(GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  if (ids.size() == 1) peer.spiffe_id = view(ids[0]);
  const auto claims = context.client_metadata().equal_range(grpc::string_ref(
      identity::kInsecurePrincipalMetadata.data(), identity::kInsecurePrincipalMetadata.size()));
  if (claims.first != claims.second && std::next(claims.first) == claims.second) {
    peer.claimed_principal = view(claims.first->second);
  }
  const auto identity = context.client_metadata().find(
      grpc::string_ref(identity::kIdentityMetadata.data(), identity::kIdentityMetadata.size()));
  if (identity != context.client_metadata().end()) peer.identity = view(identity->second);
  return peer;
}

}  // namespace caravan::rpc
