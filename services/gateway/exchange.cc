#include "services/gateway/exchange.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/common/telemetry/trace.h"
#include "services/gateway/grpc_status.h"
#include "services/gateway/grpc_timeout.h"

namespace caravan::gateway {
namespace {

// Requests up to this size can be sent again.
constexpr size_t kKeptBytes = 64 * 1024;
constexpr int kMostAttempts = 3;
// A deadline is passed on as it came, which costs less, unless so much of it has
// passed here.
constexpr Clock::duration kNegligible = std::chrono::milliseconds(1);

// Fields of a request that end here. The identity that services believe is the
// one that the gateway adds.
bool EndsHere(std::string_view name) {
  switch (name.size()) {
    case 11:
      return name == "traceparent";  // passed on apart
    case 12:
      return name == "grpc-timeout";  // passed on apart
    case 13:
      return name == "authorization";
    case 16:
      return name == "caravan-identity";
    case 17:
      return name == identity::kInsecurePrincipalMetadata;
    default:
      return name.starts_with(':');
  }
}

}  // namespace

Exchange::Exchange(ServerStream& stream, const CallContext& context)
    : stream_(stream),
      context_(context),
      loop_(stream.loop()),
      started_(loop_.now()),
      request_(*this, &Exchange::OnRequestTaken),
      response_(*this, &Exchange::OnResponseTaken),
      code_(static_cast<int>(absl::StatusCode::kCancelled)),
      deadline_timer_(loop_.timers(), [this] {
        Fail(api::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                        "the call took longer than its deadline allows"));
      }) {
  ++loop_.calls;
}

Exchange::~Exchange() {
  LetGo(NGHTTP2_CANCEL);
  loop_.buffered_bytes -=
      static_cast<int64_t>(request_.body().available() + response_.body().available());
  --loop_.calls;
  CallRecord record;
  record.path = path_;
  record.metrics = metrics_;
  record.code = code_;
  record.latency = loop_.now() - started_;
  record.answered_by_service = by_service_;
  if (upstream_ != nullptr) record.service = upstream_->service();
  record.reason = reason_;
  if (identity_ != nullptr) record.principal = identity_->principal.name;
  record.client = stream_.client().address;
  record.traceparent = traceparent_;
  context_.recorder.Finished(record, loop_.now());
}

void Exchange::OnRequest(bool ended) {
  path_ = stream_.request().Find(":path").value_or("");
  metrics_ = context_.recorder.Started(path_);
  if (absl::Status status = Prepare(); !status.ok()) {
    Fail(status);
    return;
  }
  request_.body().Keep();
  if (ended) request_.body().End();
  if (deadline_ != Clock::time_point::max()) deadline_timer_.StartAt(deadline_);
  upstream_->Submit(*this);
}

absl::Status Exchange::Prepare() {
  if (loop_.calls > context_.limits.calls ||
      loop_.buffered_bytes > context_.limits.buffered_bytes) {
    return api::Error(absl::StatusCode::kResourceExhausted, "GATEWAY_OVERLOADED",
                      "the gateway has as many calls as it takes; try again later");
  }
  Credentials credentials;
  credentials.spiffe_id = stream_.client().spiffe_id;
  std::string_view service;
  const HeaderBlock& header = stream_.request();
  for (size_t i = 0; i < header.size(); ++i) {
    const auto [name, value] = header[i];
    if (name == "authorization") {
      if (!credentials.authorization.empty()) {
        return api::Error(absl::StatusCode::kUnauthenticated, "SEVERAL_CREDENTIALS",
                          "the metadata authorization is given more than once");
      }
      credentials.authorization = value;
    } else if (name == kServiceMetadata) {
      service = value;
    } else if (name == identity::kInsecurePrincipalMetadata) {
      credentials.claimed_principal = value;
    } else if (name == "grpc-timeout") {
      timeout_ = value;
    } else if (name == "traceparent") {
      traceparent_ = value;
    }
  }
  if (!timeout_.empty()) {
    const auto timeout = ParseGrpcTimeout(timeout_);
    if (!timeout) {
      return api::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_TIMEOUT",
                        absl::StrCat("grpc-timeout is ", api::Quoted(timeout_),
                                     "; it should be 1 to 8 digits and one of H, M, S, m, u, n"));
    }
    deadline_ = started_ + *timeout;
  }
  if (traceparent_.empty()) {
    new_traceparent_ = telemetry::TraceContext::New().ToTraceparent();
    traceparent_ = new_traceparent_;
  }
  const auto path = ParsePath(path_);
  if (!path.ok()) return path.status();
  const auto upstream = context_.router.Find(*path, service);
  if (!upstream.ok()) return upstream.status();
  upstream_ = *upstream;
  auto identity = context_.authenticator.Authenticate(credentials, upstream_->service());
  if (!identity.ok()) return identity.status();
  identity_ = *std::move(identity);
  return absl::OkStatus();
}

