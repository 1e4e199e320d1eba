// A call to a service, as the connections to it see it.
#pragma once

#include <cstdint>
#include <list>
#include <string_view>

#include "absl/status/status.h"
#include "services/gateway/headers.h"
#include "services/gateway/http2_connection.h"

namespace caravan::gateway {

class UpstreamCall;

// The stream of a call on a connection to a service. Its call may let go of it,
// and it tells its call when it ends.
class UpstreamStream {
 public:
  // The request's body has more bytes, or has ended.
  virtual void Resume() = 0;
  // So much of the answer has found its place.
  virtual void Consume(size_t bytes) = 0;
  // Lets go of it, breaking it off with an error code of HTTP/2 if it is still
  // under way. Nothing more is told to the call.
  virtual void Detach(uint32_t error) = 0;

 protected:
  ~UpstreamStream() = default;
};

// How a stream ended before its answer was whole.
struct StreamFailure {
  // The service has certainly not begun with it, so it may be sent again.
  bool unprocessed = false;
  // Why: UNAVAILABLE and the like, to be told to the caller.
  absl::Status status;
};

class UpstreamCall {
 public:
  virtual ~UpstreamCall() = default;

  // The request: its header, which is copied, and its body. `has_body` is false
  // where it has ended with the header.
  virtual void FillRequest(HeaderVector* header) = 0;
  virtual BodySource& request_body() = 0;
  virtual bool has_body() = 0;

  // It has a stream from now on.
  virtual void OnStream(UpstreamStream& stream) = 0;

  // The answer.
  virtual void OnResponseHeader(HeaderBlock header, bool ended) = 0;
  virtual void OnResponseBody(std::string_view bytes) = 0;
  virtual void OnResponseTrailers(HeaderBlock trailers) = 0;
  // Neither trailers nor a status: the body has just ended.
  virtual void OnResponseEnd() = 0;

  // The stream is gone before the end of the answer, or there was none to be had.
  virtual void OnFailure(const StreamFailure& failure) = 0;

 private:
  friend class Upstream;
  // Its place among those that wait for a connection.
  bool waits_ = false;
  std::list<UpstreamCall*>::iterator place_;
  Clock::time_point waits_since_;
  // Where it was sent last: a second attempt goes elsewhere if it can.
  const void* last_endpoint_ = nullptr;
};

}  // namespace caravan::gateway
