#include "services/gateway/server_session.h"

#include <algorithm>
#include <utility>

#include "services/gateway/tls.h"

namespace caravan::gateway {
namespace {

// Streams that a client opens before it has heard of the GOAWAY are still served.
constexpr Clock::duration kGoAwayNotice = std::chrono::seconds(1);
constexpr size_t kMostContentType = 100;

}  // namespace

class ServerSession::Stream final : public ServerStream {
 public:
  Stream(ServerSession& session, int32_t id) : session_(session), id_(id) {}

  const HeaderBlock& request() const override { return request_; }
  const ClientConnection& client() const override { return session_.client_; }
  Loop& loop() override { return session_.loop_; }

  void Respond(const HeaderBlock& header, BodySource* source) override {
    HeaderVector fields;
    fields.Add(header);
    nghttp2_data_provider provider{};
    if (source != nullptr) {
      body_.source = source;
      provider = Provide(body_);
    }
    if (nghttp2_submit_response(session_.session_.get(), id_, fields.data(), fields.size(),
                                source == nullptr ? nullptr : &provider) != 0) {
      Reset(NGHTTP2_INTERNAL_ERROR);
    }
    session_.Wake();
  }

  void Resume() override {
    nghttp2_session_resume_data(session_.session_.get(), id_);
    session_.Wake();
  }

  void Consume(size_t bytes) override {
    unconsumed_ -= std::min(bytes, unconsumed_);
    nghttp2_session_consume(session_.session_.get(), id_, bytes);
    session_.Wake();
  }

  void Reset(uint32_t error) override {
    nghttp2_submit_rst_stream(session_.session_.get(), NGHTTP2_FLAG_NONE, id_, error);
    session_.Wake();
  }

  void AddHeader(std::string_view name, std::string_view value) {
    const Limits& limits = session_.limits_;
    if (too_large_ || request_.size() >= limits.header_count ||
        request_.ListSize() + name.size() + value.size() + 32 > limits.header_bytes) {
      too_large_ = true;
      // Decides how to say so.
      if (name == "content-type" && value.size() < kMostContentType) request_.Add(name, value);
      return;
    }
    request_.Add(name, value);
  }

  void Begin(bool ended) {
    StreamHandlers& handlers = *session_.options_.handlers;
    handler_ = too_large_ ? handlers.MakeForTooLarge(*this) : handlers.Make(*this);
    handler_->OnRequest(ended);
  }

  void OnBody(std::string_view bytes) {
    unconsumed_ += bytes.size();
    if (handler_ != nullptr) handler_->OnBody(bytes);
  }
  void OnBodyEnd() {
    if (handler_ != nullptr) handler_->OnBodyEnd();
  }
  void OnShutdown() {
    if (handler_ != nullptr) handler_->OnShutdown();
  }

  // The handler may use the stream while it goes.
  void End() { handler_.reset(); }

  size_t unconsumed() const { return unconsumed_; }
  bool answered() const { return answered_; }
  void set_answered() { answered_ = true; }

  std::list<Stream>::iterator self;  // in the session's list

 private:
  ServerSession& session_;
  const int32_t id_;
  HeaderBlock request_;
  bool too_large_ = false;
  bool answered_ = false;
  size_t unconsumed_ = 0;
  OutgoingBody body_;
  std::unique_ptr<StreamHandler> handler_;
};

ServerSession::ServerSession(Loop& loop, std::unique_ptr<Socket> socket, ClientConnection client,
                             Options options)
    : Http2Connection(loop, std::move(socket)),
      client_(std::move(client)),
      options_(std::move(options)),
      limits_(*options_.limits),
      filter_(TokenBucket(limits_.control_frames_per_second,
                          limits_.control_frames_per_second * kBurstSeconds, loop.now())),
      resets_(limits_.resets_per_second, limits_.resets_per_second * kBurstSeconds, loop.now()),
      opened_(loop.now()),
      idle_since_(opened_),
      last_input_(opened_),
      timer_(loop.timers(), [this] { OnTimer(); }) {}

ServerSession::~ServerSession() = default;

void ServerSession::Start() {
  StartTimer();
  OnHandshake();
}

void ServerSession::OnHandshake() {
  if (!Handshake()) return;
  if (SSL* ssl = socket_->ssl(); ssl != nullptr) client_.spiffe_id = SpiffeIdOf(ssl);
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(limits_.header_bytes)},
      // Streams share the connection evenly, whatever the client says.
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  StartSession(Side::kServer, settings, limits_.connection_window);
}

void ServerSession::OnHandshakeFailed(HandshakeFailure failure) {
  Doom(failure == HandshakeFailure::kTls ? "tls_failed" : "no_http2");
}

void ServerSession::OnInput(const uint8_t* data, size_t size) {
  last_input_ = loop_.now();
  pinged_ = false;
  filter_.Feed(data, size, loop_.now(),
               [this](const uint8_t* part, size_t part_size) { return Feed(part, part_size); });
  if (filter_.flooded()) EnhanceYourCalm("control_flood");
  if (in_headers_) StartTimer();
}

void ServerSession::EnhanceYourCalm(std::string_view why) {
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  Doom(why);
}

ServerSession::Stream* ServerSession::Find(int32_t id) const {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), id));
}

