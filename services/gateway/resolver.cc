#include "services/gateway/resolver.h"

#include <boost/asio/ip/tcp.hpp>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace caravan::gateway {
namespace {

using boost::asio::ip::tcp;

std::vector<SocketAddress> AddressesOf(const tcp::resolver::results_type& results) {
  std::vector<SocketAddress> addresses;
  for (const auto& entry : results) {
    const tcp::endpoint endpoint = entry.endpoint();
    SocketAddress address;
    std::memcpy(&address.storage, endpoint.data(), endpoint.size());
    address.size = static_cast<socklen_t>(endpoint.size());
    addresses.push_back(address);
  }
  return addresses;
}

absl::Status NotFound(const Target& target, const boost::system::error_code& error) {
  return absl::UnavailableError(
      absl::StrCat("cannot find the address of ", target.host, ": ", error.message()));
}

}  // namespace

absl::StatusOr<Target> Target::Parse(const std::string& text) {
  Target target;
  if (absl::StartsWith(text, "unix:")) {
    target.path = text.substr(5);
    const auto address = SocketAddress::Unix(target.path);
    if (!address.ok()) return address.status();
    return target;
  }
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon == 0 || colon == std::string::npos ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("the address '", text, "' should be host:port or unix:path"));
  }
  target.host = text.substr(0, colon);
  target.port = text.substr(colon + 1);
  if (target.host.size() > 2 && target.host.front() == '[' && target.host.back() == ']') {
    target.host = target.host.substr(1, target.host.size() - 2);
  }
  return target;
}

struct Resolver::Impl {
  explicit Impl(Loop& loop) : loop(loop), resolver(loop.io()) {}

  Loop& loop;
  tcp::resolver resolver;
};

Resolver::Resolver(Loop& loop) : impl_(std::make_unique<Impl>(loop)) {}

Resolver::~Resolver() { impl_->resolver.cancel(); }

void Resolver::Resolve(const Target& target,
                       std::function<void(absl::StatusOr<std::vector<SocketAddress>>)> done) {
  if (!target.path.empty()) {
    const auto address = SocketAddress::Unix(target.path);
    done(address.ok() ? absl::StatusOr<std::vector<SocketAddress>>({*address}) : address.status());
    return;
  }
  impl_->resolver.async_resolve(
      target.host, target.port,
      [loop = &impl_->loop, target, done = std::move(done)](
          const boost::system::error_code& error, const tcp::resolver::results_type& results) {
        if (error == boost::asio::error::operation_aborted) return;
        loop->BeginTurn();
        if (error) {
          done(NotFound(target, error));
        } else {
          done(AddressesOf(results));
        }
      });
}

absl::StatusOr<std::vector<SocketAddress>> ResolveNow(const Target& target) {
  if (!target.path.empty()) {
    auto address = SocketAddress::Unix(target.path);
    if (!address.ok()) return address.status();
    return std::vector<SocketAddress>{*address};
  }
  boost::asio::io_context io(1);
  tcp::resolver resolver(io);
  boost::system::error_code error;
  const auto results = resolver.resolve(target.host, target.port, error);
  if (error) return NotFound(target, error);
  return AddressesOf(results);
}

}  // namespace caravan::gateway
