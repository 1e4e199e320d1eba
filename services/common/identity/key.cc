#include "services/common/identity/key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/common/identity/json.h"

namespace caravan::identity {
namespace {

namespace json = boost::json;

using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, OpenSslDeleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpenSslDeleter<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, OpenSslDeleter<BN_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, OpenSslDeleter<OSSL_PARAM_free>>;
using ParameterBuilder = std::unique_ptr<OSSL_PARAM_BLD, OpenSslDeleter<OSSL_PARAM_BLD_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, OpenSslDeleter<ECDSA_SIG_free>>;

constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;  // what lies beyond costs more than it protects
constexpr int kMostExponentBits = 64;
constexpr size_t kCoordinateBytes = 32;  // of P-256
constexpr size_t kEd25519Bytes = 32;
constexpr size_t kLongestId = 256;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* Bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

absl::Status Malformed(std::string message) {
  return absl::InvalidArgumentError(std::move(message));
}

bool Is(const json::object& object, std::string_view name, std::string_view value) {
  const json::string* member = FindString(object, name);
  return member != nullptr && std::string_view(member->data(), member->size()) == value;
}

// The algorithm that a key of this `kty` and `crv` has.
std::optional<Algorithm> AlgorithmOf(const json::object& jwk) {
  if (Is(jwk, "kty", "RSA")) return Algorithm::kRs256;
  if (Is(jwk, "kty", "EC") && Is(jwk, "crv", "P-256")) return Algorithm::kEs256;
  if (Is(jwk, "kty", "OKP") && Is(jwk, "crv", "Ed25519")) return Algorithm::kEdDsa;
  return std::nullopt;
}

// The bytes of a member in base64url.
absl::StatusOr<std::string> BytesOf(const json::object& jwk, std::string_view name) {
  const json::string* text = FindString(jwk, name);
  std::string bytes;
  if (text == nullptr || !DecodeBase64Url({text->data(), text->size()}, &bytes) || bytes.empty()) {
    return Malformed(absl::StrCat("its ", name, " should be bytes in base64url"));
  }
  return bytes;
}

Key MakeKey(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

absl::StatusOr<Key> ParseRsa(const json::object& jwk) {
  const absl::StatusOr<std::string> n = BytesOf(jwk, "n");
  if (!n.ok()) return n.status();
  const absl::StatusOr<std::string> e = BytesOf(jwk, "e");
  if (!e.ok()) return e.status();
  const Number modulus(BN_bin2bn(Bytes(*n), static_cast<int>(n->size()), nullptr));
  const Number exponent(BN_bin2bn(Bytes(*e), static_cast<int>(e->size()), nullptr));
  const int bits = BN_num_bits(modulus.get());
  if (bits < kLeastRsaBits || bits > kMostRsaBits) {
    return Malformed(absl::StrCat("it is an RSA key of ", bits, " bits; should be ", kLeastRsaBits,
                                  " to ", kMostRsaBits));
  }
  if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) != 0 ||
      BN_num_bits(exponent.get()) > kMostExponentBits) {
    return Malformed("its exponent e should be odd, more than 1 and of at most 64 bits");
  }
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return OpenSslError("it is no RSA key");
  }
  Key key = MakeKey("RSA", builder.get());
  if (key == nullptr) return OpenSslError("it is no RSA key");
  return key;
}

absl::StatusOr<Key> ParseP256(const json::object& jwk) {
  const absl::StatusOr<std::string> x = BytesOf(jwk, "x");
  if (!x.ok()) return x.status();
  const absl::StatusOr<std::string> y = BytesOf(jwk, "y");
  if (!y.ok()) return y.status();
  if (x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) {
    return Malformed("its x and y should be of 32 bytes each");
  }
  const std::string point = absl::StrCat("\x04", *x, *y);
  const ParameterBuilder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return OpenSslError("it is no key on P-256");
  }
  Key key = MakeKey("EC", builder.get());
  const Context check(key == nullptr ? nullptr
                                     : EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (check == nullptr || EVP_PKEY_public_check(check.get()) != 1) {
    return OpenSslError("its x and y are no point of P-256");
  }
  return key;
}

