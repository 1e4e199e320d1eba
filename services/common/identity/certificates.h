// A certificate authority for tests and for deployments on one machine.
// Certificates are ECDSA P-256 and in PEM.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace caravan::identity {

struct CertificateAndKey {
  std::string certificate;
  std::string key;
};

struct CertificateRequest {
  std::string common_name;
  // Names and IP addresses by which clients reach a server; empty for clients.
  std::vector<std::string> hosts = {};
  // spiffe://<trust domain>/services/<id>; empty for a server that calls none.
  std::string spiffe_id = {};
  absl::Duration validity = absl::Hours(24) * 397;
};

class CertificateAuthority {
 public:
  // A new one, with a new key.
  static absl::StatusOr<CertificateAuthority> Create(const std::string& common_name,
                                                     absl::Duration validity = absl::Hours(24) *
                                                                               3650);
  // One that exists.
  static absl::StatusOr<CertificateAuthority> Load(CertificateAndKey pem);

  absl::StatusOr<CertificateAndKey> Issue(const CertificateRequest& request) const;

  const CertificateAndKey& pem() const { return pem_; }

 private:
  explicit CertificateAuthority(CertificateAndKey pem) : pem_(std::move(pem)) {}

  CertificateAndKey pem_;
};

// Checks that a PEM certificate chain and a private key parse and belong
// together.
absl::Status CheckCertificateAndKey(const CertificateAndKey& pem);

// Checks that a PEM certificate parses.
absl::Status CheckCertificate(const std::string& pem);

// Replaces a file as one step, readable by its owner only.
absl::Status WritePrivateFile(const std::string& path, const std::string& content);

}  // namespace caravan::identity
