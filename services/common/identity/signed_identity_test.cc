#include "services/common/identity/signed_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/identity/certificates.h"
#include "services/common/identity/json.h"

namespace caravan::identity {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SignedIdentityTest : public ::testing::Test {
 protected:
  SignedIdentityTest() { verifier_ = Verifier(WatchedFile<KeySet>::Of(Set({&key_}))); }

  static std::shared_ptr<const KeySet> Set(const std::vector<const SigningKey*>& keys) {
    std::vector<boost::json::object> list;
    for (const SigningKey* key : keys) list.push_back(key->public_jwk());
    return *KeySet::Parse(WriteKeySet(list));
  }

  std::shared_ptr<const IdentityVerifier> Verifier(std::unique_ptr<WatchedFile<KeySet>> keys) {
    return std::make_shared<const IdentityVerifier>(
        IdentityVerifierOptions{.audience = "services/zones",
                                .issuers = {"services/gateway", "services/fairs"},
                                .clock = [this] { return now_; }},
        std::move(keys));
  }

  std::string Sign(const Principal& principal, std::string_view audience = "services/zones") {
    return *SignIdentity(key_, "services/gateway", principal, audience, now_);
  }

  std::string Reason(const std::string& token, const std::string& peer = "services/gateway") {
    const auto principal = verifier_->Verify({.name = peer}, token);
    if (principal.ok()) return "OK";
    EXPECT_EQ(principal.status().code(), absl::StatusCode::kUnauthenticated);
    return api::ReasonOf(principal.status());
  }

  absl::Time now_ = absl::FromUnixSeconds(1'900'000'000);
  const SigningKey key_ = *SigningKey::Generate(Algorithm::kEdDsa);
  const SigningKey other_ = *SigningKey::Generate(Algorithm::kEdDsa);
  std::shared_ptr<const IdentityVerifier> verifier_;
};

TEST_F(SignedIdentityTest, NamesTheCallerAndWhoActsForIt) {
  const std::string token =
      Sign({.name = "users/li.wei", .actors = {"services/console", "services/mobile"}});
  for (int i = 0; i < 2; ++i) {  // verified, and then known
    const auto principal = verifier_->Verify({.name = "services/gateway"}, token);
    ASSERT_TRUE(principal.ok()) << principal.status();
    EXPECT_EQ(principal->name, "users/li.wei");
    EXPECT_THAT(principal->actors, ElementsAre("services/console", "services/mobile"));
  }
}

TEST_F(SignedIdentityTest, IsBelievedOnlyFromWhoSignedItAndMay) {
  const std::string token = Sign({.name = "users/admin"});
  EXPECT_EQ(Reason(token), "OK");
  // Known by now, but presented by others.
  EXPECT_EQ(Reason(token, "users/mallory"), "IDENTITY_NOT_TRUSTED");
  EXPECT_EQ(Reason(token, "services/logistics"), "IDENTITY_NOT_TRUSTED");
  EXPECT_EQ(Reason(token, "services/fairs"), "TOKEN_ISSUER_WRONG");
}

TEST_F(SignedIdentityTest, IsForOneServiceAndOneMinute) {
  const std::string token = Sign({.name = "users/admin"});
  EXPECT_EQ(Reason(Sign({.name = "users/admin"}, "services/fairs")), "TOKEN_AUDIENCE_WRONG");
  now_ += kIdentityLifetime + kIdentityLeeway - absl::Seconds(1);
  EXPECT_EQ(Reason(token), "OK");
  now_ += absl::Seconds(1);
  EXPECT_EQ(Reason(token), "TOKEN_EXPIRED");
  now_ -= absl::Seconds(200);
  EXPECT_EQ(Reason(Sign({.name = "users/b"})), "OK");
  const std::string early = Sign({.name = "users/c"});
  now_ -= absl::Seconds(11);
  EXPECT_EQ(Reason(early), "TOKEN_NOT_YET_VALID");
}

TEST_F(SignedIdentityTest, NoOtherTokenPassesForOne) {
  const int64_t now = absl::ToUnixSeconds(now_);
  boost::json::object claims = {{"iss", "services/gateway"},
                                {"aud", "services/zones"},
                                {"sub", "users/admin"},
                                {"iat", now},
                                {"exp", now + 60}};
  EXPECT_EQ(Reason(*key_.SignToken(kIdentityType, claims)), "OK");
  EXPECT_EQ(Reason(*key_.SignToken("JWT", claims)), "TOKEN_TYPE_REFUSED");
  EXPECT_EQ(Reason(*other_.SignToken(kIdentityType, claims)), "TOKEN_KEY_UNKNOWN");
  claims["exp"] = now + 61;
  EXPECT_EQ(Reason(*key_.SignToken(kIdentityType, claims)), "TOKEN_LIFETIME_TOO_LONG");
  claims["exp"] = now + 60;
  for (const char* subject : {"admin", "groups/a", "users/", "users/a b"}) {
    claims["sub"] = subject;
    EXPECT_EQ(Reason(*key_.SignToken(kIdentityType, claims)), "TOKEN_MALFORMED") << subject;
  }
  claims["sub"] = "users/admin";
  claims["act"] = boost::json::object{{"sub", "console"}};
  EXPECT_EQ(Reason(*key_.SignToken(kIdentityType, claims)), "TOKEN_MALFORMED");
  EXPECT_EQ(Reason(Sign({.name = "users/a", .actors = std::vector<std::string>(4, "users/b")})),
            "OK");
  EXPECT_EQ(Reason(Sign({.name = "users/a", .actors = std::vector<std::string>(5, "users/b")})),
            "TOKEN_MALFORMED");
  EXPECT_EQ(Reason("users/admin"), "TOKEN_MALFORMED");
  EXPECT_EQ(Reason(std::string(5000, 'a')), "TOKEN_TOO_LARGE");
}

TEST_F(SignedIdentityTest, FollowsTheKeysOfItsFile) {
  const std::string file = ::testing::TempDir() + "signed_identity_test.jwks.json";
  const auto write = [&](const std::string& text) {
    ASSERT_TRUE(WritePrivateFile(file, text).ok());
  };
  std::atomic<int> parsed = 0;
  const auto open = [&] {
    return WatchedFile<KeySet>::Open(
        "identity keys", file,
        [&](const std::string& text) {
          auto keys = KeySet::Parse(text);
          ++parsed;
          return keys;
        },
        absl::Milliseconds(5));
  };
  const auto wait_until = [](const std::function<bool()>& condition) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (!condition() && absl::Now() < end) std::this_thread::yield();
    EXPECT_TRUE(condition());
  };
  write("{}");
  EXPECT_THAT(std::string(open().status().message()),
              HasSubstr("signed_identity_test.jwks.json: this is no JSON Web Key Set"));
  write(WriteKeySet({key_.public_jwk()}));
  auto keys = open();
  ASSERT_TRUE(keys.ok()) << keys.status();
  WatchedFile<KeySet>& watched = **keys;
  verifier_ = Verifier(*std::move(keys));
  const std::string token = Sign({.name = "users/admin"});
  EXPECT_EQ(Reason(token), "OK");

