// Keys that sign and verify tokens: JSON Web Keys (RFC 7517) of the three
// algorithms that Caravan knows.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/common/identity/openssl.h"

namespace caravan::identity {

// RSA with SHA-256 (PKCS #1 v1.5), ECDSA on P-256 with SHA-256, and Ed25519. A
// key has one of them; what a token says of itself is only compared with it.
enum class Algorithm { kRs256, kEs256, kEdDsa };

// `RS256`, `ES256`, `EdDSA`: as in the header of a token.
std::string_view NameOf(Algorithm algorithm);

// Base64url without padding (RFC 7515); nothing else decodes, neither other
// characters nor another spelling of the same bytes.
std::string EncodeBase64Url(std::string_view bytes);
bool DecodeBase64Url(std::string_view text, std::string* bytes);

// Verifies. Thread-safe.
class PublicKey {
 public:
  // Whether a JSON Web Key is of a kind that verifies tokens here: RSA, EC with
  // P-256 or OKP with Ed25519; for signatures (`use`, `key_ops`); and with one of
  // the three algorithms or none. Others, of which the key sets of identity
  // providers have some, are left out.
  static bool IsForTokens(const boost::json::object& jwk);

  // The key of such a JSON Web Key. INVALID_ARGUMENT where it has no `kid` of 1 to
  // 256 characters, is malformed, is an RSA key of less than 2048 or more than
  // 8192 bits, or contains the private key.
  static absl::StatusOr<PublicKey> Parse(const boost::json::object& jwk);

  const std::string& id() const { return id_; }
  Algorithm algorithm() const { return algorithm_; }

  // `signature` as in a token: for ES256, r and s of 32 bytes each.
  bool Verify(std::string_view content, std::string_view signature) const;

 private:
  PublicKey(std::string id, Algorithm algorithm, Key key)
      : id_(std::move(id)), algorithm_(algorithm), key_(std::move(key)) {}

  std::string id_;
  Algorithm algorithm_;
  Key key_;
};

// Signs. Thread-safe.
class SigningKey {
 public:
  static absl::StatusOr<SigningKey> Generate(Algorithm algorithm);

  // INVALID_ARGUMENT where `pem` is no private key of one of the algorithms.
  static absl::StatusOr<SigningKey> FromPem(std::string_view pem);

  absl::StatusOr<std::string> ToPem() const { return PrivateKeyToPem(key_); }

  // The public key, with its thumbprint (RFC 7638) as `kid`.
  const boost::json::object& public_jwk() const { return public_jwk_; }

  // What PublicKey::Verify() accepts.
  absl::StatusOr<std::string> Sign(std::string_view content) const;

  // A token (a JWT in JWS compact serialisation) with `type` as its `typ`.
  absl::StatusOr<std::string> SignToken(std::string_view type,
                                        const boost::json::object& claims) const;

 private:
  SigningKey(Algorithm algorithm, Key key, boost::json::object public_jwk)
      : algorithm_(algorithm), key_(std::move(key)), public_jwk_(std::move(public_jwk)) {}

  static absl::StatusOr<SigningKey> Of(Key key);

  Algorithm algorithm_;
  Key key_;
  boost::json::object public_jwk_;
};

// The public key of the first certificate in `pem`, as SigningKey::public_jwk() of
// its private key.
absl::StatusOr<boost::json::object> CertifiedJwk(std::string_view pem);

}  // namespace caravan::identity
