#include "services/gateway/http2_connection.h"

#include <algorithm>
#include <utility>

#include "services/gateway/tls.h"

namespace caravan::gateway {
namespace {

// What is gathered before it is sent, and what may be gathered at once: a session
// can have a whole window to send.
constexpr size_t kBatch = 64 * 1024;
constexpr size_t kMostGathered = 256 * 1024;
// Reads in a turn, after which others have theirs.
constexpr int kMostReads = 8;
// nghttp2 has a limit of its own for servers, too low for clients that cancel many
// calls; ServerSession counts resets itself.
constexpr uint64_t kNoLimit = 1'000'000'000;

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

const nghttp2_option* SessionOptions() {
  static const nghttp2_option* const options = [] {
    nghttp2_option* option = nullptr;
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);
    return option;
  }();
  return options;
}

}  // namespace

Http2Connection::Http2Connection(Loop& loop, std::unique_ptr<Socket> socket)
    : loop_(loop), socket_(std::move(socket)) {}

Http2Connection::~Http2Connection() = default;

void Http2Connection::Doom(std::string_view why) {
  if (doomed_) return;
  doomed_ = true;
  why_ = why;
  Wake();
}

bool Http2Connection::Handshake() {
  const IoState state = socket_->Handshake().state;
  switch (state) {
    case IoState::kDone:
      break;
    case IoState::kWaitToRead:
    case IoState::kWaitToWrite:
      WaitFor(state);
      return false;
    default:
      OnHandshakeFailed(HandshakeFailure::kTls);
      return false;
  }
  if (SSL* ssl = socket_->ssl(); ssl != nullptr && !SpeaksHttp2(ssl)) {
    OnHandshakeFailed(HandshakeFailure::kNoHttp2);
    return false;
  }
  return true;
}

void Http2Connection::StartSession(Side side, std::span<const nghttp2_settings_entry> settings,
                                   uint32_t connection_window) {
  nghttp2_session* session = nullptr;
  const auto create =
      side == Side::kServer ? &nghttp2_session_server_new2 : &nghttp2_session_client_new2;
  if (create(&session, Callbacks(), this, SessionOptions()) != 0) {
    Doom("no_memory");
    return;
  }
  session_.reset(session);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(connection_window));
  // With the end of the handshake, TLS may have read what comes after it, which
  // the socket then does not report.
  ReadLater();
  Wake();
}

void Http2Connection::WaitFor(IoState state) {
  if (state == IoState::kWaitToWrite) {
    WaitToWrite();
  } else {
    WaitToRead();
  }
}

void Http2Connection::Wake() { loop_.FlushLater(shared_from_this()); }

void Http2Connection::WaitToRead() {
  if (waits_to_read_ || down_) return;
  waits_to_read_ = true;
  socket_->WaitReadable(shared_from_this());
}

void Http2Connection::WaitToWrite() {
  if (waits_to_write_ || down_) return;
  waits_to_write_ = true;
  socket_->WaitWritable(shared_from_this());
}

void Http2Connection::OnReadable() {
  waits_to_read_ = false;
  if (down_ || doomed_) return;
  if (!open()) {
    OnHandshake();
  } else {
    ReadOn();
  }
}

void Http2Connection::ReadOn() {
  const std::span<uint8_t> input = loop_.input();
  for (int reads = 0; reads < kMostReads; ++reads) {
    const IoResult result = socket_->Read(input.data(), input.size());
    switch (result.state) {
      case IoState::kDone:
        OnInput(input.data(), result.bytes);
        if (doomed_) return;
        // Without TLS, nothing is hidden in a layer below: a socket that has
        // given less than was asked for is empty.
        if (socket_->ssl() == nullptr && result.bytes < input.size()) {
          WaitToRead();
          return;
        }
        break;
      case IoState::kWaitToRead:
        WaitToRead();
        return;
      case IoState::kWaitToWrite:
        WaitToWrite();
        return;
      case IoState::kEnd:
        broken_ = true;
        Doom("the peer has closed the connection");
        return;
      case IoState::kFailed:
        broken_ = true;
        Doom("the connection is broken");
        return;
    }
  }
  ReadLater();
}

void Http2Connection::ReadLater() {
  loop_.Post([self = shared_from_this()] {
    auto* connection = static_cast<Http2Connection*>(self.get());
    if (!connection->down_ && !connection->doomed_) connection->ReadOn();
  });
}

bool Http2Connection::Feed(const uint8_t* data, size_t size) {
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), data, size);
  if (taken < 0) {
    Doom(nghttp2_strerror(static_cast<int>(taken)));
    return false;
  }
  Wake();
  return !doomed_;
}

