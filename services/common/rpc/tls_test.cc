#include "services/common/rpc/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "services/common/identity/certificates.h"
#include "services/common/rpc/fake_operations.h"
#include "services/common/rpc/run_server.h"
#include "services/common/settings/settings.h"

namespace caravan::rpc {
namespace {

using identity::CertificateAuthority;
using identity::CertificateRequest;
using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() { std::filesystem::create_directories(folder_); }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  // Writes a certificate, its key and `ca` as files that begin with `name`.
  TlsFiles Write(const std::string& name, const CertificateAuthority& authority,
                 const CertificateRequest& request, const std::string& ca) {
    const auto pem = authority.Issue(request);
    EXPECT_TRUE(pem.ok()) << pem.status();
    TlsFiles files{folder_ + name + ".crt", folder_ + name + ".key", folder_ + name + "-ca.crt"};
    EXPECT_TRUE(identity::WritePrivateFile(files.key, pem->key).ok());
    EXPECT_TRUE(identity::WritePrivateFile(files.certificate, pem->certificate).ok());
    EXPECT_TRUE(identity::WritePrivateFile(files.ca, ca).ok());
    return files;
  }

  TlsFiles WriteServer(const CertificateAuthority& authority) {
    return Write("server", authority, {.common_name = "zones", .hosts = {"127.0.0.1"}},
                 first_.pem().certificate + second_.pem().certificate);
  }

  TlsFiles WriteClient(const std::string& name, const CertificateAuthority& authority,
                       const std::string& ca) {
    return Write(name, authority,
                 {.common_name = name, .spiffe_id = "spiffe://caravan/users/" + name}, ca);
  }

  void StartServer(const TlsFiles& files) {
    settings::ServerSettings settings = settings::Defaults<settings::ServerSettings>();
    settings.set_tls_certificate(files.certificate);
    settings.set_tls_key(files.key);
    settings.set_tls_client_ca(files.ca);
    auto server = Server::Start({.settings = settings, .services = {operations_.hosted()}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // A channel with a connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(server_->addresses()[0], credentials, arguments);
  }

  grpc::Status CallAs(const TlsFiles& client) {
    const auto credentials = TlsClientCredentials(client);
    EXPECT_TRUE(credentials.ok()) << credentials.status();
    return Call(NewChannel(*credentials).get(), FakeOperations::kMethod, FakeOperations::Request(),
                &response_, {{"caravan-principal", "users/admin"}});
  }

  const std::string folder_ = ::testing::TempDir() + "tls_test/";
  const CertificateAuthority first_ = *CertificateAuthority::Create("First");
  const CertificateAuthority second_ = *CertificateAuthority::Create("Second");
  const CertificateAuthority foreign_ = *CertificateAuthority::Create("Foreign");
  FakeOperations operations_{[](const grpc::CallbackServerContext& context, const auto&,
                                FakeOperations::Response* response, auto* reactor) {
    const identity::Peer peer = PeerOf(context);
    response->set_name(std::string(peer.spiffe_id));
    reactor->Finish(grpc::Status::OK);
  }};
  std::unique_ptr<Server> server_;
  FakeOperations::Response response_;
};

TEST_F(TlsTest, TheServerKnowsWhoCalls) {
  ASSERT_NO_FATAL_FAILURE(StartServer(WriteServer(first_)));
  const grpc::Status status = CallAs(WriteClient("li.wei", first_, first_.pem().certificate));
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.name(), "spiffe://caravan/users/li.wei");
}

TEST_F(TlsTest, RefusesClientsOfOtherAuthorities) {
  ASSERT_NO_FATAL_FAILURE(StartServer(WriteServer(first_)));
  const auto status = CallAs(WriteClient("mallory", foreign_, first_.pem().certificate));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, RefusesClientsWithoutCertificateOrWithoutTls) {
  ASSERT_NO_FATAL_FAILURE(StartServer(WriteServer(first_)));
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = first_.pem().certificate;
  for (const auto& credentials :
       {grpc::SslCredentials(options), grpc::InsecureChannelCredentials()}) {
    const auto status = Call(NewChannel(credentials).get(), FakeOperations::kMethod,
                             FakeOperations::Request(), &response_);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  }
}

TEST_F(TlsTest, ClientsRefuseServersOfOtherAuthoritiesAndHosts) {
  ASSERT_NO_FATAL_FAILURE(StartServer(WriteServer(first_)));
  EXPECT_EQ(CallAs(WriteClient("a", first_, foreign_.pem().certificate)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  server_.reset();
  StartServer(Write("other", first_, {.common_name = "zones", .hosts = {"elsewhere.example"}},
                    first_.pem().certificate));
  EXPECT_EQ(CallAs(WriteClient("b", first_, first_.pem().certificate)).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, NewConnectionsUseChangedFiles) {
  ASSERT_NO_FATAL_FAILURE(StartServer(WriteServer(first_)));
  const TlsFiles old_client = WriteClient("old", first_, first_.pem().certificate);
  const TlsFiles new_client = WriteClient("new", second_, second_.pem().certificate);
  const auto old_channel = NewChannel(*TlsClientCredentials(old_client));
  ASSERT_TRUE(
      old_channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)));
  EXPECT_EQ(CallAs(new_client).error_code(), grpc::StatusCode::UNAVAILABLE);

  WriteServer(second_);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  grpc::Status status = CallAs(new_client);
  while (!status.ok() && std::chrono::steady_clock::now() < end) status = CallAs(new_client);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.name(), "spiffe://caravan/users/new");

  EXPECT_EQ(CallAs(old_client).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(
      Call(old_channel.get(), FakeOperations::kMethod, FakeOperations::Request(), &response_).ok());
}

TEST_F(TlsTest, RecoversFromFilesThatDoNotBelongTogether) {
  const TlsFiles files = WriteServer(first_);
  ASSERT_NO_FATAL_FAILURE(StartServer(files));
  const TlsFiles client = WriteClient("a", first_, first_.pem().certificate);
  ASSERT_TRUE(CallAs(client).ok());
  ASSERT_TRUE(identity::WritePrivateFile(files.key, first_.pem().key).ok());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (CallAs(client).ok() && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_FALSE(CallAs(client).ok());
  WriteServer(first_);
  while (!CallAs(client).ok() && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_TRUE(CallAs(client).ok());
}

TEST_F(TlsTest, NamesFilesThatAreWrong) {
  TlsFiles files = WriteServer(first_);
  const auto message = [&] { return std::string(TlsServerCredentials(files).status().message()); };
  files.key = folder_ + "missing.key";
  EXPECT_THAT(message(), HasSubstr("missing.key: No such file"));
  files.key = files.certificate;
  EXPECT_THAT(message(), HasSubstr("server.crt: this is no PEM private key"));
  files.key = WriteClient("a", first_, "").key;
  EXPECT_THAT(message(), HasSubstr("do not belong together"));
  files = WriteServer(first_);
  ASSERT_TRUE(identity::WritePrivateFile(files.ca, "nothing").ok());
  EXPECT_THAT(message(), HasSubstr("server-ca.crt: this is no PEM certificate"));
  EXPECT_FALSE(TlsClientCredentials(files).ok());
}

}  // namespace
}  // namespace caravan::rpc
