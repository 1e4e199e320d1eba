#include "services/gateway/token_authenticator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <filesystem>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/identity/certificates.h"
#include "services/common/identity/key.h"
#include "services/common/identity/key_set.h"
#include "services/common/identity/signed_identity.h"
#include "services/common/settings/settings.h"

namespace caravan::gateway {
namespace {

using identity::Algorithm;
using identity::SigningKey;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace json = boost::json;

class TokenAuthenticatorTest : public ::testing::Test {
 protected:
  TokenAuthenticatorTest() {
    std::filesystem::create_directories(folder_);
    WriteKeys({&provider_});
    Write(options_.identity_key, *gateway_.ToPem());
    options_.clock = [this] { return now_; };
    Start();
  }
  ~TokenAuthenticatorTest() override {
    authenticator_.reset();
    std::filesystem::remove_all(folder_);
  }

  static void Write(const std::string& file, const std::string& text) {
    ASSERT_TRUE(identity::WritePrivateFile(file, text).ok());
  }

  void WriteKeys(const std::vector<const SigningKey*>& keys) {
    std::vector<json::object> list;
    for (const SigningKey* key : keys) list.push_back(key->public_jwk());
    Write(options_.token_jwks, identity::WriteKeySet(list));
  }

  void Start() {
    auto authenticator = MakeTokenAuthenticator(options_);
    ASSERT_TRUE(authenticator.ok()) << authenticator.status();
    authenticator_ = *std::move(authenticator);
  }

  json::object Claims(std::string_view subject) const {
    return {{"iss", "https://login.example"},
            {"aud", "caravan"},
            {"sub", subject},
            {"exp", absl::ToUnixSeconds(now_) + 300}};
  }

  std::string Bearer(const json::object& claims) const {
    return absl::StrCat("Bearer ", *provider_.SignToken("JWT", claims));
  }
  std::string Bearer(std::string_view subject) const { return Bearer(Claims(subject)); }

  absl::StatusOr<std::shared_ptr<const CallerIdentity>> Call(std::string_view authorization,
                                                             std::string_view spiffe_id = "",
                                                             std::string_view service = "zones") {
    return authenticator_->Authenticate({.authorization = authorization,
                                         .spiffe_id = spiffe_id,
                                         .claimed_principal = "users/claimed"},
                                        service);
  }

  std::string Reason(std::string_view authorization, std::string_view spiffe_id = "") {
    const auto caller = Call(authorization, spiffe_id);
    if (caller.ok()) return (*caller)->principal.name;
    EXPECT_EQ(caller.status().code(), absl::StatusCode::kUnauthenticated);
    return api::ReasonOf(caller.status());
  }

  // What the service `zones` makes of it.
  absl::StatusOr<identity::Principal> Received(const CallerIdentity& caller,
                                               const std::string& service = "services/zones") {
    return identity::IdentityVerifier(
               {.audience = service,
                .issuers = {"services/gateway"},
                .clock = [this] { return now_; }},
               identity::WatchedFile<identity::KeySet>::Of(
                   *identity::KeySet::Parse(identity::WriteKeySet({gateway_.public_jwk()}))))
        .Verify({.name = "services/gateway"}, caller.metadata_value);
  }

