// What the connections on both sides of the gateway have in common: a socket
// below, a session of nghttp2 above, and bytes that go between them.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "services/gateway/body_queue.h"
#include "services/gateway/headers.h"
#include "services/gateway/loop.h"
#include "services/gateway/socket.h"

namespace caravan::gateway {

// Where the body of an outgoing message comes from. One for each direction of an
// exchange, and told when the session has taken bytes out of its queue.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual void OnTaken(size_t bytes) = 0;

  BodyQueue& body() { return body_; }

 private:
  BodyQueue body_;
};

// The body that a stream sends: what nghttp2 knows of it. It lives as long as the
// stream; its source may let go of it before.
struct OutgoingBody {
  BodySource* source = nullptr;
};

struct SessionDeleter {
  void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
};
using SessionPtr = std::unique_ptr<nghttp2_session, SessionDeleter>;

// It is owned by who made it, and kept by its waits and by the loop while they
// need it. It ends in OnDown(), which runs at the end of a turn and never within
// a callback of nghttp2; then its owner lets go of it.
class Http2Connection : public SocketEvents,
                        public Flushable,
                        public std::enable_shared_from_this<Http2Connection> {
 public:
  ~Http2Connection() override;
  Http2Connection(const Http2Connection&) = delete;
  Http2Connection& operator=(const Http2Connection&) = delete;

  // Ends the connection at the end of this turn, after a last attempt to send
  // what waits. `why` is for logs.
  void Doom(std::string_view why);
  bool doomed() const { return doomed_; }
  const std::string& why() const { return why_; }

  Loop& loop() { return loop_; }

 protected:
  Http2Connection(Loop& loop, std::unique_ptr<Socket> socket);

  // Begins HTTP/2 on this side of it: from here on the socket is read, and the
  // session writes.
  enum class Side { kServer, kClient };
  void StartSession(Side side, std::span<const nghttp2_settings_entry> settings,
                    uint32_t connection_window);
  bool open() const { return session_ != nullptr; }
  // Waits for the socket before that, as a step of the handshake asked for.
  void WaitFor(IoState state);

  // Takes the handshake of TLS, where there is one, a step on. True once it is done
  // and HTTP/2 agreed upon; else it goes on by OnHandshake() or has failed.
  bool Handshake();

  // A step of the handshake is due.
  virtual void OnHandshake() = 0;
  // It has failed, by TLS or for want of HTTP/2: to be doomed.
  enum class HandshakeFailure { kTls, kNoHttp2 };
  virtual void OnHandshakeFailed(HandshakeFailure failure) = 0;
  // Bytes have come; usually for Feed().
  virtual void OnInput(const uint8_t* data, size_t size) = 0;
  // Gives bytes to the session. False where the connection is doomed.
  bool Feed(const uint8_t* data, size_t size);
  // The connection is over.
  virtual void OnDown() = 0;
  // The peer takes nothing of what waits to be sent, or does so again.
  virtual void OnWriteStalled(bool stalled) = 0;

  // What the session has found in the bytes of Feed(): the beginning of a header,
  // one of its fields, a whole frame (of a header or of data: after these), a part
  // of a body, the end of a stream.
  virtual void OnBeginHeaders(const nghttp2_frame& /*frame*/) {}
  virtual void OnHeader(const nghttp2_frame& frame, std::string_view name,
                        std::string_view value) = 0;
  virtual void OnFrame(const nghttp2_frame& frame) = 0;
  virtual void OnData(int32_t stream, std::string_view bytes) = 0;
  virtual void OnStreamClose(int32_t stream, uint32_t error) = 0;
  // A whole frame has been handed to the socket.
  virtual void OnFrameSent(const nghttp2_frame& frame) = 0;

  // Sends what the session wants to send at the end of the turn.
  void Wake();

  // A data provider that sends a body and then its trailers.
  static nghttp2_data_provider Provide(OutgoingBody& body);

  Loop& loop_;
  std::unique_ptr<Socket> socket_;
  SessionPtr session_;

 private:
  static const nghttp2_session_callbacks* Callbacks();
  static ssize_t ReadBody(nghttp2_session* session, int32_t stream, uint8_t* buffer, size_t length,
                          uint32_t* flags, nghttp2_data_source* source, void* self);
  static int SendBody(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* header,
                      size_t length, nghttp2_data_source* source, void* self);

  void OnReadable() final;
  void OnWritable() final;
  void Flush() final;

  void ReadOn();
  void ReadLater();
  // Sends what has been left over, and says whether all of it went.
  bool SendPending();
  // Sends, and keeps what the socket doesn't take.
  bool Send(std::string_view bytes);
  void WaitToRead();
  void WaitToWrite();
  void GoDown();

  std::string pending_;  // what the socket did not take yet
  bool waits_to_read_ = false;
  bool waits_to_write_ = false;
  bool doomed_ = false;
  bool broken_ = false;  // nothing can be sent any more
  bool down_ = false;
  std::string why_;
};

}  // namespace caravan::gateway
