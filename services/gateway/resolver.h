// Finds the addresses of a name, on a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/gateway/loop.h"
#include "services/gateway/socket.h"

namespace caravan::gateway {

// host:port, the host a name or an IP address, or unix:path.
struct Target {
  std::string host;  // empty for unix sockets
  std::string port;
  std::string path;  // of unix sockets

  static absl::StatusOr<Target> Parse(const std::string& text);
};

class Resolver {
 public:
  explicit Resolver(Loop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls `done` in the loop, unless the resolver is destroyed before. One
  // question at a time.
  void Resolve(const Target& target,
               std::function<void(absl::StatusOr<std::vector<SocketAddress>>)> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The addresses of a name now; blocks.
absl::StatusOr<std::vector<SocketAddress>> ResolveNow(const Target& target);

}  // namespace caravan::gateway