  const std::string folder_ = ::testing::TempDir() + "token_authenticator_test/";
  const SigningKey provider_ = *SigningKey::Generate(Algorithm::kRs256);
  const SigningKey gateway_ = *SigningKey::Generate(Algorithm::kEdDsa);
  absl::Time now_ = absl::FromUnixSeconds(1'900'000'000);
  TokenAuthenticatorOptions options_{.token_jwks = folder_ + "token.jwks.json",
                                     .token_issuer = "https://login.example",
                                     .token_audience = "caravan",
                                     .application_prefix = "app-",
                                     .identity_key = folder_ + "identity.key"};
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(TokenAuthenticatorTest, TellsTheServiceWhoseTokenItIs) {
  const auto caller = Call(Bearer("li.wei"));
  ASSERT_TRUE(caller.ok()) << caller.status();
  EXPECT_EQ((*caller)->principal.name, "users/li.wei");
  EXPECT_EQ((*caller)->metadata_name, "caravan-identity");
  const auto received = Received(**caller);
  ASSERT_TRUE(received.ok()) << received.status();
  EXPECT_EQ(received->name, "users/li.wei");
  EXPECT_THAT(received->actors, IsEmpty());
  // It is of no use for another service.
  EXPECT_EQ(api::ReasonOf(Received(**caller, "services/fairs").status()), "TOKEN_AUDIENCE_WRONG");
  EXPECT_TRUE(Received(**Call(Bearer("li.wei"), "", "fairs"), "services/fairs").ok());
}

TEST_F(TokenAuthenticatorTest, TellsApplicationsAndServicesApart) {
  EXPECT_EQ(Reason(Bearer("app-erp")), "services/app-erp");
  // A user who calls itself like a service is none.
  EXPECT_EQ(Reason(Bearer("zones")), "users/zones");
  for (const char* subject : {"services/zones", "a b", "auth0|7", "", "..", "li@example.org"}) {
    const std::string reason = Reason(Bearer(subject));
    EXPECT_EQ(reason, *subject == '\0' ? "TOKEN_MALFORMED" : "TOKEN_SUBJECT_REFUSED") << subject;
  }
  EXPECT_EQ(Reason(Bearer(std::string(129, 'a'))), "TOKEN_SUBJECT_REFUSED");

  options_.subject_claim = "preferred_username";
  Start();
  json::object claims = Claims("0a1b");
  EXPECT_EQ(Reason(Bearer(claims)), "TOKEN_SUBJECT_REFUSED");
  claims["preferred_username"] = "li.wei";
  EXPECT_EQ(Reason(Bearer(claims)), "users/li.wei");
}

TEST_F(TokenAuthenticatorTest, ACertificateIsTheCallerOrActsForIt) {
  constexpr std::string_view kConsole = "spiffe://caravan/services/console";
  EXPECT_EQ(Reason("", kConsole), "services/console");
  const auto caller = Call(Bearer("li.wei"), kConsole);
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ((*caller)->principal.name, "users/li.wei");
  EXPECT_THAT(Received(**caller)->actors, ElementsAre("services/console"));
  // Nobody acts for itself.
  EXPECT_THAT((*Call(Bearer("li.wei"), "spiffe://caravan/users/li.wei"))->principal.actors,
              IsEmpty());
  // The provider may know who acts already.
  json::object claims = Claims("li.wei");
  claims["act"] = json::object{{"sub", "app-erp"}, {"act", json::object{{"sub", "app-scan"}}}};
  EXPECT_THAT((*Call(Bearer(claims), kConsole))->principal.actors,
              ElementsAre("services/console", "services/app-erp", "services/app-scan"));
  claims["act"] = "app-erp";
  EXPECT_EQ(Reason(Bearer(claims), kConsole), "TOKEN_SUBJECT_REFUSED");
  json::object chain = {{"sub", "a4"}};
  for (const char* sub : {"a3", "a2", "a1"}) chain = {{"sub", sub}, {"act", chain}};
  claims["act"] = chain;
  EXPECT_EQ(Reason(Bearer(claims)), "users/li.wei");
  EXPECT_EQ(Reason(Bearer(claims), kConsole), "TOKEN_SUBJECT_REFUSED");

  for (const char* wrong : {"spiffe://elsewhere/users/a", "spiffe://caravan/groups/a", "users/a"}) {
    EXPECT_EQ(Reason("", wrong), "NO_PRINCIPAL");
    EXPECT_EQ(Reason(Bearer("li.wei"), wrong), "NO_PRINCIPAL");
  }
}

TEST_F(TokenAuthenticatorTest, RefusesBadCredentialsEvenBesideGoodOnes) {
  EXPECT_EQ(Reason(""), "CREDENTIALS_MISSING");
  for (const std::string_view spiffe_id : {"", "spiffe://caravan/services/console"}) {
    for (const char* malformed : {"Bearer", "Bearer ", "Bearer   ", "Basic YTpi", "bear a", "x"}) {
      EXPECT_EQ(Reason(malformed, spiffe_id), "CREDENTIALS_MALFORMED") << malformed;
    }
    EXPECT_EQ(Reason("Bearer x", spiffe_id), "TOKEN_MALFORMED");
    EXPECT_EQ(Reason("Bearer " + std::string(100'000, 'x'), spiffe_id), "TOKEN_TOO_LARGE");
    json::object claims = Claims("li.wei");
    claims["aud"] = "other";
    EXPECT_EQ(Reason(Bearer(claims), spiffe_id), "TOKEN_AUDIENCE_WRONG");
    // The gateway's own tokens are none for the edge.
    EXPECT_EQ(Reason("Bearer " + (*Call(Bearer("li.wei")))->metadata_value, spiffe_id),
              "TOKEN_TYPE_REFUSED");
  }
  const std::string good = Bearer("li.wei");
  EXPECT_EQ(Reason("bEaReR   " + good.substr(7)), "users/li.wei");

  options_.token_jwks.clear();
  Start();
  EXPECT_EQ(Reason(good), "TOKENS_NOT_ACCEPTED");
  EXPECT_EQ(Reason("", "spiffe://caravan/users/a"), "users/a");
}

TEST_F(TokenAuthenticatorTest, RemembersCallersForAsLongAsTheirTokens) {
  const std::string bearer = Bearer("li.wei");
  const auto first = *Call(bearer);
  EXPECT_EQ(*Call(bearer), first);  // the same object
  now_ += absl::Seconds(39);
  EXPECT_EQ(*Call(bearer), first);
  EXPECT_TRUE(Received(*first).ok());
  now_ += absl::Seconds(1);
  const auto second = *Call(bearer);
  EXPECT_NE(second->metadata_value, first->metadata_value);
  now_ += absl::Seconds(289);  // to a second before exp and leeway
  EXPECT_EQ(Reason(bearer), "users/li.wei");
  now_ += absl::Seconds(1);
  EXPECT_EQ(Reason(bearer), "TOKEN_EXPIRED");
}

TEST_F(TokenAuthenticatorTest, ARefusalEndsWhenItsCauseDoes) {
  json::object claims = Claims("li.wei");
  claims["nbf"] = absl::ToUnixSeconds(now_) + 35;
  const std::string bearer = Bearer(claims);
  EXPECT_EQ(Reason(bearer), "TOKEN_NOT_YET_VALID");
  now_ += absl::Seconds(10);
  EXPECT_EQ(Reason(bearer), "users/li.wei");
}

TEST_F(TokenAuthenticatorTest, FollowsTheKeysOfTheProvider) {
  const SigningKey next = *SigningKey::Generate(Algorithm::kEs256);
  const auto wait_until = [](const std::function<bool()>& condition) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (!condition() && absl::Now() < end) std::this_thread::yield();
    EXPECT_TRUE(condition());
  };
  const std::string old_bearer = Bearer("li.wei");
  const std::string new_bearer = absl::StrCat("Bearer ", *next.SignToken("JWT", Claims("wang")));
  EXPECT_EQ(Reason(old_bearer), "users/li.wei");
  EXPECT_EQ(Reason(new_bearer), "TOKEN_KEY_UNKNOWN");
  WriteKeys({&provider_, &next});
  wait_until([&] { return Reason(new_bearer) == "users/wang"; });
  EXPECT_EQ(Reason(old_bearer), "users/li.wei");
  WriteKeys({&next});
  wait_until([&] { return Reason(old_bearer) == "TOKEN_KEY_UNKNOWN"; });
  EXPECT_EQ(Reason(new_bearer), "users/wang");
  // Its own key too.
  const auto before = *Call(new_bearer);
  EXPECT_TRUE(Received(*before).ok());
  Write(options_.identity_key, *SigningKey::Generate(Algorithm::kEdDsa)->ToPem());
  wait_until([&] { return !Received(**Call(new_bearer)).ok(); });
}

TEST_F(TokenAuthenticatorTest, WithoutAKeyItTellsInsecureServices) {
  options_.identity_key.clear();
  Start();
  const auto caller = Call(Bearer("li.wei"));
  ASSERT_TRUE(caller.ok());
  EXPECT_EQ((*caller)->metadata_name, "caravan-principal");
  EXPECT_EQ((*caller)->metadata_value, "users/li.wei");
}

TEST_F(TokenAuthenticatorTest, ServesThreads) {
  std::vector<std::string> bearers;
  for (int i = 0; i < 20; ++i) bearers.push_back(Bearer(absl::StrCat("user", i)));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const int n = (i * 3 + t) % 20;
        if (Reason(bearers[n]) != absl::StrCat("users/user", n)) ++wrong;
        if (Reason(absl::StrCat("Bearer a.b", i, ".c")) != "TOKEN_MALFORMED") ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(TokenAuthenticatorTest, SaysWhichSettingIsWrong) {
  const auto message = [](const GatewaySettings& settings) {
    return std::string(MakeAuthenticator(settings).status().message());
  };
  GatewaySettings settings = settings::Defaults<GatewaySettings>();
  EXPECT_THAT(message(settings), HasSubstr("identity_key is needed"));
  settings.set_identity_key(options_.identity_key);
  EXPECT_THAT(message(settings), HasSubstr("token_jwks or tls_client_ca"));
  settings.set_token_jwks(options_.token_jwks);
  EXPECT_THAT(message(settings), HasSubstr("token_issuer"));
  settings.set_token_issuer("https://login.example");
  EXPECT_EQ(message(settings), "");
  settings.set_upstream_insecure(true);
  EXPECT_THAT(message(settings), HasSubstr("identity_key"));
  settings.set_upstream_insecure(false);
  settings.set_identity_key(options_.token_jwks);
  EXPECT_THAT(message(settings), HasSubstr("token.jwks.json: this is no PEM private key"));
  settings.set_identity_key(options_.identity_key);
  settings.set_token_jwks(options_.identity_key);
  EXPECT_THAT(message(settings), HasSubstr("identity.key: this is no JSON Web Key Set"));
  settings.set_identity_issuer("gateway");
  settings.set_token_jwks(options_.token_jwks);
  EXPECT_THAT(message(settings), HasSubstr("identity issuer"));
  settings = settings::Defaults<GatewaySettings>();
  settings.set_insecure(true);
  EXPECT_THAT(message(settings), HasSubstr("upstream_insecure"));
  settings.set_upstream_insecure(true);
  EXPECT_EQ(message(settings), "");
}

}  // namespace
}  // namespace caravan::gateway
