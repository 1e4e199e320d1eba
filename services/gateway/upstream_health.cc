#include "services/gateway/upstream_health.h"

#include <cstdint>
#include <utility>

#include "grpc/health/v1/health.pb.h"

namespace caravan::gateway {
namespace {

using grpc::health::v1::HealthCheckResponse;

constexpr size_t kFramePrefix = 5;
constexpr size_t kMostAnswerBytes = 1024;
constexpr std::string_view kUnimplemented = "12";
constexpr std::string_view kEmptyMessage("\0\0\0\0\0", kFramePrefix);

}  // namespace

UpstreamHealth::UpstreamHealth(std::string service, bool secure,
                               std::function<void(bool serving)> tell)
    : service_(std::move(service)), secure_(secure), tell_(std::move(tell)) {
  body().Append(kEmptyMessage);
  body().End();
}

void UpstreamHealth::Stop() {
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->Detach(NGHTTP2_CANCEL);
}

void UpstreamHealth::FillRequest(HeaderVector* header) {
  header->Add(":method", "POST");
  header->Add(":scheme", secure_ ? "https" : "http");
  header->Add(":path", "/grpc.health.v1.Health/Watch");
  header->Add(":authority", service_);
  header->Add("te", "trailers");
  header->Add("content-type", "application/grpc");
}

void UpstreamHealth::OnResponseHeader(HeaderBlock header, bool ended) {
  if (ended) OnResponseTrailers(std::move(header));
}

void UpstreamHealth::OnResponseBody(std::string_view bytes) {
  stream_->Consume(bytes.size());
  answer_.append(bytes);
  while (answer_.size() >= kFramePrefix) {
    uint32_t size = 0;
    for (size_t i = 1; i < kFramePrefix; ++i) {
      size = size << 8 | static_cast<unsigned char>(answer_[i]);
    }
    if (size > kMostAnswerBytes) {
      Stop();
      End(false);
      return;
    }
    if (answer_.size() < kFramePrefix + size) return;
    HealthCheckResponse response;
    const bool parsed =
        response.ParseFromArray(answer_.data() + kFramePrefix, static_cast<int>(size));
    answer_.erase(0, kFramePrefix + size);
    tell_(!parsed || response.status() != HealthCheckResponse::NOT_SERVING);
    if (stream_ == nullptr) return;  // stopped by who was told
  }
}

void UpstreamHealth::OnResponseTrailers(HeaderBlock trailers) {
  End(trailers.Find("grpc-status") == kUnimplemented);
}
void UpstreamHealth::OnResponseEnd() { End(false); }
void UpstreamHealth::OnFailure(const StreamFailure&) { End(false); }

void UpstreamHealth::End(bool serving) {
  stream_ = nullptr;
  tell_(serving);
}

}  // namespace caravan::gateway
