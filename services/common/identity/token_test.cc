#include "services/common/identity/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <random>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/identity/json.h"
#include "services/common/identity/key.h"

namespace caravan::identity {
namespace {

using ::testing::HasSubstr;
namespace json = boost::json;

const absl::Time kNow = absl::FromUnixSeconds(1'900'000'000);

class TokenTest : public ::testing::Test {
 protected:
  TokenTest() {
    keys_ = *KeySet::Parse(WriteKeySet({rsa_.public_jwk(), ec_.public_jwk(), ed_.public_jwk()}));
  }

  static json::object Claims() {
    const int64_t now = absl::ToUnixSeconds(kNow);
    return {{"iss", "https://login.example"},
            {"aud", "caravan"},
            {"sub", "li.wei"},
            {"iat", now - 10},
            {"nbf", now - 10},
            {"exp", now + 300}};
  }

  template <typename Value>
  static json::object With(std::string_view name, const Value& value) {
    json::object claims = Claims();
    claims[name] = json::value(value);
    return claims;
  }

  static json::object Without(std::string_view name) {
    json::object claims = Claims();
    claims.erase(name);
    return claims;
  }

  static json::object Header(const SigningKey& key) {
    return {{"alg", key.public_jwk().at("alg")}, {"kid", key.public_jwk().at("kid")}};
  }

  // A token of these parts, which `key` signs.
  static std::string Make(const SigningKey& key, std::string_view header, std::string_view claims) {
    const std::string content = absl::StrCat(EncodeBase64Url(header), ".", EncodeBase64Url(claims));
    return absl::StrCat(content, ".", EncodeBase64Url(*key.Sign(content)));
  }

  static std::string Make(const SigningKey& key, const json::object& header,
                          const json::object& claims) {
    return Make(key, json::serialize(header), json::serialize(claims));
  }

  std::string Make(const json::object& claims) { return Make(ed_, Header(ed_), claims); }

  absl::Status Verify(std::string_view token) {
    return VerifyToken(token, *keys_, rules_, kNow).status();
  }

  std::string Reason(std::string_view token) {
    const absl::Status status = Verify(token);
    if (status.ok()) return "OK";
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
    EXPECT_FALSE(status.message().empty());
    // The token is nowhere in the error.
    if (token.size() > 40) {
      EXPECT_FALSE(absl::StrContains(status.ToString(), token.substr(token.size() - 20)));
    }
    return api::ReasonOf(status);
  }

  const SigningKey rsa_ = *SigningKey::Generate(Algorithm::kRs256);
  const SigningKey ec_ = *SigningKey::Generate(Algorithm::kEs256);
  const SigningKey ed_ = *SigningKey::Generate(Algorithm::kEdDsa);
  const SigningKey stranger_ = *SigningKey::Generate(Algorithm::kEdDsa);
  std::shared_ptr<const KeySet> keys_;
  TokenRules rules_{.issuer = "https://login.example", .audience = "caravan"};
};

TEST_F(TokenTest, VerifiesTheThreeAlgorithms) {
  for (const SigningKey* key : {&rsa_, &ec_, &ed_}) {
    const auto token = VerifyToken(*key->SignToken("JWT", Claims()), *keys_, rules_, kNow);
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_EQ(token->subject, "li.wei");
    EXPECT_EQ(token->expiry, kNow + absl::Seconds(330));
    EXPECT_EQ(token->claims, Claims());
  }
}

TEST_F(TokenTest, RefusesOtherAlgorithms) {
  // None, in every spelling.
  for (const char* none : {"none", "None", "NONE", "nOnE", ""}) {
    const std::string content = absl::StrCat(
        EncodeBase64Url(
            json::serialize(json::object{{"alg", none}, {"kid", ed_.public_jwk().at("kid")}})),
        ".", EncodeBase64Url(json::serialize(Claims())));
    EXPECT_EQ(Reason(content + "."), "TOKEN_ALGORITHM_REFUSED") << none;
    EXPECT_EQ(Reason(content + ".AAAA"), "TOKEN_ALGORITHM_REFUSED") << none;
  }
  // HS256 with the public key as the secret, which whoever has the JWKS knows.
  const Bio pem(BIO_new(BIO_s_mem()));
  const Key key = ParsePrivateKey(*rsa_.ToPem());
  ASSERT_EQ(PEM_write_bio_PUBKEY(pem.get(), key.get()), 1);
  const std::string secret = Content(pem);
  const std::string content = absl::StrCat(
      EncodeBase64Url(
          json::serialize(json::object{{"alg", "HS256"}, {"kid", rsa_.public_jwk().at("kid")}})),
      ".", EncodeBase64Url(json::serialize(Claims())));
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  ASSERT_NE(
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(content.data()), content.size(), mac, &size),
      nullptr);
  const std::string signature(reinterpret_cast<char*>(mac), size);
  EXPECT_EQ(Reason(absl::StrCat(content, ".", EncodeBase64Url(signature))),
            "TOKEN_ALGORITHM_REFUSED");
  for (const char* other : {"PS256", "RS384", "RS1", "ES512", "rs256", "Ed25519"}) {
    json::object header = Header(rsa_);
    header["alg"] = other;
    EXPECT_EQ(Reason(Make(rsa_, header, Claims())), "TOKEN_ALGORITHM_REFUSED") << other;
  }
}

TEST_F(TokenTest, TheAlgorithmIsThatOfTheKey) {
  for (const SigningKey* signer : {&rsa_, &ec_, &ed_}) {
    for (const SigningKey* named : {&rsa_, &ec_, &ed_}) {
      json::object header = Header(*signer);
      header["kid"] = named->public_jwk().at("kid");
      EXPECT_EQ(Reason(Make(*signer, header, Claims())),
                signer == named ? "OK" : "TOKEN_ALGORITHM_REFUSED");
    }
  }
}

TEST_F(TokenTest, RefusesUnknownKeysAndSignatures) {
  EXPECT_EQ(Reason(Make(stranger_, Header(stranger_), Claims())), "TOKEN_KEY_UNKNOWN");
  EXPECT_EQ(Reason(Make(ed_, json::object{{"alg", "EdDSA"}}, Claims())), "TOKEN_KEY_UNKNOWN");
  EXPECT_EQ(Reason(Make(stranger_, Header(ed_), Claims())), "TOKEN_SIGNATURE_INVALID");
  const std::string token = Make(Claims());
  EXPECT_EQ(Reason(token.substr(0, token.rfind('.') + 1)), "TOKEN_SIGNATURE_INVALID");
  // The key that the token itself brings is not looked at.
  json::object header = Header(stranger_);
  header["jwk"] = stranger_.public_jwk();
  EXPECT_EQ(Reason(Make(stranger_, header, Claims())), "TOKEN_KEY_UNKNOWN");
  header["kid"] = ed_.public_jwk().at("kid");
  header["jku"] = "https://evil.example/keys";
  EXPECT_EQ(Reason(Make(stranger_, header, Claims())), "TOKEN_SIGNATURE_INVALID");
}

TEST_F(TokenTest, RefusesHeadersForSomethingElse) {
  for (const auto& [type, reason] : std::vector<std::pair<json::value, std::string>>{
           {"JWT", "OK"},
           {"jwt", "OK"},
           {"at+jwt", "OK"},
           {"application/at+JWT", "OK"},
           {"caravan-identity+jwt", "TOKEN_TYPE_REFUSED"},
           {"logout+jwt", "TOKEN_TYPE_REFUSED"},
           {5, "TOKEN_MALFORMED"}}) {
    json::object header = Header(ed_);
    header["typ"] = type;
    EXPECT_EQ(Reason(Make(ed_, header, Claims())), reason);
  }
  json::object header = Header(ed_);
  header["crit"] = json::array{"b64"};
  header["b64"] = false;
  EXPECT_EQ(Reason(Make(ed_, header, Claims())), "TOKEN_EXTENSION_UNKNOWN");
  rules_.types = {"at+jwt"};
  EXPECT_EQ(Reason(Make(Claims())), "TOKEN_TYPE_REFUSED");
}

TEST_F(TokenTest, RefusesWhatIsMalformed) {
  const std::string token = Make(Claims());
  const size_t first = token.find('.');
  const size_t second = token.rfind('.');
  const std::string claims = json::serialize(Claims());
  const std::string header = json::serialize(Header(ed_));
  const std::vector<std::string> wrong = {
      "",
      ".",
      "..",
      "...",
      "a.b.c",
      token + ".",
      "." + token,
      token + ".AAAA",
      token.substr(0, second),
      token + "=",
      token + " ",
      " " + token,
      token.substr(0, first) + "=" + token.substr(first),
      token.substr(0, first) + "\n" + token.substr(first),
      Make(ed_, "", claims),
      Make(ed_, "[]", claims),
      Make(ed_, "{}", claims),
      Make(ed_, header + "x", claims),
      Make(ed_, header, ""),
      Make(ed_, header, "null"),
      Make(ed_, header, "[" + claims + "]"),
      Make(ed_, header, claims + claims),
      Make(ed_, "{\"alg\":\"none\"," + header.substr(1), claims),
      Make(ed_, "{\"alg\":[\"EdDSA\"],\"kid\":\"a\"}", claims),
      Make(ed_, "{\"x\":{\"x\":{\"x\":{\"x\":{}}}}," + header.substr(1), claims),
      // Twice, with another user.
      Make(ed_, header, "{\"sub\":\"admin\"," + claims.substr(1)),
      Make(ed_, header, "{\"s\\u0075b\":\"admin\"," + claims.substr(1)),
      Make(ed_, header, "{\"a\":\"\xff\"," + claims.substr(1)),
  };
  for (const std::string& one : wrong) EXPECT_EQ(Reason(one), "TOKEN_MALFORMED") << one;
}

TEST_F(TokenTest, BoundsSizesBeforeAnyWork) {
  EXPECT_EQ(Reason(Make(With("x", std::string(5000, 'x')))), "OK");
  EXPECT_EQ(Reason(Make(With("x", std::string(100'000, 'x')))), "TOKEN_TOO_LARGE");
  EXPECT_EQ(Reason(std::string(100'000, '.')), "TOKEN_TOO_LARGE");
  json::object header = Header(ed_);
  header["x5c"] = json::array{std::string(3000, 'x')};
  EXPECT_EQ(Reason(Make(ed_, header, Claims())), "TOKEN_TOO_LARGE");
}

TEST_F(TokenTest, ChecksIssuerAudienceAndSubject) {
  for (const auto& [claims, reason] : std::vector<std::pair<json::object, std::string>>{
           {With("iss", "https://login.example/"), "TOKEN_ISSUER_WRONG"},
           {With("iss", ""), "TOKEN_ISSUER_WRONG"},
           {With("iss", json::array{"https://login.example"}), "TOKEN_MALFORMED"},
           {Without("iss"), "TOKEN_MALFORMED"},
           {With("aud", "Caravan"), "TOKEN_AUDIENCE_WRONG"},
           {With("aud", json::array{"other", "caravan"}), "OK"},
           {With("aud", json::array{"other"}), "TOKEN_AUDIENCE_WRONG"},
           {With("aud", json::array{}), "TOKEN_AUDIENCE_WRONG"},
           {With("aud", json::array{"caravan", 5}), "TOKEN_MALFORMED"},
           {With("aud", nullptr), "TOKEN_MALFORMED"},
           {Without("aud"), "TOKEN_MALFORMED"},
           {With("sub", ""), "TOKEN_MALFORMED"},
           {With("sub", 7), "TOKEN_MALFORMED"},
           {Without("sub"), "TOKEN_MALFORMED"}}) {
    EXPECT_EQ(Reason(Make(claims)), reason) << json::serialize(claims);
  }
}

TEST_F(TokenTest, ChecksTimesWithLeeway) {
  const int64_t now = absl::ToUnixSeconds(kNow);
  for (const auto& [claims, reason] : std::vector<std::pair<json::object, std::string>>{
           {With("exp", now - 29), "OK"},
           {With("exp", now - 29.5), "OK"},
           {With("exp", now - 30), "TOKEN_EXPIRED"},
           {With("exp", 0), "TOKEN_EXPIRED"},
           {With("exp", 1e10), "OK"},
           {With("exp", 1e300), "TOKEN_MALFORMED"},
           {With("exp", -1), "TOKEN_MALFORMED"},
           {With("exp", std::to_string(now + 300)), "TOKEN_MALFORMED"},
           {With("exp", true), "TOKEN_MALFORMED"},
           {Without("exp"), "TOKEN_MALFORMED"},
           {With("nbf", now + 30), "OK"},
           {With("nbf", now + 31), "TOKEN_NOT_YET_VALID"},
           {With("nbf", "soon"), "TOKEN_MALFORMED"},
           {Without("nbf"), "OK"},
           {With("iat", now + 30), "OK"},
           {With("iat", now + 31), "TOKEN_NOT_YET_VALID"},
           {With("iat", std::numeric_limits<uint64_t>::max()), "TOKEN_MALFORMED"},
           {Without("iat"), "OK"}}) {
    EXPECT_EQ(Reason(Make(claims)), reason) << json::serialize(claims);
  }
  EXPECT_THAT(std::string(Verify(Make(With("exp", now - 60))).message()),
              HasSubstr("expired at 2030-03-17T17:45:40Z, and it is 2030-03-17T17:46:40Z"));
  rules_.longest_life = absl::Seconds(310);
  EXPECT_EQ(Reason(Make(Claims())), "OK");
  EXPECT_EQ(Reason(Make(With("exp", now + 301))), "TOKEN_LIFETIME_TOO_LONG");
  EXPECT_EQ(Reason(Make(Without("iat"))), "TOKEN_MALFORMED");
}

// Whatever is done to a token by whoever cannot sign, it is refused, with a
// reason of the list.
TEST_F(TokenTest, NoChangeOfATokenIsAccepted) {
  static const std::set<std::string> kReasons = {
      "TOKEN_TOO_LARGE",         "TOKEN_MALFORMED",         "TOKEN_TYPE_REFUSED",
      "TOKEN_EXTENSION_UNKNOWN", "TOKEN_ALGORITHM_REFUSED", "TOKEN_KEY_UNKNOWN",
      "TOKEN_SIGNATURE_INVALID"};
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n";
  std::mt19937 random(7515);  // NOLINT: the same every time
  const std::vector<std::string> tokens = {Make(Claims()), Make(ec_, Header(ec_), Claims()),
                                           Make(rsa_, Header(rsa_), Claims())};
  for (int i = 0; i < 3000; ++i) {
    const std::string& token = tokens[i % tokens.size()];
    std::string changed = token;
    for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n) {
      const size_t at = random() % (changed.size() + 1);
      switch (random() % 4) {
        case 0:
          changed.insert(at, 1, kAlphabet[random() % kAlphabet.size()]);
          break;
        case 1:
          changed.erase(at, 1 + random() % 3);
          break;
        case 2:
          if (at < changed.size()) changed[at] = kAlphabet[random() % kAlphabet.size()];
          break;
        default: {
          // A part of another token in the place of its own.
          const std::string& other = tokens[random() % tokens.size()];
          changed = changed.substr(0, changed.find('.')) + other.substr(other.find('.'));
        }
      }
    }
    if (std::find(tokens.begin(), tokens.end(), changed) != tokens.end()) continue;
    ASSERT_TRUE(kReasons.contains(Reason(changed))) << changed;
  }
}

}  // namespace
}  // namespace caravan::identity