absl::StatusOr<Key> ParseEd25519(const json::object& jwk) {
  const absl::StatusOr<std::string> x = BytesOf(jwk, "x");
  if (!x.ok()) return x.status();
  if (x->size() != kEd25519Bytes) return Malformed("its x should be of 32 bytes");
  Key key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(*x), x->size()));
  if (key == nullptr) return OpenSslError("it is no Ed25519 key");
  return key;
}

absl::StatusOr<Key> ParseKey(Algorithm algorithm, const json::object& jwk) {
  switch (algorithm) {
    case Algorithm::kRs256:
      return ParseRsa(jwk);
    case Algorithm::kEs256:
      return ParseP256(jwk);
    case Algorithm::kEdDsa:
      return ParseEd25519(jwk);
  }
  return absl::InternalError("no such algorithm");
}

// Ed25519 hashes by itself.
const EVP_MD* DigestOf(Algorithm algorithm) {
  return algorithm == Algorithm::kEdDsa ? nullptr : EVP_sha256();
}

// The signature of ES256 in a token, as OpenSSL wants it; empty where it is none.
std::string ToDer(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return "";
  Number r(BN_bin2bn(Bytes(signature), kCoordinateBytes, nullptr));
  Number s(BN_bin2bn(Bytes(signature) + kCoordinateBytes, kCoordinateBytes, nullptr));
  const EcdsaSignature both(ECDSA_SIG_new());
  if (both == nullptr || r == nullptr || s == nullptr ||
      ECDSA_SIG_set0(both.get(), r.release(), s.release()) != 1) {
    return "";
  }
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(both.get(), &der);
  if (size <= 0) return "";
  std::string text(reinterpret_cast<char*>(der), size);
  OPENSSL_free(der);
  return text;
}

std::string FromDer(std::string_view der) {
  const unsigned char* position = Bytes(der);
  const EcdsaSignature both(d2i_ECDSA_SIG(nullptr, &position, static_cast<long>(der.size())));
  std::string signature(2 * kCoordinateBytes, '\0');
  if (both == nullptr ||
      BN_bn2binpad(ECDSA_SIG_get0_r(both.get()), Bytes(signature), kCoordinateBytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(both.get()), Bytes(signature) + kCoordinateBytes,
                   kCoordinateBytes) < 0) {
    return "";
  }
  return signature;
}

// A number of a key, in base64url; of `width` bytes, or as few as it needs.
absl::StatusOr<std::string> NumberOf(const Key& key, const char* name, int width = 0) {
  BIGNUM* found = nullptr;
  if (EVP_PKEY_get_bn_param(key.get(), name, &found) != 1) {
    return OpenSslError("the key cannot be read");
  }
  const Number number(found);
  std::string bytes(width > 0 ? width : BN_num_bytes(number.get()), '\0');
  if (BN_bn2binpad(number.get(), Bytes(bytes), static_cast<int>(bytes.size())) < 0) {
    return OpenSslError("the key cannot be read");
  }
  return EncodeBase64Url(bytes);
}

absl::StatusOr<Algorithm> AlgorithmOf(const Key& key) {
  char group[32] = "";
  if (EVP_PKEY_is_a(key.get(), "RSA") && EVP_PKEY_get_bits(key.get()) >= kLeastRsaBits) {
    return Algorithm::kRs256;
  }
  if (EVP_PKEY_is_a(key.get(), "EC") &&
      EVP_PKEY_get_group_name(key.get(), group, sizeof group, nullptr) == 1 &&
      std::string_view(group) == "prime256v1") {
    return Algorithm::kEs256;
  }
  if (EVP_PKEY_is_a(key.get(), "ED25519")) return Algorithm::kEdDsa;
  return Malformed("the key should be of Ed25519, P-256, or RSA with 2048 bits or more");
}

