#include "services/common/identity/certificates.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "services/common/identity/openssl.h"

namespace caravan::identity {
namespace {

using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, OpenSslDeleter<X509_EXTENSION_free>>;
using AddressBytes = std::unique_ptr<ASN1_OCTET_STRING, OpenSslDeleter<ASN1_OCTET_STRING_free>>;

absl::StatusOr<CertificateAndKey> ToPem(const Certificate& certificate, const Key& key) {
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1) {
    return OpenSslError("cannot write PEM");
  }
  absl::StatusOr<std::string> key_text = PrivateKeyToPem(key);
  if (!key_text.ok()) return key_text.status();
  return CertificateAndKey{Content(certificate_text), *std::move(key_text)};
}

Certificate ParseCertificate(const std::string& pem) {
  return Certificate(PEM_read_bio_X509(ReadOnly(pem).get(), nullptr, nullptr, nullptr));
}

bool AddExtension(int nid, const std::string& value, X509* issuer, X509* certificate) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct ExtensionText {
  int nid;
  std::string value;
};

// Makes a certificate for `key` that `issuer_key` signs; without an issuer, it
// is its own.
absl::StatusOr<Certificate> Sign(const std::string& common_name, absl::Duration validity, Key& key,
                                 X509* issuer, EVP_PKEY* issuer_key,
                                 const std::vector<ExtensionText>& extensions) {
  Certificate certificate(X509_new());
  X509* const x509 = certificate.get();
  unsigned char serial[16];
  if (x509 == nullptr || RAND_bytes(serial, sizeof serial) != 1) return OpenSslError("no serial");
  serial[0] = (serial[0] & 0x7f) | 0x40;  // positive and of full length
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
  BN_free(number);

  X509_set_version(x509, X509_VERSION_3);
  // Backdated, for machines whose clocks differ.
  const std::time_t now = absl::ToTimeT(absl::Now());
  X509_time_adj_ex(X509_getm_notBefore(x509), 0, -300, const_cast<std::time_t*>(&now));
  const int64_t seconds = absl::ToInt64Seconds(validity);
  X509_time_adj_ex(X509_getm_notAfter(x509), static_cast<int>(seconds / 86400),
                   static_cast<long>(seconds % 86400), const_cast<std::time_t*>(&now));
  X509_set_pubkey(x509, key.get());
  X509_NAME* name = X509_get_subject_name(x509);
  if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1) {
    return OpenSslError(absl::StrCat("the common name '", common_name, "' is not possible"));
  }
  X509_set_issuer_name(x509, issuer == nullptr ? name : X509_get_subject_name(issuer));
  for (const ExtensionText& extension : extensions) {
    if (!AddExtension(extension.nid, extension.value, issuer == nullptr ? x509 : issuer, x509)) {
      return OpenSslError(absl::StrCat("'", extension.value, "' is not possible"));
    }
  }
  if (X509_sign(x509, issuer_key, EVP_sha256()) == 0) return OpenSslError("cannot sign");
  return certificate;
}

absl::StatusOr<Key> NewKey() {
  Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("cannot make a key");
  return key;
}

// The text that OpenSSL wants of subject alternative names. Commas separate
// them there, so none may contain one.
absl::StatusOr<std::string> AlternativeNames(const CertificateRequest& request) {
  std::vector<std::string> names;
  for (const std::string& host : request.hosts) {
    const AddressBytes address(a2i_IPADDRESS(host.c_str()));
    names.push_back(absl::StrCat(address != nullptr ? "IP:" : "DNS:", host));
  }
  ERR_clear_error();
  if (!request.spiffe_id.empty()) {
    if (!absl::StartsWith(request.spiffe_id, "spiffe://")) {
      return absl::InvalidArgumentError(
          absl::StrCat("the SPIFFE id '", request.spiffe_id, "' should begin with spiffe://"));
    }
    names.push_back("URI:" + request.spiffe_id);
  }
  for (const std::string& name : names) {
    if (name.find_first_of(",\r\n") != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("'", name, "' is no host and no id"));
    }
  }
  if (names.empty()) {
    return absl::InvalidArgumentError("a certificate needs hosts, a SPIFFE id, or both");
  }
  return absl::StrJoin(names, ",");
}

}  // namespace

absl::StatusOr<CertificateAuthority> CertificateAuthority::Create(const std::string& common_name,
                                                                  absl::Duration validity) {
  absl::StatusOr<Key> key = NewKey();
  if (!key.ok()) return key.status();
  const auto certificate = Sign(common_name, validity, *key, nullptr, key->get(),
                                {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                 {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                 {NID_subject_key_identifier, "hash"}});
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<CertificateAndKey> pem = ToPem(*certificate, *key);
  if (!pem.ok()) return pem.status();
  return CertificateAuthority(*std::move(pem));
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Load(CertificateAndKey pem) {
  if (absl::Status status = CheckCertificateAndKey(pem); !status.ok()) return status;
  return CertificateAuthority(std::move(pem));
}

absl::StatusOr<CertificateAndKey> CertificateAuthority::Issue(
    const CertificateRequest& request) const {
  const Certificate issuer = ParseCertificate(pem_.certificate);
  const Key issuer_key = ParsePrivateKey(pem_.key);
  if (issuer == nullptr || issuer_key == nullptr) return OpenSslError("the authority is malformed");
  absl::StatusOr<Key> key = NewKey();
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::string> names = AlternativeNames(request);
  if (!names.ok()) return names.status();
  std::vector<std::string> usages;
  if (!request.hosts.empty()) usages.push_back("serverAuth");
  if (!request.spiffe_id.empty()) usages.push_back("clientAuth");
  const auto certificate =
      Sign(request.common_name, request.validity, *key, issuer.get(), issuer_key.get(),
           {{NID_basic_constraints, "critical,CA:FALSE"},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_ext_key_usage, absl::StrJoin(usages, ",")},
            {NID_subject_key_identifier, "hash"},
            {NID_authority_key_identifier, "keyid"},
            {NID_subject_alt_name, *names}});
  if (!certificate.ok()) return certificate.status();
  return ToPem(*certificate, *key);
}

absl::Status CheckCertificateAndKey(const CertificateAndKey& pem) {
  const Certificate certificate = ParseCertificate(pem.certificate);
  if (certificate == nullptr) return OpenSslError("this is no PEM certificate");
  const Key key = ParsePrivateKey(pem.key);
  if (key == nullptr) return OpenSslError("this is no PEM private key without a password");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return OpenSslError("the certificate and the key do not belong together");
  }
  return absl::OkStatus();
}

absl::Status CheckCertificate(const std::string& pem) {
  return ParseCertificate(pem) != nullptr ? absl::OkStatus()
                                          : OpenSslError("this is no PEM certificate");
}

absl::Status WritePrivateFile(const std::string& path, const std::string& content) {
  const std::string next = absl::StrCat(path, ".", getpid(), ".next");
  const auto failed = [&] {
    const absl::Status status =
        absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
    unlink(next.c_str());
    return status;
  };
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return failed();
  size_t written = 0;
  while (written < content.size()) {
    const ssize_t n = write(fd, content.data() + written, content.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    written += n;
  }
  const bool complete = written == content.size();
  if (close(fd) != 0 || !complete || std::rename(next.c_str(), path.c_str()) != 0) return failed();
  return absl::OkStatus();
}

}  // namespace caravan::identity
