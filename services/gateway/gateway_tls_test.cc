// The gateway with TLS on both sides.
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "services/common/identity/certificates.h"
#include "services/common/settings/settings.h"
#include "services/gateway/gateway.h"
#include "services/gateway/testing/backend.h"

namespace caravan::gateway {
namespace {

using identity::CertificateAndKey;
using identity::CertificateAuthority;
using testing::Answer;
using testing::Backend;
using testing::Call;
using ::testing::Contains;
using ::testing::Pair;

constexpr char kEcho[] = "/caravan.zones.v1.TestService/Echo";

// Tells the service what the gateway knows of a connection.
class EchoingAuthenticator final : public Authenticator {
 public:
  absl::StatusOr<std::shared_ptr<const CallerIdentity>> Authenticate(
      const Credentials& credentials, std::string_view service) override {
    auto identity = std::make_shared<CallerIdentity>();
    identity->metadata_name = "caravan-identity";
    identity->metadata_value =
        absl::StrCat(credentials.spiffe_id, "|", credentials.authorization, "|", service);
    return identity;
  }
};

class GatewayTlsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = absl::StrCat(::testing::TempDir(), "gateway_tls_", test->name());
    std::filesystem::create_directories(folder_);
    ca_ = *CertificateAuthority::Create("test");
    gateway_pair_ = Issue({.common_name = "gateway",
                           .hosts = {"localhost", "127.0.0.1"},
                           .spiffe_id = "spiffe://caravan/services/gateway"});
    WriteAll(gateway_pair_);

    const CertificateAndKey zones = Issue({.common_name = "zones", .hosts = {"zones"}});
    grpc::SslServerCredentialsOptions options(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    options.pem_root_certs = ca_->pem().certificate;
    options.pem_key_cert_pairs.push_back({zones.key, zones.certificate});
    backend_ = std::make_unique<Backend>("127.0.0.1:0", grpc::SslServerCredentials(options));
  }
  void TearDown() override {
    gateway_.reset();
    std::filesystem::remove_all(folder_);
  }

  CertificateAndKey Issue(const identity::CertificateRequest& request) {
    return *ca_->Issue(request);
  }
  void WriteAll(const CertificateAndKey& pair) {
    Write("ca.pem", ca_->pem().certificate);
    Write("gateway.pem", pair.certificate);
    Write("gateway.key", pair.key);
  }
  void Write(const std::string& file, const std::string& content) {
    ASSERT_TRUE(identity::WritePrivateFile(absl::StrCat(folder_, "/", file), content).ok());
  }

  void StartGateway(const std::string& service = "zones") {
    auto settings = settings::Defaults<GatewaySettings>();
    settings.add_upstream(absl::StrCat(service, "=", backend_->address()));
    settings.set_threads(1);
    settings.mutable_upstream_wait()->set_seconds(1);
    settings.mutable_process()->set_health_listen("127.0.0.1:0");
    settings.set_tls_certificate(absl::StrCat(folder_, "/gateway.pem"));
    settings.set_tls_key(absl::StrCat(folder_, "/gateway.key"));
    settings.set_tls_client_ca(absl::StrCat(folder_, "/ca.pem"));
    settings.set_upstream_certificate(absl::StrCat(folder_, "/gateway.pem"));
    settings.set_upstream_key(absl::StrCat(folder_, "/gateway.key"));
    settings.set_upstream_ca(absl::StrCat(folder_, "/ca.pem"));
    auto gateway = Gateway::Start(settings, std::make_unique<EchoingAuthenticator>(), metrics_);
    ASSERT_TRUE(gateway.ok()) << gateway.status();
    gateway_ = *std::move(gateway);
  }

  std::shared_ptr<grpc::Channel> Channel(const std::optional<CertificateAndKey>& client,
                                         const std::string& ca) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ca;
    if (client) {
      options.pem_private_key = client->key;
      options.pem_cert_chain = client->certificate;
    }
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(gateway_->addresses()[0], grpc::SslCredentials(options),
                                     arguments);
  }
  std::shared_ptr<grpc::Channel> Channel(const std::optional<CertificateAndKey>& client = {}) {
    return Channel(client, ca_->pem().certificate);
  }

