#include "services/common/telemetry/admin_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace caravan::telemetry {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxConnections = 64;
constexpr size_t kMaxRequestBytes = 8192;
constexpr auto kTimeout = std::chrono::seconds(5);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// An open file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    default:
      return "Service Unavailable";
  }
}

struct Connection {
  Descriptor socket;
  Clock::time_point deadline;
  std::string request;
  std::string response;     // what is still to be sent
  bool discarding = false;  // sent; what the peer still sends is read and dropped
};

struct Bound {
  Descriptor socket;
  std::string address;
};

absl::StatusOr<Bound> Listen(const std::string& address) {
  const auto malformed = [&](std::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on '", address, "', which should be host:port: ", why));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return malformed("there is no port");
  std::string host = address.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | (host == "localhost" ? 0 : AI_NUMERICHOST);
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (error != 0) return malformed(gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, &freeaddrinfo);

  Bound bound{Descriptor(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
              ""};
  const int fd = bound.socket.get();
  const int on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 64) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on '", address, "': ", std::strerror(errno)));
  }
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length);
  const in_port_t port = name.ss_family == AF_INET6
                             ? reinterpret_cast<sockaddr_in6*>(&name)->sin6_port
                             : reinterpret_cast<sockaddr_in*>(&name)->sin_port;
  bound.address = absl::StrCat(address.substr(0, colon), ":", ntohs(port));
  return bound;
}

class AdminServerImpl final : public AdminServer {
 public:
  AdminServerImpl(Bound bound, Descriptor wake, AdminPages pages)
      : listener_(std::move(bound.socket)),
        address_(std::move(bound.address)),
        wake_(std::move(wake)),
        pages_(std::move(pages)),
        thread_([this] { Run(); }) {}

  ~AdminServerImpl() override {
    eventfd_write(wake_.get(), 1);
    thread_.join();
  }

  const std::string& address() const override { return address_; }

 private:
  void Run() {
    std::vector<pollfd> polled;
    while (true) {
      polled.clear();
      polled.push_back({wake_.get(), POLLIN, 0});
      // A full server leaves further connections in the backlog.
      const bool paused = Clock::now() < accept_again_;
      const bool full = connections_.size() >= kMaxConnections;
      polled.push_back({paused || full ? -1 : listener_.get(), POLLIN, 0});
      auto next = paused ? accept_again_ : Clock::time_point::max();
      for (const Connection& connection : connections_) {
        const short events = connection.response.empty() ? POLLIN : POLLOUT;
        polled.push_back({connection.socket.get(), events, 0});
        next = std::min(next, connection.deadline);
      }
      poll(polled.data(), polled.size(), MillisecondsUntil(next));
      if (polled[0].revents != 0) return;

      const auto now = Clock::now();
      size_t i = 2;
      for (auto it = connections_.begin(); it != connections_.end(); ++i) {
        const bool lives = (polled[i].revents == 0 || Advance(*it)) && now < it->deadline;
        it = lives ? std::next(it) : connections_.erase(it);
      }
      if (polled[1].revents != 0) Accept();
    }
  }

  static int MillisecondsUntil(Clock::time_point time) {
    if (time == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now()).count();
    return static_cast<int>(std::max<int64_t>(left, 0));
  }

  void Accept() {
    Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.get() < 0) {
      // Without descriptors, a connection that waits would keep poll() busy.
      accept_again_ = Clock::now() + kAcceptPause;
      return;
    }
    connections_.push_back({std::move(socket), Clock::now() + kTimeout, "", "", false});
  }

  // Reads or writes what is possible. False: the connection is done with.
  bool Advance(Connection& connection) {
    return connection.response.empty() ? Read(connection) : Write(connection);
  }

  bool Read(Connection& connection) {
    char buffer[4096];
    const ssize_t n = recv(connection.socket.get(), buffer, sizeof buffer, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    if (connection.discarding) return true;
    connection.request.append(buffer, n);
    if (connection.request.find("\r\n\r\n") != std::string::npos) {
      connection.response = Answer(connection.request);
    } else if (connection.request.size() > kMaxRequestBytes) {
      connection.response = Format({431, "text/plain", "The request is too large.\n"}, true);
    }
    return true;
  }

  bool Write(Connection& connection) {
    const ssize_t n = send(connection.socket.get(), connection.response.data(),
                           connection.response.size(), MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    connection.response.erase(0, n);
    if (connection.response.empty()) {
      // Closing with unread input would reset the connection, and the peer
      // might lose the answer; so wait until the peer closes.
      shutdown(connection.socket.get(), SHUT_WR);
      connection.discarding = true;
    }
    return true;
  }

  std::string Answer(std::string_view request) const {
    const std::string_view line = request.substr(0, request.find("\r\n"));
    const std::vector<std::string_view> parts = absl::StrSplit(line, ' ');
    if (parts.size() != 3 || !absl::StartsWith(parts[2], "HTTP/1.")) {
      return Format({400, "text/plain", "This is no HTTP/1.1 request.\n"}, true);
    }
    const bool head = parts[0] == "HEAD";
    if (parts[0] != "GET" && !head) {
      return Format({405, "text/plain", "Only GET and HEAD are served.\n"}, true);
    }
    const std::string path(parts[1].substr(0, parts[1].find('?')));
    const auto page = pages_.find(path);
    if (page == pages_.end()) {
      std::string body = "There are:\n";
      for (const auto& [known, unused] : pages_) absl::StrAppend(&body, known, "\n");
      return Format({404, "text/plain", std::move(body)}, !head);
    }
    return Format(page->second(), !head);
  }

  static std::string Format(const AdminResponse& response, bool with_body) {
    return absl::StrCat(
        "HTTP/1.1 ", response.status, " ", ReasonPhrase(response.status),
        "\r\nContent-Type: ", response.content_type, "\r\nContent-Length: ", response.body.size(),
        "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n", with_body ? response.body : "");
  }

  const Descriptor listener_;
  const std::string address_;
  const Descriptor wake_;
  const AdminPages pages_;
  std::list<Connection> connections_;
  Clock::time_point accept_again_;  // not before
  std::thread thread_;              // last: uses the others
};

}  // namespace

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& address,
                                                                AdminPages pages) {
  absl::StatusOr<Bound> bound = Listen(address);
  if (!bound.ok()) return bound.status();
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) {
    return absl::UnavailableError(absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  return std::make_unique<AdminServerImpl>(*std::move(bound), std::move(wake), std::move(pages));
}

}  // namespace caravan::telemetry