// With its thumbprint as `kid`, which is of the members that make the key, in the
// order of their names: the order in which they are added here.
absl::StatusOr<json::object> PublicJwk(const Key& key, Algorithm algorithm) {
  json::object jwk;
  absl::StatusOr<std::string> first;
  absl::StatusOr<std::string> second = std::string();
  switch (algorithm) {
    case Algorithm::kRs256:
      first = NumberOf(key, OSSL_PKEY_PARAM_RSA_E);
      second = NumberOf(key, OSSL_PKEY_PARAM_RSA_N);
      if (first.ok() && second.ok()) jwk = {{"e", *first}, {"kty", "RSA"}, {"n", *second}};
      break;
    case Algorithm::kEs256:
      first = NumberOf(key, OSSL_PKEY_PARAM_EC_PUB_X, kCoordinateBytes);
      second = NumberOf(key, OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinateBytes);
      if (first.ok() && second.ok()) {
        jwk = {{"crv", "P-256"}, {"kty", "EC"}, {"x", *first}, {"y", *second}};
      }
      break;
    case Algorithm::kEdDsa: {
      std::string bytes(kEd25519Bytes, '\0');
      size_t size = bytes.size();
      if (EVP_PKEY_get_raw_public_key(key.get(), Bytes(bytes), &size) != 1) {
        return OpenSslError("the key cannot be read");
      }
      first = EncodeBase64Url(bytes);
      jwk = {{"crv", "Ed25519"}, {"kty", "OKP"}, {"x", *first}};
      break;
    }
  }
  if (!first.ok()) return first.status();
  if (!second.ok()) return second.status();
  const std::string members = json::serialize(jwk);
  std::string digest(EVP_MD_get_size(EVP_sha256()), '\0');
  if (EVP_Digest(members.data(), members.size(), Bytes(digest), nullptr, EVP_sha256(), nullptr) !=
      1) {
    return OpenSslError("cannot make the key's id");
  }
  jwk["kid"] = EncodeBase64Url(digest);
  jwk["alg"] = NameOf(algorithm);
  jwk["use"] = "sig";
  return jwk;
}

}  // namespace

std::string_view NameOf(Algorithm algorithm) {
  static constexpr std::array<std::string_view, 3> kNames = {"RS256", "ES256", "EdDSA"};
  return kNames[static_cast<size_t>(algorithm)];
}

std::string EncodeBase64Url(std::string_view bytes) { return absl::WebSafeBase64Escape(bytes); }

bool DecodeBase64Url(std::string_view text, std::string* bytes) {
  // Abseil is lenient; writing it again shows whether it had to be.
  return absl::WebSafeBase64Unescape(text, bytes) && absl::WebSafeBase64Escape(*bytes) == text;
}

bool PublicKey::IsForTokens(const json::object& jwk) {
  const std::optional<Algorithm> algorithm = AlgorithmOf(jwk);
  if (!algorithm.has_value()) return false;
  if (jwk.contains("alg") && !Is(jwk, "alg", NameOf(*algorithm))) return false;
  if (jwk.contains("use") && !Is(jwk, "use", "sig")) return false;
  if (const json::value* operations = jwk.if_contains("key_ops")) {
    const json::array* list = operations->if_array();
    if (list == nullptr) return false;
    for (const json::value& operation : *list) {
      if (operation == json::value("verify")) return true;
    }
    return false;
  }
  return true;
}

