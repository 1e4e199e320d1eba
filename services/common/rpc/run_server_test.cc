#include "services/common/rpc/run_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "google/protobuf/wrappers.pb.h"
#include "services/common/rpc/fake_operations.h"
#include "services/common/settings/settings.h"
#include "services/common/settings/yaml.h"
#include "services/common/telemetry/log.h"

namespace caravan::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kService[] = "google.longrunning.Operations";
constexpr int kServing = 1;
constexpr int kNotServing = 2;

settings::ServerSettings TestSettings() {
  auto settings = settings::Defaults<settings::ServerSettings>();
  settings.set_insecure(true);
  return settings;
}

// The status in the answer of a health check; -1 where there is none.
int Health(grpc::ChannelInterface* channel, const std::string& service) {
  // On the wire, these are the messages of the health service.
  google::protobuf::StringValue request;
  google::protobuf::Int32Value response;
  request.set_value(service);
  return Call(channel, kHealthCheck, request, &response).ok() ? response.value() : -1;
}

class RunServerTest : public ::testing::Test {
 protected:
  ServerOptions Options(const settings::ServerSettings& settings = TestSettings()) {
    ServerOptions options;
    options.settings = settings;
    options.services = {operations_.hosted()};
    options.metrics = &metrics_;
    options.on_drain = [this] { Record("drain"); };
    options.on_stopped = [this] { Record("stopped"); };
    return options;
  }

  void Start(const settings::ServerSettings& settings = TestSettings()) {
    auto server = Server::Start(Options(settings));
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = NewChannel();
  }

  std::shared_ptr<grpc::Channel> NewChannel() {
    return grpc::CreateChannel(server_->addresses()[0], grpc::InsecureChannelCredentials());
  }

  grpc::Status Echo(const std::string& name,
                    const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
    FakeOperations::Request request;
    request.set_name(name);
    response_.Clear();
    return Call(channel_.get(), FakeOperations::kMethod, request, &response_, metadata);
  }

  void Record(const std::string& event) {
    std::lock_guard lock(mutex_);
    events_.push_back(event);
  }

  std::mutex mutex_;
  std::vector<std::string> events_;
  telemetry::Metrics metrics_;
  // A call named `wait` is under way until `go_on_`.
  absl::Notification waiting_;
  absl::Notification go_on_;
  std::thread waiter_;
  FakeOperations operations_{[this](const auto&, const FakeOperations::Request& request,
                                    FakeOperations::Response* response,
                                    grpc::ServerUnaryReactor* reactor) {
    response->set_name(request.name());
    if (request.name() != "wait") {
      reactor->Finish(grpc::Status::OK);
      return;
    }
    waiter_ = std::thread([this, reactor] {
      waiting_.Notify();
      go_on_.WaitForNotification();
      Record("answered");
      reactor->Finish(grpc::Status::OK);
    });
  }};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  FakeOperations::Response response_;
};

TEST_F(RunServerTest, ServesOnSeveralAddresses) {
  auto settings = TestSettings();
  const std::string socket = "unix:" + ::testing::TempDir() + "run_server_test.sock";
  settings.add_listen(socket);
  ASSERT_NO_FATAL_FAILURE(Start(settings));
  ASSERT_THAT(server_->addresses(), ElementsAre(StartsWith("127.0.0.1:"), socket));
  EXPECT_NE(server_->addresses()[0], "127.0.0.1:0");
  EXPECT_TRUE(Echo("a").ok());
  EXPECT_EQ(response_.name(), "a");
  channel_ = grpc::CreateChannel(socket, grpc::InsecureChannelCredentials());
  EXPECT_TRUE(Echo("b").ok());
  channel_ = server_->InProcessChannel();
  EXPECT_TRUE(Echo("c").ok());

  struct stat info {};
  ASSERT_EQ(stat(socket.c_str() + 5, &info), 0);
  EXPECT_EQ(info.st_mode & 0077, 0u);
}

TEST_F(RunServerTest, ReportsHealthByService) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_EQ(Health(channel_.get(), ""), kServing);
  EXPECT_EQ(Health(channel_.get(), kService), kServing);
  EXPECT_EQ(Health(channel_.get(), "unknown.Service"), -1);
}

