#include "services/common/identity/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "services/common/identity/certificates.h"
#include "services/common/identity/json.h"
#include "services/common/identity/key_set.h"

namespace caravan::identity {
namespace {

using ::testing::HasSubstr;
namespace json = boost::json;

json::object Jwk(std::string_view text) { return *ParseJsonObject(text, 4); }

std::string Text(const json::object& object, std::string_view name) {
  const json::string* text = FindString(object, name);
  return text == nullptr ? "" : std::string(text->data(), text->size());
}

json::value Value(std::string_view text) { return json::value(json::string_view(text)); }

TEST(Base64UrlTest, HasOneSpelling) {
  std::string bytes;
  ASSERT_TRUE(DecodeBase64Url("-_8", &bytes));
  EXPECT_EQ(bytes, "\xfb\xff");
  EXPECT_EQ(EncodeBase64Url(bytes), "-_8");
  for (const char* wrong :
       {"+/8", "-_8=", "-_9", "-_", "-", "-_8 ", " -_8", "-_\n8", "-_8.", "\xff"}) {
    const bool decoded = DecodeBase64Url(wrong, &bytes);
    // "-_" is the spelling of one byte only where the bits left over are zero.
    EXPECT_FALSE(decoded) << wrong;
  }
}

class AlgorithmTest : public ::testing::TestWithParam<Algorithm> {};

TEST_P(AlgorithmTest, SignsWhatItsPublicKeyVerifies) {
  const auto key = SigningKey::Generate(GetParam());
  ASSERT_TRUE(key.ok()) << key.status();
  const auto pem = key->ToPem();
  ASSERT_TRUE(pem.ok());
  const auto again = SigningKey::FromPem(*pem);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->public_jwk(), key->public_jwk());

