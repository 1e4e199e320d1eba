// A connection's socket: TCP or unix, with or without TLS, never blocking.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/gateway/loop.h"

using SSL = struct ssl_st;

namespace caravan::gateway {

// What is told to whom waits for a socket.
class SocketEvents {
 public:
  virtual ~SocketEvents() = default;
  virtual void OnReadable() = 0;
  virtual void OnWritable() = 0;
};

enum class IoState {
  kDone,        // `bytes` were moved; more than 0
  kWaitToRead,  // nothing now: wait until it is readable
  kWaitToWrite,
  kEnd,     // the peer has ended the connection in order
  kFailed,  // it is broken
};

struct IoResult {
  IoState state = IoState::kDone;
  size_t bytes = 0;
};

// A socket address of any family.
struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  // `127.0.0.1:80`, `[::1]:80`, `unix:path`.
  std::string ToString() const;
  // The IP address alone; empty for unix sockets.
  std::string Ip() const;

  static absl::StatusOr<SocketAddress> Unix(const std::string& path);
};

struct SslDeleter {
  void operator()(SSL* ssl) const;
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

class Socket {
 public:
  // Takes a file descriptor, which is made non-blocking, and a TLS session that
  // knows its side, or null.
  Socket(Loop& loop, int descriptor, SslPtr ssl);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Begins to connect: done, or failed, when it is writable, as ConnectError()
  // tells: 0 or an errno.
  static absl::StatusOr<std::unique_ptr<Socket>> Connect(Loop& loop, const SocketAddress& address,
                                                         SslPtr ssl);
  int ConnectError() const;

  // Tells `events` once, in the loop, unless the socket is closed before. At most
  // one wait of each kind at a time.
  void WaitReadable(std::shared_ptr<SocketEvents> events);
  void WaitWritable(std::shared_ptr<SocketEvents> events);

  // One step of the TLS handshake; kDone when it is over (at once without TLS).
  IoResult Handshake();
  IoResult Read(uint8_t* to, size_t size);
  IoResult Write(const uint8_t* from, size_t size);

  void Close();

  SSL* ssl() const { return ssl_.get(); }
  // What went wrong in TLS, for logs.
  std::string TlsError() const;

 private:
  struct Waiter;

  IoResult SslResult(int result);

  Loop& loop_;
  int descriptor_;
  SslPtr ssl_;
  std::unique_ptr<Waiter> waiter_;
};

}  // namespace caravan::gateway
