// A client's connection at the edge.
#pragma once

#include <functional>
#include <list>
#include <memory>

#include "services/gateway/frame_filter.h"
#include "services/gateway/http2_connection.h"
#include "services/gateway/limits.h"
#include "services/gateway/stream_handler.h"
#include "services/gateway/timer_wheel.h"
#include "services/gateway/token_bucket.h"

namespace caravan::gateway {

// Speaks HTTP/2 with a client: opens a stream for each request, hands it to a
// handler, and holds the client to the limits.
class ServerSession final : public Http2Connection {
 public:
  struct Options {
    const Limits* limits = nullptr;      // outlives it, as does
    StreamHandlers* handlers = nullptr;  // this
    // Called once, at the connection's end; why() tells the reason.
    std::function<void(ServerSession&)> on_down;
  };

  ServerSession(Loop& loop, std::unique_ptr<Socket> socket, ClientConnection client,
                Options options);
  ~ServerSession() override;

  // Begins; once, after it is owned.
  void Start();

  // Asks the client to leave: soon no new streams are taken, and the connection
  // ends after the last one.
  void Drain();
  // Has all that is under way answered with errors.
  void EndStreams();

  // Its place in the list of its owner.
  using Place = std::list<std::shared_ptr<ServerSession>>::iterator;
  void set_place(Place place) { place_ = place; }
  Place place() const { return place_; }

 private:
  class Stream;

  void OnHandshake() override;
  void OnHandshakeFailed(HandshakeFailure failure) override;
  void OnInput(const uint8_t* data, size_t size) override;
  void OnDown() override;
  void OnWriteStalled(bool stalled) override;
  void OnBeginHeaders(const nghttp2_frame& frame) override;
  void OnHeader(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void OnFrame(const nghttp2_frame& frame) override;
  void OnData(int32_t id, std::string_view bytes) override;
  void OnStreamClose(int32_t id, uint32_t error) override;
  void OnFrameSent(const nghttp2_frame& frame) override;

  Stream* Find(int32_t id) const;
  // Ends the connection of a client that makes too much work.
  void EnhanceYourCalm(std::string_view why);

  // One timer bounds all states: when it fires, it looks which time is up.
  void OnTimer();
  void StartTimer();

  ClientConnection client_;
  const Options options_;
  const Limits& limits_;
  FrameFilter filter_;
  TokenBucket resets_;
  std::list<Stream> streams_;
  Place place_;

  bool greeted_ = false;     // its SETTINGS have come
  bool in_headers_ = false;  // the header of a request has come in part
  bool stalled_ = false;
  bool pinged_ = false;
  bool draining_ = false;
  bool gone_away_ = false;  // the last GOAWAY is sent
  const Clock::time_point opened_;
  Clock::time_point headers_since_;
  Clock::time_point stalled_since_;
  Clock::time_point idle_since_;
  Clock::time_point last_input_;
  Clock::time_point pinged_at_;
  Clock::time_point drained_at_;
  Timer timer_;
};

}  // namespace caravan::gateway
