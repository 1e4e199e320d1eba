// Takes the connections of clients at one address, for one loop.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "services/gateway/limits.h"
#include "services/gateway/loop.h"
#include "services/gateway/metrics.h"
#include "services/gateway/socket.h"

namespace caravan::gateway {

// Counts the connections of all loops. Thread-safe; used once for each connection.
class ConnectionCount {
 public:
  enum class Answer { kYes, kTooMany, kTooManyOfAddress };

  ConnectionCount(int64_t most, int64_t most_of_address)
      : most_(most), most_of_address_(most_of_address) {}

  // Whether one more may be opened from this IP address; if so, it is counted.
  Answer Open(const std::string& ip);
  void Close(const std::string& ip);
  int64_t count() const;

 private:
  const int64_t most_;
  const int64_t most_of_address_;
  mutable std::mutex mutex_;
  int64_t count_ = 0;
  absl::flat_hash_map<std::string, int64_t> by_address_;
};

// Opens a socket that listens, with SO_REUSEPORT, so that each loop has one of its
// own. UNAVAILABLE where the address is not to be had.
absl::StatusOr<int> Listen(const SocketAddress& address);
// The address that a socket is bound to.
SocketAddress BoundAddress(int descriptor);

class Listener {
 public:
  // Takes the descriptor. `accepted` gets the descriptors of connections.
  Listener(Loop& loop, int descriptor,
           std::function<void(int descriptor, const SocketAddress& peer)> accepted);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void Start();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace caravan::gateway
