#include "tests/conformance/proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/common/testing/programs.h"

namespace caravan::conformance {
namespace {

// A port that was free a moment ago, for programs that cannot choose one.
int FreePort() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(listener);
  return ntohs(address.sin_port);
}

int64_t ResidentBytesOf(const std::string& pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, "VmRSS:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

}  // namespace

Proxy::Proxy(ProxyKind kind, int service_port) : kind_(kind) {
  if (kind == ProxyKind::kNone) {
    address_ = absl::StrCat("127.0.0.1:", service_port);
    return;
  }
  kind == ProxyKind::kNginx ? StartNginx(service_port) : StartGateway(service_port);
}

Proxy::~Proxy() {
  if (pid_ != 0) {
    kill(pid_, kind_ == ProxyKind::kNginx ? SIGQUIT : SIGTERM);
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "it ended with status " << status << "; its log: " << folder_.Read("output");
  }
}

void Proxy::StartGateway(int service_port) {
  Spawn({testing::ProgramFolder() + "/caravan-gateway", "--insecure",
         "--insecure-principal=users/test", "--listen=127.0.0.1:0",
         "--ports-file=" + folder_.Path("ports.json"),
         absl::StrCat("--upstream=probe=127.0.0.1:", service_port), "--upstream-insecure",
         "--lame-duck=0s", "--drain-timeout=5s", "--max-connections-per-address=20000"});
  const absl::Time end = absl::Now() + absl::Seconds(20);
  const std::regex listen(R"re("listen":\["([^"]+)")re");
  for (std::smatch match; address_.empty() && absl::Now() < end;) {
    const std::string text = folder_.Read("ports.json");
    if (std::regex_search(text, match, listen)) address_ = match[1];
    int status = 0;
    ASSERT_EQ(waitpid(pid_, &status, WNOHANG), 0) << folder_.Read("output");
  }
  ASSERT_FALSE(address_.empty()) << folder_.Read("output");
}

void Proxy::StartNginx(int service_port) {
  const int port = FreePort();
  address_ = absl::StrCat("127.0.0.1:", port);
  std::ofstream(folder_.Path("nginx.conf"))
      << absl::StrCat(R"(
daemon off;
master_process off;
pid )",
                      folder_.path(), R"(/pid;
error_log )",
                      folder_.path(), R"(/output error;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path )",
                      folder_.path(), R"(/body;
  upstream probe { server 127.0.0.1:)",
                      service_port, R"( max_fails=0; keepalive 16; }
  server {
    listen 127.0.0.1:)",
                      port, R"( http2;
    client_max_body_size 0;
    http2_max_concurrent_streams 256;
    http2_recv_timeout 60s;
    keepalive_requests 1000000;
    large_client_header_buffers 8 32k;
    location / {
      grpc_pass grpc://probe;
      grpc_buffer_size 32k;
      grpc_read_timeout 60s;
      grpc_send_timeout 60s;
    }
  }
}
)");
  Spawn({"/usr/sbin/nginx", "-p", folder_.path(), "-e", folder_.Path("output"), "-c",
         folder_.Path("nginx.conf")});
  const absl::Time end = absl::Now() + absl::Seconds(20);
  while (!Connect()->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Milliseconds(200)))) {
    ASSERT_LT(absl::Now(), end) << folder_.Read("output");
  }
}

void Proxy::Spawn(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const std::vector<char*> environment = testing::ProgramEnvironment();
  const std::string log = folder_.Path("output");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  const int error = posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environment.data());
  posix_spawn_file_actions_destroy(&actions);
  ASSERT_EQ(error, 0) << command[0];
}

std::shared_ptr<grpc::Channel> Proxy::Connect() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  // Failures are to be seen, not repaired.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments);
}

int64_t Proxy::ResidentBytes() const { return pid_ == 0 ? 0 : ResidentBytesOf(absl::StrCat(pid_)); }

}  // namespace caravan::conformance
