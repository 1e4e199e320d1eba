// A connection to a service.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "services/gateway/http2_connection.h"
#include "services/gateway/timer_wheel.h"
#include "services/gateway/upstream_call.h"
#include "services/gateway/upstream_health.h"

namespace caravan::gateway {

// Speaks HTTP/2 with a service. It takes calls from when the service says that it
// serves until it says that it does not, or GOAWAY.
class UpstreamSession final : public Http2Connection {
 public:
  struct Options {
    std::string service;  // the name, for messages
    uint32_t stream_window = 256 * 1024;
    uint32_t connection_window = 16 * 1024 * 1024;
    Clock::duration connect_timeout = std::chrono::seconds(5);
    Clock::duration keepalive_interval = std::chrono::seconds(20);
    Clock::duration keepalive_timeout = std::chrono::seconds(10);

    std::function<void(UpstreamSession&)> on_ready;
    // It has room again for a call.
    std::function<void(UpstreamSession&)> on_room;
    // It takes no more calls; those under way go on.
    std::function<void(UpstreamSession&)> on_leaving;
    // It is over; why() tells the reason.
    std::function<void(UpstreamSession&)> on_down;
  };

  UpstreamSession(Loop& loop, std::unique_ptr<Socket> socket, Options options);
  ~UpstreamSession() override;

  // Begins; once, after it is owned.
  void Start();

  // Whether the service takes calls here.
  bool ready() const { return ready_ && !leaving_ && !doomed(); }
  bool was_ready() const { return ready_; }
  bool HasRoom() const { return ready() && stream_count_ < most_streams_; }
  // Calls under way.
  int64_t stream_count() const { return stream_count_ - (health_.watches() ? 1 : 0); }
  Clock::time_point opened() const { return opened_; }
  Clock::time_point idle_since() const { return idle_since_; }

  // Sends a call; only where there is room.
  void Open(UpstreamCall& call);

  // Takes no more calls, and ends after those under way.
  void Leave();

 private:
  class Stream;

  void OnHandshake() override;
  void OnHandshakeFailed(HandshakeFailure failure) override;
  void OnInput(const uint8_t* data, size_t size) override;
  void OnDown() override;
  void OnWriteStalled(bool stalled) override;
  void OnHeader(const nghttp2_frame& frame, std::string_view name, std::string_view value) override;
  void OnFrame(const nghttp2_frame& frame) override;
  void OnData(int32_t id, std::string_view bytes) override;
  void OnStreamClose(int32_t id, uint32_t error) override;
  void OnFrameSent(const nghttp2_frame& frame) override;

  Stream* Find(int32_t id) const;
  void Remove(Stream& stream);
  void OnSettings();
  void OnHealth(bool serving);
  void BeginLeaving();
  // Ends it where it is not needed any more.
  void EndIfLeft();
  void OnTimer();
  void StartTimer();

  const Options options_;
  UpstreamHealth health_;
  std::list<Stream> streams_;
  int64_t stream_count_ = 0;
  int64_t most_streams_ = 0;

  bool connected_ = false;
  bool settled_ = false;  // its SETTINGS have come
  bool ready_ = false;
  bool leaving_ = false;
  bool stalled_ = false;
  bool pinged_ = false;
  const Clock::time_point opened_;
  Clock::time_point last_input_;
  Clock::time_point pinged_at_;
  Clock::time_point stalled_since_;
  Clock::time_point idle_since_;
  Timer timer_;
};

}  // namespace caravan::gateway
