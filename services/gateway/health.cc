#include "services/gateway/health.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/gateway/grpc_status.h"

namespace caravan::gateway {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr size_t kFramePrefix = 5;  // compressed or not, and the length
constexpr size_t kMostRequestBytes = 4096;

std::string Frame(const std::string& message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string frame;
  for (const uint32_t byte : {uint32_t{0}, size >> 24, size >> 16, size >> 8, size}) {
    frame.push_back(static_cast<char>(byte & 0xff));
  }
  return frame + message;
}

// The only message of a request.
absl::StatusOr<HealthCheckRequest> ParseFrame(std::string_view frame) {
  HealthCheckRequest request;
  if (frame.size() < kFramePrefix || frame[0] != 0 ||
      !request.ParseFromArray(frame.data() + kFramePrefix,
                              static_cast<int>(frame.size() - kFramePrefix))) {
    return api::Error(absl::StatusCode::kInvalidArgument, "MALFORMED_REQUEST",
                      "the request should be one uncompressed HealthCheckRequest");
  }
  return request;
}

std::string FrameOf(HealthCheckResponse::ServingStatus status) {
  HealthCheckResponse response;
  response.set_status(status);
  return Frame(response.SerializeAsString());
}

HeaderBlock ResponseHeader() {
  HeaderBlock header;
  header.Add(":status", "200");
  header.Add("content-type", "application/grpc");
  return header;
}

class Reply final : public BodySource {
 public:
  void OnTaken(size_t) override {}
};

// Collects the request; the rest differs.
class HealthHandler : public StreamHandler {
 public:
  explicit HealthHandler(ServerStream& stream) : stream_(stream) {}

  void OnRequest(bool ended) override {
    if (ended) OnBodyEnd();
  }
  void OnBody(std::string_view bytes) override {
    stream_.Consume(bytes.size());
    if (request_.size() + bytes.size() > kMostRequestBytes) {
      Fail(api::Error(absl::StatusCode::kInvalidArgument, "REQUEST_TOO_LARGE",
                      absl::StrCat("a health check has at most ", kMostRequestBytes, " bytes")));
      return;
    }
    request_.append(bytes);
  }
  void OnBodyEnd() override {
    if (answered_) return;
    const auto request = ParseFrame(request_);
    if (request.ok()) {
      OnMessage(*request);
    } else {
      Fail(request.status());
    }
  }
  void OnShutdown() override {
    Fail(api::Error(absl::StatusCode::kUnavailable, "GATEWAY_ENDS", "the gateway ends"));
  }

 protected:
  virtual void OnMessage(const HealthCheckRequest& request) = 0;

  void Begin() {
    answered_ = true;
    stream_.Respond(ResponseHeader(), &reply_);
  }
  void Send(const std::string& frame) {
    reply_.body().Append(frame);
    stream_.Resume();
  }
  void End(const absl::Status& status) {
    if (reply_.body().ended()) return;
    HeaderBlock trailers;
    AddStatus(status, &trailers);
    reply_.body().EndWith(std::move(trailers));
    stream_.Resume();
  }
  void Fail(const absl::Status& status) {
    if (answered_) {
      End(status);
      return;
    }
    answered_ = true;
    reply_.body().End();
    stream_.Respond(TrailersOnly(status), nullptr);
  }

 private:
  ServerStream& stream_;
  std::string request_;
  bool answered_ = false;
  Reply reply_;
};

class HealthCheck final : public HealthHandler {
 public:
  HealthCheck(ServerStream& stream, ServingState& state) : HealthHandler(stream), state_(state) {}

 private:
  void OnMessage(const HealthCheckRequest& request) override {
    if (!request.service().empty()) {
      Fail(api::Error(
          absl::StatusCode::kNotFound, "UNKNOWN_SERVICE",
          absl::StrCat("the gateway tells of no health of ", api::Quoted(request.service()),
                       "; an empty service is the gateway")));
      return;
    }
    Begin();
    Send(FrameOf(state_.serving() ? HealthCheckResponse::SERVING
                                  : HealthCheckResponse::NOT_SERVING));
    End(absl::OkStatus());
  }

  ServingState& state_;
};

class UnknownMethod final : public HealthHandler {
 public:
  using HealthHandler::HealthHandler;
  void OnRequest(bool) override {
    Fail(api::Error(absl::StatusCode::kUnimplemented, "UNKNOWN_METHOD",
                    "grpc.health.v1.Health has the methods Check and Watch"));
  }

 private:
  void OnMessage(const HealthCheckRequest&) override {}
};

}  // namespace

class HealthWatch final : public HealthHandler {
 public:
  HealthWatch(ServerStream& stream, ServingState& state) : HealthHandler(stream), state_(state) {}
  ~HealthWatch() override {
    if (watches_) state_.watchers_.erase(place_);
  }

 private:
  void OnMessage(const HealthCheckRequest& request) override {
    Begin();
    if (!request.service().empty()) {
      Send(FrameOf(HealthCheckResponse::SERVICE_UNKNOWN));
      return;
    }
    Tell();
    state_.watchers_.push_front([this] { Tell(); });
    place_ = state_.watchers_.begin();
    watches_ = true;
  }
  void Tell() {
    Send(FrameOf(state_.serving() ? HealthCheckResponse::SERVING
                                  : HealthCheckResponse::NOT_SERVING));
  }

  ServingState& state_;
  bool watches_ = false;
  std::list<std::function<void()>>::iterator place_;
};

void ServingState::StopServing() {
  serving_ = false;
  for (const auto& watcher : watchers_) watcher();
}

std::unique_ptr<StreamHandler> MakeHealthHandler(ServerStream& stream, ServingState& state,
                                                 std::string_view method) {
  if (method == "Check") return std::make_unique<HealthCheck>(stream, state);
  if (method == "Watch") return std::make_unique<HealthWatch>(stream, state);
  return std::make_unique<UnknownMethod>(stream);
}

}  // namespace caravan::gateway
