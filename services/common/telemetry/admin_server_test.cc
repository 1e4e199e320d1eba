#include "services/common/telemetry/admin_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace caravan::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int Connect(const AdminServer& server) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(std::stoi(server.address().substr(server.address().rfind(':') + 1)));
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string Exchange(int fd, const std::string& request) {
  // A refused request may not be read to its end.
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t n = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += n;
  }
  std::string response;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) response.append(buffer, n);
  close(fd);
  return response;
}

class AdminServerTest : public ::testing::Test {
 protected:
  AdminServerTest() {
    auto server =
        AdminServer::Start("127.0.0.1:0", {{"/metrics",
                                            [this] {
                                              return AdminResponse{200, "text/plain", body_};
                                            }},
                                           {"/readyz", [] {
                                              return AdminResponse{503, "text/plain", "draining\n"};
                                            }}});
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Get(const std::string& path) {
    return Exchange(Connect(*server_), "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }

  std::string body_ = "a 1\n";
  std::unique_ptr<AdminServer> server_;
};

TEST_F(AdminServerTest, ServesPages) {
  EXPECT_THAT(Get("/metrics"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                     HasSubstr("\r\nContent-Length: 4\r\n"), EndsWith("a 1\n")));
  EXPECT_THAT(Get("/metrics?x=y"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Get("/other"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("/metrics\n")));
}

TEST_F(AdminServerTest, SendsLargePagesWhole) {
  body_.assign(10'000'000, 'x');
  EXPECT_THAT(Get("/metrics").size(), ::testing::Gt(10'000'000u));
}

TEST_F(AdminServerTest, HeadHasNoBody) {
  EXPECT_THAT(Exchange(Connect(*server_), "HEAD /metrics HTTP/1.1\r\n\r\n"),
              AllOf(HasSubstr("Content-Length: 4\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(AdminServerTest, RefusesWhatItDoesNotServe) {
  EXPECT_THAT(Exchange(Connect(*server_), "POST /metrics HTTP/1.1\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Exchange(Connect(*server_), "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Exchange(Connect(*server_), "GET /metrics HTTP/1.1\r\nX: " + std::string(9000, 'x')),
              StartsWith("HTTP/1.1 431 "));
}

TEST_F(AdminServerTest, ASilentClientKeepsNobodyWaiting) {
  std::vector<int> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(Connect(*server_));
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200 "));
  for (const int fd : silent) close(fd);
}

TEST_F(AdminServerTest, SaysWhyItCannotListen) {
  const auto taken = AdminServer::Start(server_->address(), {});
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(taken.status().message()), HasSubstr("in use"));
  for (const char* wrong : {"", "127.0.0.1", "nowhere.example:1", "127.0.0.1:http"}) {
    EXPECT_EQ(AdminServer::Start(wrong, {}).status().code(), absl::StatusCode::kInvalidArgument)
        << wrong;
  }
}

}  // namespace
}  // namespace caravan::telemetry
