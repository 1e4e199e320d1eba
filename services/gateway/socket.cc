#include "services/gateway/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace caravan::gateway {

std::string SocketAddress::Ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
  } else if (storage.ss_family == AF_INET6) {
    const auto* in = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof(text));
  }
  return text;
}

std::string SocketAddress::ToString() const {
  switch (storage.ss_family) {
    case AF_INET:
      return absl::StrCat(Ip(), ":",
                          ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port));
    case AF_INET6:
      return absl::StrCat("[", Ip(),
                          "]:", ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port));
    case AF_UNIX:
      return absl::StrCat("unix:", reinterpret_cast<const sockaddr_un*>(&storage)->sun_path);
    default:
      return "";
  }
}

absl::StatusOr<SocketAddress> SocketAddress::Unix(const std::string& path) {
  SocketAddress address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof(un->sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("the path of a unix socket has 1 to ",
                                                   sizeof(un->sun_path) - 1, " characters; '", path,
                                                   "' has not"));
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.c_str(), path.size() + 1);
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

void SslDeleter::operator()(SSL* ssl) const { SSL_free(ssl); }

struct Socket::Waiter {
  Waiter(boost::asio::io_context& io, int descriptor) : stream(io) {
    boost::system::error_code error;
    stream.assign(descriptor, error);
    failed = static_cast<bool>(error);
    if (failed) close(descriptor);
  }

  boost::asio::posix::stream_descriptor stream;
  bool failed = false;
};

Socket::Socket(Loop& loop, int descriptor, SslPtr ssl)
    : loop_(loop), descriptor_(descriptor), ssl_(std::move(ssl)) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // no-op for unix sockets
  if (ssl_ != nullptr) SSL_set_fd(ssl_.get(), descriptor);
  waiter_ = std::make_unique<Waiter>(loop.io(), descriptor);
  if (waiter_->failed) {
    waiter_.reset();
    descriptor_ = -1;
  }
}

Socket::~Socket() { Close(); }

absl::StatusOr<std::unique_ptr<Socket>> Socket::Connect(Loop& loop, const SocketAddress& address,
                                                        SslPtr ssl) {
  const int descriptor =
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return absl::UnavailableError(std::strerror(errno));
  auto socket = std::make_unique<Socket>(loop, descriptor, std::move(ssl));
  if (socket->descriptor_ < 0) return absl::UnavailableError("there is no descriptor for it");
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 &&
      errno != EINPROGRESS) {
    return absl::UnavailableError(std::strerror(errno));
  }
  return socket;
}

int Socket::ConnectError() const {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

void Socket::WaitReadable(std::shared_ptr<SocketEvents> events) {
  if (waiter_ == nullptr) return;
  waiter_->stream.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      [&loop = loop_, events = std::move(events)](const boost::system::error_code& error) {
        if (error) return;
        loop.BeginTurn();
        events->OnReadable();
      });
}

void Socket::WaitWritable(std::shared_ptr<SocketEvents> events) {
  if (waiter_ == nullptr) return;
  waiter_->stream.async_wait(
      boost::asio::posix::stream_descriptor::wait_write,
      [&loop = loop_, events = std::move(events)](const boost::system::error_code& error) {
        if (error) return;
        loop.BeginTurn();
        events->OnWritable();
      });
}

IoResult Socket::SslResult(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {IoState::kWaitToRead};
    case SSL_ERROR_WANT_WRITE:
      return {IoState::kWaitToWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {IoState::kEnd};
    default:
      return {IoState::kFailed};
  }
}

IoResult Socket::Handshake() {
  if (ssl_ == nullptr) return {IoState::kDone, 1};
  if (waiter_ == nullptr) return {IoState::kFailed};
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return {IoState::kDone, 1};
  return SslResult(result);
}

IoResult Socket::Read(uint8_t* to, size_t size) {
  if (waiter_ == nullptr) return {IoState::kFailed};
  if (ssl_ != nullptr) {
    ERR_clear_error();
    size_t bytes = 0;
    const int result = SSL_read_ex(ssl_.get(), to, size, &bytes);
    if (result == 1) return {IoState::kDone, bytes};
    return SslResult(result);
  }
  const ssize_t bytes = recv(descriptor_, to, size, 0);
  if (bytes > 0) return {IoState::kDone, static_cast<size_t>(bytes)};
  if (bytes == 0) return {IoState::kEnd};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoState::kWaitToRead};
  return {IoState::kFailed};
}

IoResult Socket::Write(const uint8_t* from, size_t size) {
  if (waiter_ == nullptr) return {IoState::kFailed};
  if (ssl_ != nullptr) {
    ERR_clear_error();
    size_t bytes = 0;
    const int result = SSL_write_ex(ssl_.get(), from, size, &bytes);
    if (result == 1) return {IoState::kDone, bytes};
    return SslResult(result);
  }
  const ssize_t bytes = send(descriptor_, from, size, MSG_NOSIGNAL);
  if (bytes >= 0) return {IoState::kDone, static_cast<size_t>(bytes)};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoState::kWaitToWrite};
  return {IoState::kFailed};
}

void Socket::Close() {
  if (waiter_ == nullptr) return;
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_.get())) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // says so to the peer; its answer is not awaited
  }
  boost::system::error_code error;
  waiter_->stream.close(error);
  waiter_.reset();
}

std::string Socket::TlsError() const {
  const unsigned long error = ERR_peek_last_error();
  if (error == 0) return "the connection has ended";
  const char* reason = ERR_reason_error_string(error);
  return reason == nullptr ? "unknown error" : reason;
}

}  // namespace caravan::gateway