void ServerSession::OnBeginHeaders(const nghttp2_frame& frame) {
  in_headers_ = true;
  headers_since_ = loop_.now();
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  const int32_t id = frame.hd.stream_id;
  streams_.emplace_front(*this, id);
  streams_.front().self = streams_.begin();
  nghttp2_session_set_stream_user_data(session_.get(), id, &streams_.front());
}

void ServerSession::OnHeader(const nghttp2_frame& frame, std::string_view name,
                             std::string_view value) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;  // gRPC knows no request trailers
  if (Stream* stream = Find(frame.hd.stream_id); stream != nullptr) stream->AddHeader(name, value);
}

void ServerSession::OnFrame(const nghttp2_frame& frame) {
  const bool ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: {
      in_headers_ = false;
      Stream* stream = Find(frame.hd.stream_id);
      if (stream == nullptr) break;
      if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
        const nghttp2_extpri evenly = {.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
        nghttp2_session_change_extpri_stream_priority(session_.get(), frame.hd.stream_id, &evenly,
                                                      1);
        stream->Begin(ended);
      } else if (ended) {
        stream->OnBodyEnd();
      }
      break;
    }
    case NGHTTP2_DATA:
      if (!ended) break;
      if (Stream* stream = Find(frame.hd.stream_id); stream != nullptr) stream->OnBodyEnd();
      break;
    case NGHTTP2_RST_STREAM: {
      const Stream* stream = Find(frame.hd.stream_id);
      if (stream != nullptr && !stream->answered() && !resets_.Take(loop_.now())) {
        EnhanceYourCalm("rapid_reset");
      }
      break;
    }
    case NGHTTP2_SETTINGS:
      greeted_ = true;
      break;
    default:
      break;
  }
}

void ServerSession::OnData(int32_t id, std::string_view bytes) {
  if (Stream* stream = Find(id); stream != nullptr) {
    stream->OnBody(bytes);
  } else {
    nghttp2_session_consume_connection(session_.get(), bytes.size());
  }
}

void ServerSession::OnFrameSent(const nghttp2_frame& frame) {
  const bool closes = (frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA) &&
                      (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (!closes) return;
  const int32_t id = frame.hd.stream_id;
  if (Stream* stream = Find(id); stream != nullptr) stream->set_answered();
  // What the client may still send is wanted by nobody.
  if (nghttp2_session_get_stream_remote_close(session_.get(), id) == 0) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
}

void ServerSession::OnStreamClose(int32_t id, uint32_t) {
  Stream* stream = Find(id);
  if (stream == nullptr) return;
  nghttp2_session_set_stream_user_data(session_.get(), id, nullptr);
  stream->End();
  if (stream->unconsumed() > 0) {
    nghttp2_session_consume_connection(session_.get(), stream->unconsumed());
  }
  streams_.erase(stream->self);
  if (streams_.empty()) idle_since_ = loop_.now();
}

void ServerSession::Drain() {
  if (draining_) return;
  draining_ = true;
  drained_at_ = loop_.now() + kGoAwayNotice;
  if (!open()) {
    Doom("drained");
    return;
  }
  nghttp2_submit_shutdown_notice(session_.get());
  Wake();
  StartTimer();
}

void ServerSession::EndStreams() {
  for (Stream& stream : streams_) stream.OnShutdown();
  if (!open()) return;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  Wake();
}

void ServerSession::OnWriteStalled(bool stalled) {
  stalled_ = stalled;
  stalled_since_ = loop_.now();
  if (stalled) StartTimer();
}

void ServerSession::StartTimer() {
  Clock::time_point next = last_input_ + limits_.keepalive_interval;
  if (!greeted_) next = std::min(next, opened_ + limits_.handshake_timeout);
  if (in_headers_) next = std::min(next, headers_since_ + limits_.header_timeout);
  if (stalled_) next = std::min(next, stalled_since_ + limits_.write_timeout);
  if (pinged_) next = pinged_at_ + limits_.keepalive_timeout;
  if (streams_.empty() && !draining_) {
    next = std::min(next, idle_since_ + limits_.idle_timeout);
  }
  if (draining_ && !gone_away_) next = std::min(next, drained_at_);
  timer_.StartAt(next);
}

void ServerSession::OnTimer() {
  const Clock::time_point now = loop_.now();
  if (!greeted_ && now >= opened_ + limits_.handshake_timeout) {
    Doom("slow_handshake");
  } else if (in_headers_ && now >= headers_since_ + limits_.header_timeout) {
    EnhanceYourCalm("slow_header");
  } else if (stalled_ && now >= stalled_since_ + limits_.write_timeout) {
    Doom("write_stalled");
  } else if (pinged_ && now >= pinged_at_ + limits_.keepalive_timeout) {
    Doom("no_answer_to_ping");
  } else if (open() && streams_.empty() && !draining_ &&
             now >= idle_since_ + limits_.idle_timeout) {
    Drain();
  }
  if (doomed()) return;
  if (draining_ && !gone_away_ && now >= drained_at_) {
    gone_away_ = true;
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                          nullptr, 0);
    Wake();
  }
  if (open() && !pinged_ && now >= last_input_ + limits_.keepalive_interval) {
    pinged_ = true;
    pinged_at_ = now;
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
    Wake();
  }
  StartTimer();
}

void ServerSession::OnDown() {
  timer_.Stop();
  while (!streams_.empty()) {
    Stream& stream = streams_.front();
    stream.End();
    streams_.pop_front();
  }
  options_.on_down(*this);
}

}  // namespace caravan::gateway