void Http2Connection::OnWritable() {
  waits_to_write_ = false;
  if (down_) return;
  if (!open()) {
    if (!doomed_) OnHandshake();
    return;
  }
  Wake();
  // TLS may have been waiting to write in order to read.
  if (!waits_to_read_ && !doomed_) ReadOn();
}

bool Http2Connection::SendPending() {
  if (pending_.empty()) return true;
  const std::string bytes = std::exchange(pending_, {});
  return Send(bytes);
}

bool Http2Connection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const IoResult result =
        socket_->Write(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    if (result.state == IoState::kDone) {
      bytes.remove_prefix(result.bytes);
      continue;
    }
    if (result.state == IoState::kWaitToWrite || result.state == IoState::kWaitToRead) {
      pending_.assign(bytes);
      WaitFor(result.state);
      if (!doomed_) OnWriteStalled(true);
      return false;
    }
    broken_ = true;
    Doom("the connection is broken");
    return false;
  }
  return true;
}

void Http2Connection::Flush() {
  if (down_) return;
  if (open() && !broken_) {
    const bool had_pending = !pending_.empty();
    bool sent = SendPending();
    if (sent && had_pending) OnWriteStalled(false);
    std::string& output = loop_.output();
    while (sent) {
      output.clear();
      const uint8_t* data = nullptr;
      ssize_t size = 0;
      while (output.size() < kBatch &&
             (size = nghttp2_session_mem_send(session_.get(), &data)) > 0) {
        output.append(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
      }
      if (size < 0) Doom(nghttp2_strerror(static_cast<int>(size)));
      if (output.empty()) break;
      sent = Send(output);
    }
    if (sent && nghttp2_session_want_read(session_.get()) == 0 &&
        nghttp2_session_want_write(session_.get()) == 0) {
      Doom("the session has ended");
    }
  }
  if (doomed_) GoDown();
}

void Http2Connection::GoDown() {
  if (std::exchange(down_, true)) return;
  socket_->Close();
  OnDown();
}

nghttp2_data_provider Http2Connection::Provide(OutgoingBody& body) {
  return {.source = {.ptr = &body}, .read_callback = &Http2Connection::ReadBody};
}

const nghttp2_session_callbacks* Http2Connection::Callbacks() {
  static const nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_send_data_callback(made, &SendBody);
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          static_cast<Http2Connection*>(self)->OnBeginHeaders(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_header_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                 size_t name_size, const uint8_t* value, size_t value_size, uint8_t, void* self) {
          static_cast<Http2Connection*>(self)->OnHeader(*frame, View(name, name_size),
                                                        View(value, value_size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          static_cast<Http2Connection*>(self)->OnFrame(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        made, [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size,
                 void* self) {
          static_cast<Http2Connection*>(self)->OnData(stream, View(data, size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        made, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          static_cast<Http2Connection*>(self)->OnFrameSent(*frame);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        made, [](nghttp2_session*, int32_t stream, uint32_t error, void* self) {
          static_cast<Http2Connection*>(self)->OnStreamClose(stream, error);
          return 0;
        });
    return made;
  }();
  return callbacks;
}

ssize_t Http2Connection::ReadBody(nghttp2_session* session, int32_t stream, uint8_t*, size_t length,
                                  uint32_t* flags, nghttp2_data_source* source, void*) {
  BodySource* from = static_cast<OutgoingBody*>(source->ptr)->source;
  if (from == nullptr) return NGHTTP2_ERR_DEFERRED;  // it will be reset
  const BodyQueue& body = from->body();
  const size_t bytes = std::min(length, body.available());
  const bool last = body.ended() && bytes == body.available();
  if (bytes == 0 && !last) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (last) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!body.trailers().empty()) {
      HeaderVector trailers;
      trailers.Add(body.trailers());
      if (nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size()) == 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      }
    }
  }
  return static_cast<ssize_t>(bytes);
}

int Http2Connection::SendBody(nghttp2_session*, nghttp2_frame*, const uint8_t* header,
                              size_t length, nghttp2_data_source* source, void* self) {
  constexpr size_t kFrameHeaderBytes = 9;
  auto* connection = static_cast<Http2Connection*>(self);
  std::string& output = connection->loop_.output();
  BodySource* from = static_cast<OutgoingBody*>(source->ptr)->source;
  if (from == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (output.size() >= kMostGathered) return NGHTTP2_ERR_WOULDBLOCK;
  output.append(reinterpret_cast<const char*>(header), kFrameHeaderBytes);
  // There is no padding, since no callback chooses any.
  if (length > 0) {
    output.append(from->body().Peek(length));
    from->body().Take(length);
    from->OnTaken(length);
  }
  return 0;
}

}  // namespace caravan::gateway