TEST_F(RunServerTest, LimitsMessagesAndMetadata) {
  ASSERT_NO_FATAL_FAILURE(Start());
  EXPECT_TRUE(Echo(std::string(4'000'000, 'a')).ok());
  EXPECT_EQ(Echo(std::string(5'000'000, 'a')).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Echo("a", {{"x", std::string(15'000, 'a')}}).ok());
  EXPECT_EQ(Echo("a", {{"x", std::string(20'000, 'a')}}).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(RunServerTest, CallsUnderWayEndBeforeTheServer) {
  ASSERT_NO_FATAL_FAILURE(Start());
  grpc::Status status;
  std::thread caller([&] { status = Echo("wait"); });
  waiting_.WaitForNotification();
  std::thread stopper([&] { server_->Stop(absl::ZeroDuration(), absl::Seconds(20)); });
  // New calls are refused once the server shuts down, while the old one lives.
  const auto late = NewChannel();
  FakeOperations::Response unused;
  while (Call(late.get(), FakeOperations::kMethod, FakeOperations::Request(), &unused).ok()) {
  }
  const int health = Health(late.get(), kService);
  go_on_.Notify();
  stopper.join();
  caller.join();
  waiter_.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response_.name(), "wait");
  EXPECT_NE(health, kServing);
  EXPECT_THAT(events_, ElementsAre("drain", "answered", "stopped"));
}

TEST_F(RunServerTest, TheServerIsNotHealthyWhileItDrains) {
  int health = 0, probed = 0;
  bool echoed = false;
  ServerOptions options = Options();
  options.settings.mutable_process()->set_health_listen("127.0.0.1:0");
  options.on_drain = [&] {
    health = Health(channel_.get(), kService);
    probed = Health(
        grpc::CreateChannel(server_->health_address(), grpc::InsecureChannelCredentials()).get(),
        "");
    echoed = Echo("still here").ok();
  };
  auto server = Server::Start(std::move(options));
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  channel_ = NewChannel();
  EXPECT_EQ(Health(channel_.get(), kService), kServing);
  server_->Stop(absl::ZeroDuration(), absl::Seconds(20));
  EXPECT_EQ(health, kNotServing);
  EXPECT_EQ(probed, kNotServing);
  EXPECT_TRUE(echoed);
}

TEST_F(RunServerTest, TheHealthAddressTellsHealthAndNothingElse) {
  auto settings = TestSettings();
  settings.mutable_process()->set_health_listen("127.0.0.1:0");
  ASSERT_NO_FATAL_FAILURE(Start(settings));
  ASSERT_THAT(server_->health_address(), StartsWith("127.0.0.1:"));
  channel_ = grpc::CreateChannel(server_->health_address(), grpc::InsecureChannelCredentials());
  EXPECT_EQ(Health(channel_.get(), ""), kServing);
  EXPECT_EQ(Health(channel_.get(), kService), kServing);
  EXPECT_EQ(Echo("a").error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(Health(channel_.get(), std::string(2000, 'x')), -1);
  server_->Stop(absl::ZeroDuration(), absl::ZeroDuration());
  EXPECT_EQ(Health(channel_.get(), ""), -1);
}

TEST_F(RunServerTest, RefusesAHealthAddressThatIsNone) {
  auto settings = TestSettings();
  settings.mutable_process()->set_health_listen("7444");
  const auto server = Server::Start(Options(settings));
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(server.status().message(), HasSubstr("7444"));
}

TEST_F(RunServerTest, CallsThatOutlastTheTimeoutAreCancelled) {
  ASSERT_NO_FATAL_FAILURE(Start());
  grpc::Status status;
  std::thread caller([&] {
    status = Echo("wait");
    go_on_.Notify();
  });
  waiting_.WaitForNotification();
  server_->Stop(absl::ZeroDuration(), absl::ZeroDuration());
  caller.join();
  waiter_.join();
  EXPECT_FALSE(status.ok());
}

TEST_F(RunServerTest, RefusesSettingsThatAreWrongOrUnsafe) {
  const auto message = [&](const std::function<void(settings::ServerSettings*)>& change) {
    auto settings = TestSettings();
    change(&settings);
    const auto status = Server::Start(Options(settings)).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message([](auto* s) { s->set_listen(0, "0.0.0.0:0"); }), HasSubstr("'0.0.0.0:0'"));
  EXPECT_THAT(message([](auto* s) { s->set_listen(0, "127.0.0.1"); }), HasSubstr("host:port"));
  EXPECT_THAT(message([](auto* s) { s->set_listen(0, "localhost:99999"); }),
              HasSubstr("host:port"));
  EXPECT_THAT(message([](auto* s) { s->clear_listen(); }), HasSubstr("no listen address"));
  EXPECT_THAT(message([](auto* s) { s->set_insecure(false); }), HasSubstr("tls_certificate"));
  EXPECT_THAT(message([](auto* s) { s->set_tls_key("a"); }), HasSubstr("exclude"));
  EXPECT_THAT(message([](auto* s) { s->mutable_process()->set_admin_listen("nowhere"); }),
              HasSubstr("'nowhere'"));
  EXPECT_THAT(events_, ::testing::IsEmpty());
}

TEST_F(RunServerTest, RefusesAnAddressInUse) {
  ASSERT_NO_FATAL_FAILURE(Start());
  auto settings = TestSettings();
  settings.set_listen(0, server_->addresses()[0]);
  FakeOperations other(
      [](const auto&, const auto&, auto*, auto* reactor) { reactor->Finish(grpc::Status::OK); });
  const auto status = Server::Start({.settings = settings, .services = {other.hosted()}}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(server_->addresses()[0]));
}

// Runs RunServer(), and waits for what it logs.
class ProgramTest : public RunServerTest {
 protected:
  ProgramTest() {
    telemetry::SetLogSink([this](std::string_view line) {
      std::lock_guard lock(log_mutex_);
      log_.append(line);
      logged_.notify_all();
    });
  }
  ~ProgramTest() override { telemetry::SetLogSink(nullptr); }

  bool WaitForLog(const std::string& text) {
    std::unique_lock lock(log_mutex_);
    return logged_.wait_for(lock, std::chrono::seconds(20),
                            [&] { return log_.find(text) != std::string::npos; });
  }

  std::mutex log_mutex_;
  std::condition_variable logged_;
  std::string log_;
};

TEST_F(ProgramTest, ServesUntilASignalAndTellsItsPorts) {
  auto settings = TestSettings();
  const std::string file = ::testing::TempDir() + "run_server_test.ports";
  settings.mutable_process()->set_ports_file(file);
  settings.mutable_process()->set_admin_listen("127.0.0.1:0");
  settings.mutable_process()->mutable_lame_duck()->Clear();
  int code = -1;
  std::thread program([&] { code = RunServer(Options(settings)); });
  ASSERT_TRUE(WaitForLog("The server serves"));
  EXPECT_TRUE(WaitForLog("insecure"));

  google::protobuf::Struct ports;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(*settings::ReadFile(file), &ports).ok());
  const std::string address = ports.fields().at("listen").list_value().values(0).string_value();
  channel_ = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  EXPECT_TRUE(Echo("a").ok());
  EXPECT_THAT(ports.fields().at("admin").string_value(), StartsWith("127.0.0.1:"));

  kill(getpid(), SIGTERM);
  program.join();
  EXPECT_EQ(code, 0);
  EXPECT_THAT(events_, ElementsAre("drain", "stopped"));
}

TEST_F(ProgramTest, ReturnsOneWhereItCannotStart) {
  auto settings = TestSettings();
  settings.set_listen(0, "0.0.0.0:0");
  EXPECT_EQ(RunServer(Options(settings)), 1);
  EXPECT_TRUE(WaitForLog("The server cannot start"));
}

TEST(ProgramDeathTest, ASecondSignalEndsTheProcessAtOnce) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        ServerOptions options;
        options.settings = TestSettings();
        options.on_drain = [] { raise(SIGINT); };
        telemetry::SetLogSink([](std::string_view line) {
          if (line.find("The server serves") != std::string_view::npos) kill(getpid(), SIGTERM);
        });
        RunServer(std::move(options));
        std::exit(0);
      },
      ::testing::ExitedWithCode(130), "");
}

}  // namespace
}  // namespace caravan::rpc
