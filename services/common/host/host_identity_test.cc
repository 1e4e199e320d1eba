// A service behind a gateway: whom it believes, and what it records.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/api/v1/changes.pb.h"
#include "caravan/testing/v1/widgets.pb.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "services/common/identity/certificates.h"
#include "services/common/identity/key.h"
#include "services/common/identity/key_set.h"
#include "services/common/identity/signed_identity.h"
#include "services/common/rpc/tls.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/common/testing/widgets.h"

namespace caravan::host {
namespace {

using absl::StatusCode;
using api::v1::ListChangesRequest;
using api::v1::ListChangesResponse;
using ::testing::ElementsAre;
using testing::Fails;
using ::testing::IsEmpty;
using testing::IsOk;
using namespace caravan::testing::v1;  // NOLINT: the made-up contract

constexpr char kService[] = "services/widgets";

class HostIdentityTest : public ::testing::Test {
 protected:
  HostIdentityTest()
      : server_(testing::TestServer::Start(
            {.definition = testing::WidgetsDefinition(),
             .access = testing::PolicyOf({{"users/li.wei", "*"}, {"services/*", "testing.*"}}),
             .clock = clock_.AsFunction(),
             .adjust = [this](settings::ServerSettings& settings) { Secure(settings); }})) {}

  // Makes the server one with certificates, and writes its files beside its store.
  void Secure(settings::ServerSettings& settings) {
    folder_ = settings.access_policy() + ".";
    const auto pem = *authority_.Issue({.common_name = "testing", .hosts = {"127.0.0.1"}});
    Write("server.pem", pem.certificate);
    Write("server.key", pem.key);
    Write("ca.pem", authority_.pem().certificate);
    Write("identity.jwks.json", identity::WriteKeySet({key_.public_jwk()}));
    settings.set_insecure(false);
    settings.set_tls_certificate(folder_ + "server.pem");
    settings.set_tls_key(folder_ + "server.key");
    settings.set_tls_client_ca(folder_ + "ca.pem");
    settings.set_identity_jwks(folder_ + "identity.jwks.json");
  }

  void Write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(identity::WritePrivateFile(folder_ + name, text).ok());
  }

  // A caller with the certificate of this principal.
  testing::Caller As(const std::string& principal) {
    const auto pem =
        *authority_.Issue({.common_name = "client", .spiffe_id = "spiffe://caravan/" + principal});
    Write("client.pem", pem.certificate);
    Write("client.key", pem.key);
    const auto credentials = rpc::TlsClientCredentials(
        {folder_ + "client.pem", folder_ + "client.key", folder_ + "ca.pem"});
    EXPECT_TRUE(credentials.ok()) << credentials.status();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return testing::Caller(grpc::CreateCustomChannel(server_->address(), *credentials, arguments));
  }

  std::string Identity(const std::string& user, const std::string& audience = kService) {
    return *identity::SignIdentity(key_, "services/gateway",
                                   {.name = user, .actors = {"services/console"}}, audience,
                                   clock_.Now());
  }

  // Creates a widget, with this identity, and claiming to be the user in vain.
  absl::StatusOr<Widget> Create(const testing::Caller& caller, const std::string& identity) {
    CreateWidgetRequest request;
    request.mutable_widget()->set_title("a");
    testing::CallOptions options{.principal = "users/li.wei"};
    if (!identity.empty()) options.metadata["caravan-identity"] = identity;
    return caller.Call<Widget>("WidgetService/CreateWidget", request, options);
  }

  testing::TestClock clock_{absl::FromUnixSeconds(1'900'000'000)};
  const identity::CertificateAuthority authority_ =
      *identity::CertificateAuthority::Create("Authority");
  const identity::SigningKey key_ = *identity::SigningKey::Generate(identity::Algorithm::kEdDsa);
  const identity::SigningKey other_ = *identity::SigningKey::Generate(identity::Algorithm::kEdDsa);
  std::string folder_;
  std::unique_ptr<testing::TestServer> server_;
};

TEST_F(HostIdentityTest, TheGatewaySaysWhoCalls) {
  const testing::Caller gateway = As("services/gateway");
  EXPECT_THAT(Create(gateway, Identity("users/li.wei")), IsOk());
  // Its rights are those of the user, not those of the gateway or the console.
  EXPECT_THAT(Create(gateway, Identity("users/nobody")),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  // The gateway itself.
  EXPECT_THAT(Create(gateway, ""), IsOk());

  const auto changes = gateway.CallPath<ListChangesResponse>(
      "/caravan.api.v1.ChangeService/ListChanges", ListChangesRequest(), {});
  ASSERT_THAT(changes, IsOk());
  ASSERT_EQ(changes->changes_size(), 2);
  EXPECT_EQ(changes->changes(0).actor(), "users/li.wei");
  EXPECT_THAT(changes->changes(0).acted_through(), ElementsAre("services/console"));
  EXPECT_EQ(changes->changes(1).actor(), "services/gateway");
  EXPECT_THAT(changes->changes(1).acted_through(), IsEmpty());
}

TEST_F(HostIdentityTest, NobodyElseDoes) {
  const std::string identity = Identity("users/li.wei");
  ASSERT_THAT(Create(As("services/gateway"), identity), IsOk());  // and is known now
  for (const char* other : {"services/fairs", "users/mallory"}) {
    EXPECT_THAT(Create(As(other), identity),
                Fails(StatusCode::kUnauthenticated, "IDENTITY_NOT_TRUSTED"));
  }
  EXPECT_THAT(Create(As("users/mallory"), ""),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

TEST_F(HostIdentityTest, RefusesIdentitiesThatAreNotRight) {
  const testing::Caller gateway = As("services/gateway");
  EXPECT_THAT(Create(gateway, Identity("users/li.wei", "services/fairs")),
              Fails(StatusCode::kUnauthenticated, "TOKEN_AUDIENCE_WRONG"));
  EXPECT_THAT(
      Create(gateway, *identity::SignIdentity(other_, "services/gateway", {.name = "users/li.wei"},
                                              kService, clock_.Now())),
      Fails(StatusCode::kUnauthenticated, "TOKEN_KEY_UNKNOWN"));
  EXPECT_THAT(
      Create(gateway, *identity::SignIdentity(key_, "services/fairs", {.name = "users/li.wei"},
                                              kService, clock_.Now())),
      Fails(StatusCode::kUnauthenticated, "TOKEN_ISSUER_WRONG"));
  EXPECT_THAT(Create(gateway, "users/li.wei"),
              Fails(StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
  const std::string identity = Identity("users/li.wei");
  EXPECT_THAT(Create(gateway, identity), IsOk());
  clock_.Advance(absl::Seconds(71));
  EXPECT_THAT(Create(gateway, identity), Fails(StatusCode::kUnauthenticated, "TOKEN_EXPIRED"));
}

}  // namespace
}  // namespace caravan::host