  // A file that is wrong changes nothing.
  const int before = parsed;
  write("{\"keys\": [1]}");
  wait_until([&] { return parsed > before; });
  EXPECT_EQ(watched.generation(), 1u);
  EXPECT_EQ(Reason(token), "OK");
  // The key has gone, and with it what was verified by it.
  write(WriteKeySet({other_.public_jwk()}));
  wait_until([&] { return watched.generation() == 2; });
  EXPECT_EQ(Reason(token), "TOKEN_KEY_UNKNOWN");
  write(WriteKeySet({other_.public_jwk(), key_.public_jwk()}));
  wait_until([&] { return watched.generation() == 3; });
  EXPECT_EQ(Reason(token), "OK");
  std::filesystem::remove(file);
}

TEST_F(SignedIdentityTest, ServersTakeItFromTheGatewaysCertificate) {
  const std::string token = Sign({.name = "users/li.wei"});
  const Authenticator authenticator = Authenticator::ForTrustDomain("caravan", verifier_);
  const auto as = [&](std::string_view spiffe_id, std::string_view identity) -> std::string {
    const auto principal = authenticator.Authenticate(
        {.spiffe_id = spiffe_id, .claimed_principal = "users/claimed", .identity = identity});
    return principal.ok() ? principal->name : api::ReasonOf(principal.status());
  };
  EXPECT_EQ(as("spiffe://caravan/services/gateway", token), "users/li.wei");
  EXPECT_EQ(as("spiffe://caravan/services/gateway", ""), "services/gateway");
  EXPECT_EQ(as("spiffe://caravan/services/gateway", "x"), "TOKEN_MALFORMED");
  EXPECT_EQ(as("spiffe://caravan/users/mallory", token), "IDENTITY_NOT_TRUSTED");
  EXPECT_EQ(as("spiffe://elsewhere/services/gateway", token), "NO_PRINCIPAL");
  EXPECT_EQ(as("", token), "NO_PRINCIPAL");

  // Servers that cannot verify it refuse it.
  const auto without = Authenticator::ForTrustDomain("caravan").Authenticate(
      {.spiffe_id = "spiffe://caravan/services/gateway", .identity = token});
  EXPECT_EQ(api::ReasonOf(without.status()), "IDENTITY_NOT_TRUSTED");
  const auto insecure = Authenticator::Insecure("users/admin")->Authenticate({.identity = token});
  EXPECT_EQ(api::ReasonOf(insecure.status()), "IDENTITY_NOT_TRUSTED");
}

}  // namespace
}  // namespace caravan::identity
