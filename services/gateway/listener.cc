#include "services/gateway/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/telemetry/log.h"

namespace caravan::gateway {
namespace {

constexpr int kBacklog = 4096;
constexpr int kMostAccepts = 32;  // in a turn
// Without descriptors, accepting would fail again at once.
constexpr Clock::duration kPause = std::chrono::milliseconds(100);

}  // namespace

ConnectionCount::Answer ConnectionCount::Open(const std::string& ip) {
  std::lock_guard lock(mutex_);
  if (count_ >= most_) return Answer::kTooMany;
  int64_t& of_address = by_address_[ip];
  if (of_address >= most_of_address_) return Answer::kTooManyOfAddress;
  ++of_address;
  ++count_;
  return Answer::kYes;
}

void ConnectionCount::Close(const std::string& ip) {
  std::lock_guard lock(mutex_);
  --count_;
  const auto found = by_address_.find(ip);
  if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
}

int64_t ConnectionCount::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

absl::StatusOr<int> Listen(const SocketAddress& address) {
  const int descriptor =
      socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return absl::UnavailableError(std::strerror(errno));
  const int on = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (address.storage.ss_family == AF_INET6) {
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      listen(descriptor, kBacklog) != 0) {
    const absl::Status status = absl::UnavailableError(
        absl::StrCat("cannot listen on ", address.ToString(), ": ", std::strerror(errno)));
    close(descriptor);
    return status;
  }
  return descriptor;
}

SocketAddress BoundAddress(int descriptor) {
  SocketAddress address;
  address.size = sizeof(address.storage);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  return address;
}

struct Listener::Impl : std::enable_shared_from_this<Listener::Impl> {
  Impl(Loop& loop, int descriptor,
       std::function<void(int descriptor, const SocketAddress& peer)> accepted)
      : loop(loop),
        stream(loop.io(), descriptor),
        accepted(std::move(accepted)),
        pause(loop.timers(), [this] { Accept(); }) {}

  void Wait() {
    stream.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || !self->stream.is_open()) return;
                        self->loop.BeginTurn();
                        self->Accept();
                      });
  }

  void Accept() {
    for (int i = 0; i < kMostAccepts; ++i) {
      SocketAddress peer;
      peer.size = sizeof(peer.storage);
      const int descriptor =
          accept4(stream.native_handle(), reinterpret_cast<sockaddr*>(&peer.storage), &peer.size,
                  SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (descriptor >= 0) {
        accepted(descriptor, peer);
        continue;
      }
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        telemetry::Log(telemetry::LogLevel::kError, "A connection cannot be accepted",
                       {{"error", std::strerror(errno)}});
        pause.StartIn(kPause);
        return;
      }
      break;  // nothing more, or one that has gone already
    }
    Wait();
  }

  void Close() {
    boost::system::error_code error;
    stream.close(error);
    pause.Stop();
  }

  Loop& loop;
  boost::asio::posix::stream_descriptor stream;
  const std::function<void(int descriptor, const SocketAddress& peer)> accepted;
  Timer pause;
};

Listener::Listener(Loop& loop, int descriptor,
                   std::function<void(int descriptor, const SocketAddress& peer)> accepted)
    : impl_(std::make_shared<Impl>(loop, descriptor, std::move(accepted))) {}

Listener::~Listener() { impl_->Close(); }

void Listener::Start() { impl_->Wait(); }

}  // namespace caravan::gateway