void Exchange::OnBody(std::string_view bytes) {
  if (finished_) {  // nobody wants it
    stream_.Consume(bytes.size());
    return;
  }
  BodyQueue& body = request_.body();
  if (body.keeps() && body.held() + bytes.size() > kKeptBytes) body.Release();
  Append(request_, bytes);
  if (upstream_stream_ != nullptr) upstream_stream_->Resume();
}

void Exchange::OnBodyEnd() {
  request_.body().End();
  if (upstream_stream_ != nullptr) upstream_stream_->Resume();
}

void Exchange::OnShutdown() {
  Fail(api::Error(absl::StatusCode::kUnavailable, "GATEWAY_ENDS",
                  "the gateway ends and cannot wait for the call; try again"));
}

void Exchange::FillRequest(HeaderVector* fields) {
  fields->Add(":method", "POST");
  fields->Add(":scheme", upstream_->secure() ? "https" : "http");
  fields->Add(":path", path_);
  fields->Add(":authority", upstream_->service());
  if (!timeout_.empty()) {
    if (loop_.now() - started_ >= kNegligible) {
      // `fields` holds views only: the new text lives as long as the call.
      rest_of_timeout_ = FormatGrpcTimeout(deadline_ - loop_.now());
      fields->Add("grpc-timeout", rest_of_timeout_);
    } else {
      fields->Add("grpc-timeout", timeout_);
    }
  }
  fields->Add("traceparent", traceparent_);
  fields->Add(identity_->metadata_name, identity_->metadata_value);
  const HeaderBlock& header = stream_.request();
  for (size_t i = 0; i < header.size(); ++i) {
    const auto [name, value] = header[i];
    if (!EndsHere(name)) fields->Add(name, value);
  }
}

bool Exchange::has_body() { return !request_.body().ended() || request_.body().available() > 0; }

void Exchange::OnResponseHeader(HeaderBlock header, bool ended) {
  answering_ = true;
  request_.body().Release();
  if (ended) {
    OnAnswered(header.Find("grpc-status").value_or(""));
    stream_.Respond(header, nullptr);
  } else {
    by_service_ = true;
    stream_.Respond(header, &response_);
  }
}

void Exchange::OnResponseBody(std::string_view bytes) {
  Append(response_, bytes);
  stream_.Resume();
}

void Exchange::OnResponseTrailers(HeaderBlock trailers) {
  OnAnswered(trailers.Find("grpc-status").value_or(""));
  response_.body().EndWith(std::move(trailers));
  stream_.Resume();
}

void Exchange::OnResponseEnd() {
  OnAnswered("");
  response_.body().End();
  stream_.Resume();
}

void Exchange::OnAnswered(std::string_view grpc_status) {
  upstream_stream_ = nullptr;
  by_service_ = true;
  finished_ = true;
  code_ = CodeOf(grpc_status);
  deadline_timer_.Stop();
  Discard(request_);
}

void Exchange::OnFailure(const StreamFailure& failure) {
  upstream_stream_ = nullptr;
  if (finished_) return;
  BodyQueue& body = request_.body();
  if (failure.unprocessed && !answering_ && body.keeps() && attempts_ < kMostAttempts) {
    ++attempts_;
    const size_t held = body.available();
    body.Rewind();
    taken_before_ = body.available() - held;
    loop_.buffered_bytes += static_cast<int64_t>(taken_before_);
    upstream_->CountRetry();
    upstream_->Submit(*this);
    return;
  }
  Fail(failure.status);
}

void Exchange::OnRequestTaken(size_t bytes) {
  loop_.buffered_bytes -= static_cast<int64_t>(bytes);
  const size_t again = std::min(bytes, taken_before_);
  taken_before_ -= again;
  if (bytes > again) stream_.Consume(bytes - again);
}

void Exchange::OnResponseTaken(size_t bytes) {
  loop_.buffered_bytes -= static_cast<int64_t>(bytes);
  if (upstream_stream_ != nullptr) upstream_stream_->Consume(bytes);
}

void Exchange::Append(BodySource& direction, std::string_view bytes) {
  direction.body().Append(bytes);
  loop_.buffered_bytes += static_cast<int64_t>(bytes.size());
}

void Exchange::Discard(BodySource& direction) {
  loop_.buffered_bytes -= static_cast<int64_t>(direction.body().available());
  direction.body().Discard();
}

void Exchange::LetGo(uint32_t error) {
  deadline_timer_.Stop();
  if (upstream_stream_ != nullptr) {
    std::exchange(upstream_stream_, nullptr)->Detach(error);
  } else if (upstream_ != nullptr) {
    upstream_->Cancel(*this);
  }
}

void Exchange::Fail(const absl::Status& status) {
  if (finished_) return;
  finished_ = true;
  code_ = static_cast<int>(status.code());
  reason_ = api::ReasonOf(status);
  LetGo(NGHTTP2_CANCEL);
  Discard(request_);
  if (answering_) {
    HeaderBlock trailers;
    AddStatus(status, &trailers);
    response_.body().EndWith(std::move(trailers));
    stream_.Resume();
  } else {
    answering_ = true;
    stream_.Respond(TrailersOnly(status), nullptr);
  }
}

}  // namespace caravan::gateway