absl::StatusOr<PublicKey> PublicKey::Parse(const json::object& jwk) {
  const std::optional<Algorithm> algorithm = AlgorithmOf(jwk);
  if (!algorithm.has_value()) return Malformed("it is of no kind that verifies tokens");
  const json::string* id = FindString(jwk, "kid");
  if (id == nullptr || id->empty() || id->size() > kLongestId) {
    return Malformed("it should have a kid of 1 to 256 characters");
  }
  if (jwk.contains("d")) return Malformed("it contains the private key, which belongs elsewhere");
  absl::StatusOr<Key> key = ParseKey(*algorithm, jwk);
  if (!key.ok()) return key.status();
  return PublicKey(std::string(id->data(), id->size()), *algorithm, *std::move(key));
}

bool PublicKey::Verify(std::string_view content, std::string_view signature) const {
  std::string der;
  if (algorithm_ == Algorithm::kEs256) {
    der = ToDer(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const DigestContext context(EVP_MD_CTX_new());
  const bool valid = context != nullptr &&
                     EVP_DigestVerifyInit(context.get(), nullptr, DigestOf(algorithm_), nullptr,
                                          key_.get()) == 1 &&
                     EVP_DigestVerify(context.get(), Bytes(signature), signature.size(),
                                      Bytes(content), content.size()) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

absl::StatusOr<SigningKey> SigningKey::Generate(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRs256:
      return Of(Key(EVP_RSA_gen(kLeastRsaBits)));
    case Algorithm::kEs256:
      return Of(Key(EVP_EC_gen("P-256")));
    case Algorithm::kEdDsa:
      return Of(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")));
  }
  return absl::InternalError("no such algorithm");
}

absl::StatusOr<SigningKey> SigningKey::FromPem(std::string_view pem) {
  Key key = ParsePrivateKey(pem);
  if (key == nullptr) return OpenSslError("this is no PEM private key without a password");
  return Of(std::move(key));
}

absl::StatusOr<SigningKey> SigningKey::Of(Key key) {
  if (key == nullptr) return OpenSslError("cannot make a key");
  const absl::StatusOr<Algorithm> algorithm = AlgorithmOf(key);
  if (!algorithm.ok()) return algorithm.status();
  absl::StatusOr<json::object> jwk = PublicJwk(key, *algorithm);
  if (!jwk.ok()) return jwk.status();
  return SigningKey(*algorithm, std::move(key), *std::move(jwk));
}

absl::StatusOr<json::object> CertifiedJwk(std::string_view pem) {
  const Bio bio = ReadOnly(pem);
  const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) return OpenSslError("this is no PEM certificate");
  const Key key(X509_get_pubkey(certificate.get()));
  if (key == nullptr) return OpenSslError("the certificate has no key that can be read");
  const absl::StatusOr<Algorithm> algorithm = AlgorithmOf(key);
  if (!algorithm.ok()) return algorithm.status();
  return PublicJwk(key, *algorithm);
}

absl::StatusOr<std::string> SigningKey::Sign(std::string_view content) const {
  const DigestContext context(EVP_MD_CTX_new());
  size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, DigestOf(algorithm_), nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, Bytes(content), content.size()) != 1) {
    return OpenSslError("cannot sign");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), Bytes(signature), &size, Bytes(content), content.size()) != 1) {
    return OpenSslError("cannot sign");
  }
  signature.resize(size);
  if (algorithm_ != Algorithm::kEs256) return signature;
  signature = FromDer(signature);
  if (signature.empty()) return OpenSslError("cannot sign");
  return signature;
}

absl::StatusOr<std::string> SigningKey::SignToken(std::string_view type,
                                                  const json::object& claims) const {
  const json::object header = {
      {"alg", NameOf(algorithm_)}, {"kid", public_jwk_.at("kid")}, {"typ", type}};
  const std::string content = absl::StrCat(EncodeBase64Url(json::serialize(header)), ".",
                                           EncodeBase64Url(json::serialize(claims)));
  const absl::StatusOr<std::string> signature = Sign(content);
  if (!signature.ok()) return signature.status();
  return absl::StrCat(content, ".", EncodeBase64Url(*signature));
}

}  // namespace caravan::identity
