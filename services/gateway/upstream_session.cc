#include "services/gateway/upstream_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/gateway/grpc_status.h"

namespace caravan::gateway {
namespace {

// Long before stream ids run out.
constexpr int32_t kLastStream = 1 << 30;
constexpr size_t kMostHeaderBytes = 64 * 1024;
// A service that allows fewer streams than this is not watched: it takes one.
constexpr int64_t kEnoughStreams = 8;

}  // namespace

class UpstreamSession::Stream final : public UpstreamStream {
 public:
  Stream(UpstreamSession& session, UpstreamCall& call) : session_(session), call_(&call) {}

  void Resume() override {
    nghttp2_session_resume_data(session_.session_.get(), id);
    session_.Wake();
  }

  void Consume(size_t bytes) override {
    nghttp2_session_consume_stream(session_.session_.get(), id, bytes);
    session_.Wake();
  }

  void Detach(uint32_t error) override {
    call_ = nullptr;
    body.source = nullptr;
    if (session_.doomed()) return;
    nghttp2_submit_rst_stream(session_.session_.get(), NGHTTP2_FLAG_NONE, id, error);
    session_.Wake();
  }

  // Takes the call from it.
  UpstreamCall* Release() {
    body.source = nullptr;
    return std::exchange(call_, nullptr);
  }

  void AddHeader(std::string_view name, std::string_view value) {
    if (header_.ListSize() < kMostHeaderBytes) header_.Add(name, value);
  }

  void OnHeadersEnd(bool ended) {
    HeaderBlock header = std::move(header_);
    header_.Clear();
    if (call_ == nullptr) return;
    if (!answered_) {
      const std::string_view status = header.Find(":status").value_or("");
      if (status.size() == 3 && status[0] == '1') return;  // not the answer yet
      answered_ = true;
      Ending(ended)->OnResponseHeader(std::move(header), ended);
    } else {
      Ending(true)->OnResponseTrailers(std::move(header));
    }
  }
  void OnBody(std::string_view bytes) {
    if (call_ != nullptr) {
      call_->OnResponseBody(bytes);
    } else {
      Consume(bytes.size());
    }
  }
  void OnBodyEnd() {
    if (call_ != nullptr) Ending(true)->OnResponseEnd();
  }

  int32_t id = 0;
  bool sent = false;  // the service may know of it
  OutgoingBody body;
  std::list<Stream>::iterator self;  // in the session's list

 private:
  // The call; it is told nothing more after the end of its answer.
  UpstreamCall* Ending(bool ended) {
    if (!ended) return call_;
    // What remains of the request is wanted by nobody.
    if (nghttp2_session_get_stream_local_close(session_.session_.get(), id) == 0) {
      nghttp2_submit_rst_stream(session_.session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    }
    return Release();
  }

  UpstreamSession& session_;
  UpstreamCall* call_;
  HeaderBlock header_;
  bool answered_ = false;
};

UpstreamSession::UpstreamSession(Loop& loop, std::unique_ptr<Socket> socket, Options options)
    : Http2Connection(loop, std::move(socket)),
      options_(std::move(options)),
      health_(options_.service, socket_->ssl() != nullptr,
              [this](bool serving) { OnHealth(serving); }),
      opened_(loop.now()),
      last_input_(opened_),
      idle_since_(opened_),
      timer_(loop.timers(), [this] { OnTimer(); }) {}

UpstreamSession::~UpstreamSession() = default;

void UpstreamSession::Start() {
  StartTimer();
  WaitFor(IoState::kWaitToWrite);
}

void UpstreamSession::OnHandshake() {
  if (!connected_) {
    if (const int error = socket_->ConnectError(); error != 0) {
      Doom(std::strerror(error));
      return;
    }
    connected_ = true;
  }
  if (!Handshake()) return;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMostHeaderBytes}};
  StartSession(Side::kClient, settings, options_.connection_window);
}

void UpstreamSession::OnHandshakeFailed(HandshakeFailure failure) {
  Doom(failure == HandshakeFailure::kTls ? absl::StrCat("TLS: ", socket_->TlsError())
                                         : "the service does not speak HTTP/2");
}

void UpstreamSession::OnInput(const uint8_t* data, size_t size) {
  last_input_ = loop_.now();
  pinged_ = false;
  Feed(data, size);
}

