#include "services/gateway/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstring>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/telemetry/log.h"

namespace caravan::gateway {
namespace {

constexpr unsigned char kHttp2[] = {2, 'h', '2'};
constexpr unsigned char kSessionContext[] = "caravan-gateway";

int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kHttp2, sizeof(kHttp2), in, in_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status Wrong(const std::string& file) {
  const unsigned long error = ERR_peek_last_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  return absl::InvalidArgumentError(
      absl::StrCat(file, " cannot be used: ", reason == nullptr ? "unknown error" : reason));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Load(Side side,
                                                                   const TlsFiles& files) {
  ERR_clear_error();
  SSL_CTX* context = SSL_CTX_new(side == Side::kServer ? TLS_server_method() : TLS_client_method());
  if (context == nullptr) return absl::ResourceExhaustedError("there is no memory for TLS");
  std::shared_ptr<const TlsContext> result(new TlsContext(side, context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // HTTP/2 forbids renegotiation, and the older ciphers (RFC 9113, 9.2).
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
  // An idle connection holds no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  if (side == Side::kServer || !files.certificate.empty()) {
    if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
      return Wrong(files.certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
      return Wrong(files.key);
    }
  }
  if (!files.ca.empty()) {
    if (SSL_CTX_load_verify_locations(context, files.ca.c_str(), nullptr) != 1) {
      return Wrong(files.ca);
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  } else if (side == Side::kClient) {
    return absl::InvalidArgumentError("the authorities of the services' certificates are missing");
  }
  if (side == Side::kServer) {
    SSL_CTX_set_alpn_select_cb(context, SelectProtocol, nullptr);
    SSL_CTX_set_session_id_context(context, kSessionContext, sizeof(kSessionContext) - 1);
    if (!files.ca.empty()) {
      SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.ca.c_str()));
    }
  } else {
    SSL_CTX_set_alpn_protos(context, kHttp2, sizeof(kHttp2));
  }
  return result;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

SslPtr TlsContext::NewSession(const std::string& server_name) const {
  SslPtr ssl(SSL_new(context_));
  if (ssl == nullptr) return ssl;
  if (side_ == Side::kServer) {
    SSL_set_accept_state(ssl.get());
  } else {
    SSL_set_connect_state(ssl.get());
    SSL_set_tlsext_host_name(ssl.get(), server_name.c_str());
    SSL_set1_host(ssl.get(), server_name.c_str());
  }
  return ssl;
}

absl::StatusOr<std::unique_ptr<ReloadingTls>> ReloadingTls::Load(TlsContext::Side side,
                                                                 TlsFiles files) {
  std::unique_ptr<ReloadingTls> tls(new ReloadingTls(side, std::move(files)));
  tls->version_ = tls->CurrentVersion();
  auto context = TlsContext::Load(side, tls->files_);
  if (!context.ok()) return context.status();
  tls->context_ = *std::move(context);
  return tls;
}

std::shared_ptr<const TlsContext> ReloadingTls::Get() const {
  std::lock_guard lock(mutex_);
  return context_;
}

ReloadingTls::Version ReloadingTls::CurrentVersion() const {
  Version version;
  for (const std::string* file : {&files_.certificate, &files_.key, &files_.ca}) {
    struct stat info {};
    if (file->empty() || stat(file->c_str(), &info) != 0) continue;
    version.insert(version.end(),
                   {static_cast<int64_t>(info.st_dev), static_cast<int64_t>(info.st_ino),
                    static_cast<int64_t>(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec});
  }
  return version;
}

void ReloadingTls::Check() {
  // Taken first: a change while the files are read is seen next time.
  Version version = CurrentVersion();
  if (version == version_) return;
  version_ = std::move(version);
  auto context = TlsContext::Load(side_, files_);
  if (!context.ok()) {
    // Of a pair, one file may have been replaced and the other not yet.
    telemetry::Log(telemetry::LogLevel::kWarning,
                   "Certificates have changed and are wrong; the old ones stay in use",
                   {{"file", files_.certificate}, {"error", context.status().message()}});
    return;
  }
  telemetry::Log(telemetry::LogLevel::kInfo, "Certificates were loaded again",
                 {{"file", files_.certificate}});
  std::lock_guard lock(mutex_);
  context_ = *std::move(context);
}

bool SpeaksHttp2(SSL* ssl) {
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  return size == 2 && std::memcmp(protocol, "h2", 2) == 0;
}

std::string SpiffeIdOf(SSL* ssl) {
  if (ssl == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return "";
  X509* certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return "";
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  if (names == nullptr) return "";
  std::string id;
  int count = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const auto* data =
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier));
    const std::string_view uri(data, ASN1_STRING_length(name->d.uniformResourceIdentifier));
    if (!absl::StartsWith(uri, "spiffe://")) continue;
    id = std::string(uri);
    ++count;
  }
  GENERAL_NAMES_free(names);
  return count == 1 ? id : "";
}

}  // namespace caravan::gateway
