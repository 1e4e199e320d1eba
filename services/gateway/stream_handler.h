// What serves a request at the edge, and what it sees of the request's stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "services/gateway/headers.h"
#include "services/gateway/http2_connection.h"
#include "services/gateway/loop.h"

namespace caravan::gateway {

// Who has opened a connection.
struct ClientConnection {
  std::string address;    // host:port or unix:path
  std::string spiffe_id;  // of the verified certificate, if any
};

// A request and the way back. It lives as long as its handler.
class ServerStream {
 public:
  virtual const HeaderBlock& request() const = 0;
  virtual const ClientConnection& client() const = 0;
  virtual Loop& loop() = 0;

  // Sends the header of the answer, and then the body of `source` with its
  // trailers; null: there is none of either. The source must live as long as the
  // handler. Only once.
  virtual void Respond(const HeaderBlock& header, BodySource* source) = 0;
  // `source` has more to send, or has ended.
  virtual void Resume() = 0;

  // So much of the request's body has found its place: the client may send as
  // much again.
  virtual void Consume(size_t bytes) = 0;

  // Breaks off, with an error code of HTTP/2. The handler goes soon after.
  virtual void Reset(uint32_t error) = 0;

 protected:
  ~ServerStream() = default;
};

// Serves one request. It is made when the header has come, and destroyed when the
// stream is closed: after the whole answer was sent, or because the client or the
// connection has gone.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;

  // Called once, and first. `ended`: the request has no body.
  virtual void OnRequest(bool ended) = 0;
  virtual void OnBody(std::string_view bytes) = 0;
  virtual void OnBodyEnd() = 0;
  // The gateway ends now: what has not been answered must be, with an error.
  virtual void OnShutdown() = 0;
};

// Chooses who serves a request by its method, path and content type.
class StreamHandlers {
 public:
  virtual ~StreamHandlers() = default;
  virtual std::unique_ptr<StreamHandler> Make(ServerStream& stream) = 0;
  // For a request whose header is larger than allowed, of which `request()` is
  // only the beginning.
  virtual std::unique_ptr<StreamHandler> MakeForTooLarge(ServerStream& stream) = 0;
};

}  // namespace caravan::gateway