  std::string folder_;
  absl::StatusOr<CertificateAuthority> ca_ = absl::UnknownError("");
  CertificateAndKey gateway_pair_;
  std::unique_ptr<Backend> backend_;
  telemetry::Metrics metrics_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(GatewayTlsTest, TellsWhoseCertificateAClientShows) {
  StartGateway();
  const CertificateAndKey ada =
      Issue({.common_name = "ada", .spiffe_id = "spiffe://caravan/users/ada"});
  const Answer answer =
      Call(Channel(ada), kEcho, std::string(1 << 20, 't'), {{"authorization", "Bearer x"}});
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.message.size(), 1 << 20);
  EXPECT_THAT(backend_->last_metadata(),
              Contains(Pair("caravan-identity", "spiffe://caravan/users/ada|Bearer x|zones")));
}

TEST_F(GatewayTlsTest, NeedsNoCertificateOfClients) {
  StartGateway();
  const Answer answer = Call(Channel(), kEcho, "x");
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_THAT(backend_->last_metadata(), Contains(Pair("caravan-identity", "||zones")));
}

TEST_F(GatewayTlsTest, TellsItsHealthWithoutTlsAndNothingElse) {
  StartGateway();
  const auto channel =
      grpc::CreateChannel(gateway_->health_address(), grpc::InsecureChannelCredentials());
  const Answer answer = Call(channel, "/grpc.health.v1.Health/Check", "");
  EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.message, "\x08\x01");  // SERVING
  const Answer other = Call(channel, kEcho, "x");
  EXPECT_EQ(other.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(other.status.error_message(), ::testing::HasSubstr("serves grpc.health.v1"));
}

TEST_F(GatewayTlsTest, RefusesCertificatesOfOthers) {
  StartGateway();
  const auto other = *CertificateAuthority::Create("other");
  const auto ada = *other.Issue({.common_name = "ada", .spiffe_id = "spiffe://caravan/users/ada"});
  EXPECT_EQ(Call(Channel(ada), kEcho, "x").status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GatewayTlsTest, BelievesServicesOnlyUnderTheirName) {
  StartGateway("fairs");  // but it is zones that answers there
  const Answer answer = Call(Channel(), "/caravan.fairs.v1.TestService/Echo", "x");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(GatewayTlsTest, TakesNewCertificatesWhenTheyAreThere) {
  StartGateway();
  EXPECT_TRUE(Call(Channel(), kEcho, "x").status.ok());
  // A key that does not fit changes nothing.
  const auto next = *CertificateAuthority::Create("next");
  const auto pair = *next.Issue({.common_name = "gateway", .hosts = {"127.0.0.1"}});
  Write("gateway.pem", absl::StrCat(pair.certificate, ca_->pem().certificate));
  EXPECT_TRUE(Call(Channel(), kEcho, "x").status.ok());
  Write("gateway.key", pair.key);
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  bool taken = false;
  while (!taken && absl::Now() < deadline) {
    taken = Call(Channel({}, next.pem().certificate), kEcho, "x").status.ok();
  }
  // To the service, the old connection goes on.
  EXPECT_TRUE(taken);
}

TEST_F(GatewayTlsTest, SaysWhichFileIsWrong) {
  Write("gateway.key", "no key");
  auto settings = settings::Defaults<GatewaySettings>();
  settings.add_upstream("zones=127.0.0.1:1");
  settings.set_upstream_insecure(true);
  settings.set_tls_certificate(absl::StrCat(folder_, "/gateway.pem"));
  settings.set_tls_key(absl::StrCat(folder_, "/gateway.key"));
  const auto gateway = Gateway::Start(settings, std::make_unique<EchoingAuthenticator>(), metrics_);
  EXPECT_EQ(gateway.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(gateway.status().message()), ::testing::HasSubstr("gateway.key"));
}

}  // namespace
}  // namespace caravan::gateway