  const auto verifier = PublicKey::Parse(key->public_jwk());
  ASSERT_TRUE(verifier.ok()) << verifier.status();
  EXPECT_EQ(verifier->algorithm(), GetParam());
  EXPECT_EQ(verifier->id(), Text(key->public_jwk(), "kid"));
  const auto signature = again->Sign("content");
  ASSERT_TRUE(signature.ok());
  EXPECT_TRUE(verifier->Verify("content", *signature));
  EXPECT_FALSE(verifier->Verify("Content", *signature));
  EXPECT_FALSE(verifier->Verify("content", ""));
  EXPECT_FALSE(verifier->Verify("content", signature->substr(1)));
  EXPECT_FALSE(verifier->Verify("content", *signature + "x"));
  for (size_t i = 0; i < signature->size(); i += 7) {
    std::string changed = *signature;
    changed[i] ^= 1;
    EXPECT_FALSE(verifier->Verify("content", changed)) << i;
  }
  const auto other = PublicKey::Parse(SigningKey::Generate(GetParam())->public_jwk());
  EXPECT_FALSE(other->Verify("content", *signature));
}

INSTANTIATE_TEST_SUITE_P(All, AlgorithmTest,
                         ::testing::Values(Algorithm::kRs256, Algorithm::kEs256, Algorithm::kEdDsa),
                         [](const auto& info) { return std::string(NameOf(info.param)); });

// RFC 8037, appendix A: the key, its thumbprint and a signature.
TEST(KeyTest, AgreesWithRfc8037) {
  const auto key = PublicKey::Parse(Jwk(R"({"kty":"OKP","crv":"Ed25519","kid":"a",
              "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"));
  ASSERT_TRUE(key.ok()) << key.status();
  std::string signature;
  ASSERT_TRUE(DecodeBase64Url(
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
      &signature));
  EXPECT_TRUE(key->Verify("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", signature));
  const auto signing = SigningKey::FromPem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_TRUE(signing.ok()) << signing.status();
  EXPECT_EQ(Text(signing->public_jwk(), "x"), "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  EXPECT_EQ(Text(signing->public_jwk(), "kid"), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

// RFC 7515, appendices A.2 and A.3.
TEST(KeyTest, AgreesWithRfc7515) {
  const std::string claims =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVl"
      "f"
      "Q";
  const auto es256 = PublicKey::Parse(Jwk(R"({"kty":"EC","crv":"P-256","kid":"a",
              "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
              "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})"));
  ASSERT_TRUE(es256.ok()) << es256.status();
  std::string signature;
  ASSERT_TRUE(DecodeBase64Url(
      "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
      &signature));
  EXPECT_TRUE(es256->Verify("eyJhbGciOiJFUzI1NiJ9." + claims, signature));

  const auto rs256 = PublicKey::Parse(Jwk(
      R"({"kty":"RSA","e":"AQAB","kid":"a","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})"));
  ASSERT_TRUE(rs256.ok()) << rs256.status();
  ASSERT_TRUE(DecodeBase64Url(
      "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
      "O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
      "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
      "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0i"
      "gcN_IoypGlUPQGe77Rw",
      &signature));
  EXPECT_TRUE(rs256->Verify("eyJhbGciOiJSUzI1NiJ9." + claims, signature));
}

TEST(KeyTest, RefusesKeysThatAreWeakOrWrong) {
  const json::object rsa = SigningKey::Generate(Algorithm::kRs256)->public_jwk();
  const json::object ec = SigningKey::Generate(Algorithm::kEs256)->public_jwk();
  const json::object ed = SigningKey::Generate(Algorithm::kEdDsa)->public_jwk();
  struct Case {
    json::object jwk;
    std::string member;
    json::value value;
    std::string message;
  };
  const std::string modulus = Text(rsa, "n");
  for (const Case& c : std::vector<Case>{
           {rsa, "n", Value(EncodeBase64Url(std::string(255, '\x7f'))), "RSA key of 2039 bits"},
           {rsa, "n", Value(EncodeBase64Url(std::string(1025, '\xff'))), "RSA key of 8200 bits"},
           {rsa, "n", Value(modulus + "="), "its n should be bytes in base64url"},
           {rsa, "n", 5, "its n should be bytes"},
           {rsa, "e", "", "its e should be bytes"},
           {rsa, "e", "AQ", "exponent"},
           {rsa, "e", "AQAA", "exponent"},
           {rsa, "e", Value(EncodeBase64Url(std::string(9, '\xff'))), "exponent"},
           {rsa, "d", "AQAB", "private key"},
           {rsa, "kid", "", "kid"},
           {rsa, "kid", Value(std::string(257, 'a')), "kid"},
           {rsa, "kid", 1, "kid"},
           {ec, "x", Value(Text(ec, "y")), "no point of P-256"},
           {ec, "x", "AAAA", "32 bytes"},
           {ec, "d", "AAAA", "private key"},
           {ed, "x", "AAAA", "32 bytes"},
       }) {
    json::object jwk = c.jwk;
    jwk[c.member] = c.value;
    EXPECT_TRUE(PublicKey::IsForTokens(jwk)) << c.message;
    const absl::Status status = PublicKey::Parse(jwk).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.member << c.message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.message));
  }
}

TEST(KeyTest, LeavesOutKeysThatAreNotForTokens) {
  const json::object rsa = SigningKey::Generate(Algorithm::kRs256)->public_jwk();
  for (const auto& [member, value] :
       std::vector<std::pair<std::string, json::value>>{{"use", "enc"},
                                                        {"alg", "RSA-OAEP"},
                                                        {"alg", "HS256"},
                                                        {"alg", "ES256"},
                                                        {"kty", "oct"},
                                                        {"kty", nullptr},
                                                        {"key_ops", json::array{"sign"}},
                                                        {"key_ops", "verify"}}) {
    json::object jwk = rsa;
    jwk[member] = value;
    EXPECT_FALSE(PublicKey::IsForTokens(jwk)) << member;
    EXPECT_FALSE(KeySet::Parse(WriteKeySet({jwk})).ok());
  }
  json::object jwk = rsa;
  jwk["key_ops"] = json::array{"verify"};
  jwk.erase("use");
  jwk.erase("alg");
  EXPECT_TRUE(PublicKey::IsForTokens(jwk));
  EXPECT_FALSE(PublicKey::IsForTokens(Jwk(R"({"kty":"EC","crv":"secp256k1"})")));
  EXPECT_FALSE(PublicKey::IsForTokens(Jwk(R"({"kty":"OKP","crv":"X25519"})")));
}

TEST(KeyTest, SignsWithKeysOfItsAlgorithmsOnly) {
  const Key weak(EVP_RSA_gen(1024));
  EXPECT_THAT(std::string(SigningKey::FromPem(*PrivateKeyToPem(weak)).status().message()),
              HasSubstr("2048"));
  const Key curve(EVP_EC_gen("P-384"));
  EXPECT_FALSE(SigningKey::FromPem(*PrivateKeyToPem(curve)).ok());
  EXPECT_THAT(std::string(SigningKey::FromPem("no").status().message()),
              HasSubstr("no PEM private key"));
}

TEST(KeySetTest, FindsKeysById) {
  const json::object rsa = SigningKey::Generate(Algorithm::kRs256)->public_jwk();
  const json::object ed = SigningKey::Generate(Algorithm::kEdDsa)->public_jwk();
  const auto set = KeySet::Parse(WriteKeySet({rsa, Jwk(R"({"kty":"oct","k":"AAAA"})"), ed}));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ((*set)->Find(Text(rsa, "kid"))->algorithm(), Algorithm::kRs256);
  EXPECT_EQ((*set)->Find(Text(ed, "kid"))->algorithm(), Algorithm::kEdDsa);
  EXPECT_EQ((*set)->Find(""), nullptr);
}

TEST(KeySetTest, ACertificateIsASetOfItsKey) {
  const auto authority = CertificateAuthority::Create("Authority");
  ASSERT_TRUE(authority.ok());
  const auto pem = authority->Issue({.common_name = "gateway", .hosts = {"localhost"}});
  ASSERT_TRUE(pem.ok()) << pem.status();
  const auto signer = SigningKey::FromPem(pem->key);
  ASSERT_TRUE(signer.ok());
  const auto set = KeySet::Parse(pem->certificate);
  ASSERT_TRUE(set.ok()) << set.status();
  const PublicKey* key = (*set)->Find(std::string_view(signer->public_jwk().at("kid").as_string()));
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->Verify("content", *signer->Sign("content")));
  EXPECT_FALSE(KeySet::Parse("-----BEGIN CERTIFICATE-----\nAAAA\n").ok());
}

TEST(KeySetTest, RefusesSetsThatAreWrong) {
  const json::object ed = SigningKey::Generate(Algorithm::kEdDsa)->public_jwk();
  json::object broken = ed;
  broken["x"] = "AAAA";
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "no JSON Web Key Set"},
           {"{}", "no JSON Web Key Set"},
           {R"({"keys":{}})", "no JSON Web Key Set"},
           {R"({"keys":[]})", "no key for signatures"},
           {R"({"keys":[1]})", "key 1 is no object"},
           {WriteKeySet({ed, broken}), "key 2 is wrong: its x should be of 32 bytes"},
           {WriteKeySet({ed, ed}), "key 2 has the kid of another"}}) {
    const absl::Status status = KeySet::Parse(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace caravan::identity
