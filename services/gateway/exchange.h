// A gRPC call on its way through the gateway: the client's stream coupled with
// the service's.
#pragma once

#include <memory>
#include <string>

#include "services/gateway/authenticator.h"
#include "services/gateway/call_recorder.h"
#include "services/gateway/limits.h"
#include "services/gateway/router.h"
#include "services/gateway/stream_handler.h"
#include "services/gateway/timer_wheel.h"
#include "services/gateway/upstream_call.h"

namespace caravan::gateway {

// What calls need; outlives them.
struct CallContext {
  const Limits& limits;
  const Router& router;
  Authenticator& authenticator;
  CallRecorder& recorder;
};

// Passes frames on without looking at messages. What one side sends is held until
// the other takes it, and only then may the first send more: no more than a window
// of each stream is ever held. A request that the service has certainly not begun
// with is sent again, elsewhere if possible, while it is held whole.
class Exchange final : public StreamHandler, private UpstreamCall {
 public:
  Exchange(ServerStream& stream, const CallContext& context);
  ~Exchange() override;

  // As handler of the client's stream.
  void OnRequest(bool ended) override;
  void OnBody(std::string_view bytes) override;
  void OnBodyEnd() override;
  void OnShutdown() override;

 private:
  // A direction, which tells the exchange when bytes were taken.
  class Direction final : public BodySource {
   public:
    Direction(Exchange& exchange, void (Exchange::*taken)(size_t))
        : exchange_(exchange), taken_(taken) {}
    void OnTaken(size_t bytes) override { (exchange_.*taken_)(bytes); }

   private:
    Exchange& exchange_;
    void (Exchange::*const taken_)(size_t);
  };

  // As call of the service.
  void FillRequest(HeaderVector* header) override;
  BodySource& request_body() override { return request_; }
  bool has_body() override;
  void OnStream(UpstreamStream& stream) override { upstream_stream_ = &stream; }
  void OnResponseHeader(HeaderBlock header, bool ended) override;
  void OnResponseBody(std::string_view bytes) override;
  void OnResponseTrailers(HeaderBlock trailers) override;
  void OnResponseEnd() override;
  void OnFailure(const StreamFailure& failure) override;

  // Reads the request's header, and finds out who calls, and which service.
  absl::Status Prepare();
  void OnRequestTaken(size_t bytes);
  void OnResponseTaken(size_t bytes);
  void Append(BodySource& direction, std::string_view bytes);
  void Discard(BodySource& direction);
  // Answers with a status of the gateway, and lets go of the service.
  void Fail(const absl::Status& status);
  // The service has given its whole answer.
  void OnAnswered(std::string_view grpc_status);
  // Wants nothing more from the service.
  void LetGo(uint32_t error);

  ServerStream& stream_;
  const CallContext& context_;
  Loop& loop_;
  const Clock::time_point started_;

  // Views of the request's header.
  std::string_view path_;
  std::string_view timeout_;
  std::string_view traceparent_;
  std::string new_traceparent_;  // where the caller sent none
  std::string rest_of_timeout_;

  std::shared_ptr<const CallerIdentity> identity_;
  telemetry::MethodMetrics* metrics_ = nullptr;
  Upstream* upstream_ = nullptr;
  UpstreamStream* upstream_stream_ = nullptr;
  Direction request_;
  Direction response_;
  int attempts_ = 1;
  size_t taken_before_ = 0;  // by an attempt before this one
  bool answering_ = false;   // the header of the answer is on its way
  bool finished_ = false;    // the whole answer is
  bool by_service_ = false;
  int code_;
  std::string reason_;
  Clock::time_point deadline_ = Clock::time_point::max();
  Timer deadline_timer_;
};

}  // namespace caravan::gateway
