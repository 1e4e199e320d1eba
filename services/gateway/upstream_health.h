// Watches whether a service says that it serves, on one connection.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "services/gateway/upstream_call.h"

namespace caravan::gateway {

// The call of grpc.health.v1.Health/Watch. A service that is asked to stop says so
// there first; calls that it gets after it has begun to refuse them are lost.
class UpstreamHealth final : public UpstreamCall, private BodySource {
 public:
  // `tell` is called for each answer; with true where the service has no health
  // service, and with false when it breaks the watch off, as one that ends does.
  UpstreamHealth(std::string service, bool secure, std::function<void(bool serving)> tell);

  // Whether it has a stream.
  bool watches() const { return stream_ != nullptr; }
  // Gives up its stream.
  void Stop();

 private:
  void FillRequest(HeaderVector* header) override;
  BodySource& request_body() override { return *this; }
  bool has_body() override { return true; }
  void OnStream(UpstreamStream& stream) override { stream_ = &stream; }
  void OnResponseHeader(HeaderBlock header, bool ended) override;
  void OnResponseBody(std::string_view bytes) override;
  void OnResponseTrailers(HeaderBlock trailers) override;
  void OnResponseEnd() override;
  void OnFailure(const StreamFailure& failure) override;
  void OnTaken(size_t) override {}

  void End(bool serving);

  const std::string service_;
  const bool secure_;
  const std::function<void(bool serving)> tell_;
  UpstreamStream* stream_ = nullptr;
  std::string answer_;  // that has come in part
};

}  // namespace caravan::gateway