UpstreamSession::Stream* UpstreamSession::Find(int32_t id) const {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

void UpstreamSession::Open(UpstreamCall& call) {
  streams_.emplace_front(*this, call);
  Stream& stream = streams_.front();
  stream.self = streams_.begin();
  HeaderVector header;
  call.FillRequest(&header);
  stream.body.source = &call.request_body();
  const nghttp2_data_provider provider = Provide(stream.body);
  stream.id = nghttp2_submit_request(session_.get(), nullptr, header.data(), header.size(),
                                     call.has_body() ? &provider : nullptr, &stream);
  if (stream.id < 0) {
    streams_.pop_front();
    BeginLeaving();
    call.OnFailure(
        {.unprocessed = true, .status = StatusOfReset(NGHTTP2_REFUSED_STREAM, options_.service)});
    return;
  }
  ++stream_count_;
  if (stream.id >= kLastStream) Leave();
  Wake();
  call.OnStream(stream);
}

void UpstreamSession::Remove(Stream& stream) {
  streams_.erase(stream.self);
  --stream_count_;
}

void UpstreamSession::OnSettings() {
  if (std::exchange(settled_, true)) {
    if (HasRoom()) options_.on_room(*this);
  } else if (most_streams_ >= kEnoughStreams) {
    Open(health_);
  } else {
    OnHealth(true);
  }
}

void UpstreamSession::OnHealth(bool serving) {
  if (doomed()) return;
  if (serving) {
    if (!std::exchange(ready_, true)) options_.on_ready(*this);
  } else if (ready_) {
    BeginLeaving();
  } else {
    Doom("the service does not serve");
  }
}

void UpstreamSession::EndIfLeft() {
  if (stream_count() > 0) return;
  idle_since_ = loop_.now();
  if (leaving_) Doom("the service has asked to reconnect");
}

void UpstreamSession::BeginLeaving() {
  if (leaving_) return;
  leaving_ = true;
  EndIfLeft();
  options_.on_leaving(*this);
}

void UpstreamSession::Leave() {
  if (open()) {
    BeginLeaving();
  } else {
    Doom("it is not needed any more");
  }
}

void UpstreamSession::OnHeader(const nghttp2_frame& frame, std::string_view name,
                               std::string_view value) {
  if (Stream* stream = Find(frame.hd.stream_id); stream != nullptr) stream->AddHeader(name, value);
}

void UpstreamSession::OnFrame(const nghttp2_frame& frame) {
  const bool ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      if (Stream* stream = Find(frame.hd.stream_id); stream != nullptr) {
        stream->OnHeadersEnd(ended);
      }
      break;
    case NGHTTP2_DATA:
      if (!ended) break;
      if (Stream* stream = Find(frame.hd.stream_id); stream != nullptr) stream->OnBodyEnd();
      break;
    case NGHTTP2_SETTINGS:
      if ((frame.hd.flags & NGHTTP2_FLAG_ACK) != 0) break;
      most_streams_ = nghttp2_session_get_remote_settings(session_.get(),
                                                          NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
      OnSettings();
      break;
    case NGHTTP2_GOAWAY:
      BeginLeaving();
      break;
    default:
      break;
  }
}

void UpstreamSession::OnData(int32_t id, std::string_view bytes) {
  // The window of the connection is shared by the calls of many clients, of which
  // a slow one must not stop the others; the window of its stream does stop it.
  nghttp2_session_consume_connection(session_.get(), bytes.size());
  if (Stream* stream = Find(id); stream != nullptr) stream->OnBody(bytes);
}

void UpstreamSession::OnFrameSent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return;
  if (Stream* stream = Find(frame.hd.stream_id); stream != nullptr) stream->sent = true;
}

void UpstreamSession::OnStreamClose(int32_t id, uint32_t error) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  nghttp2_session_set_stream_user_data(session_.get(), id, nullptr);
  UpstreamCall* call = stream->Release();
  Remove(*stream);
  if (call != nullptr) {
    call->OnFailure({.unprocessed = error == NGHTTP2_REFUSED_STREAM,
                     .status = StatusOfReset(error, options_.service)});
  }
  EndIfLeft();
  if (HasRoom()) options_.on_room(*this);
}

void UpstreamSession::OnWriteStalled(bool stalled) {
  stalled_ = stalled;
  stalled_since_ = loop_.now();
  if (stalled) StartTimer();
}

void UpstreamSession::StartTimer() {
  Clock::time_point next = last_input_ + options_.keepalive_interval;
  if (!ready_) next = std::min(next, opened_ + options_.connect_timeout);
  if (stalled_) next = std::min(next, stalled_since_ + options_.keepalive_timeout);
  if (pinged_) next = pinged_at_ + options_.keepalive_timeout;
  timer_.StartAt(next);
}

void UpstreamSession::OnTimer() {
  const Clock::time_point now = loop_.now();
  if (!ready_ && now >= opened_ + options_.connect_timeout) {
    Doom("it took too long to connect");
  } else if (pinged_ && now >= pinged_at_ + options_.keepalive_timeout) {
    Doom("there was no answer to a ping");
  } else if (stalled_ && now >= stalled_since_ + options_.keepalive_timeout) {
    Doom("the service takes no more bytes");
  }
  if (doomed()) return;
  if (open() && !pinged_ && now >= last_input_ + options_.keepalive_interval) {
    pinged_ = true;
    pinged_at_ = now;
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    Wake();
  }
  StartTimer();
}

void UpstreamSession::OnDown() {
  timer_.Stop();
  // First out of the choice, so that what is tried again goes elsewhere.
  options_.on_down(*this);
  const absl::Status lost =
      api::Error(absl::StatusCode::kUnavailable, "CONNECTION_LOST",
                 absl::StrCat("the connection to the service ", options_.service,
                              " broke during the call; whether it did its work is not known"))
          .With("service", options_.service);
  while (!streams_.empty()) {
    UpstreamCall* call = streams_.front().Release();
    const bool sent = streams_.front().sent;
    streams_.pop_front();
    --stream_count_;
    if (call != nullptr) call->OnFailure({.unprocessed = !sent, .status = lost});
  }
}

}  // namespace caravan::gateway
