#include "services/gateway/grpc_status.h"

#include <nghttp2/nghttp2.h>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "services/common/api/errors.h"

namespace caravan::gateway {
namespace {

constexpr int kRetrySeconds = 1;
constexpr int kUnknown = 2;
constexpr int kMaxCode = 16;

bool HasRetryInfo(const google::rpc::Status& status) {
  for (const auto& detail : status.details()) {
    if (detail.Is<google::rpc::RetryInfo>()) return true;
  }
  return false;
}

google::rpc::Status Complete(const absl::Status& status) {
  google::rpc::Status answer = api::ToRpcStatus(status);
  if (answer.details().empty()) {
    answer = api::ToRpcStatus(api::Error(status.code(), absl::StatusCodeToString(status.code()),
                                         std::string(status.message())));
  }
  if ((absl::IsUnavailable(status) || absl::IsResourceExhausted(status)) && !HasRetryInfo(answer)) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(kRetrySeconds);
    answer.add_details()->PackFrom(retry);
  }
  return answer;
}

std::string WithoutPadding(std::string base64) {
  while (!base64.empty() && base64.back() == '=') base64.pop_back();
  return base64;
}

}  // namespace

std::string EncodeMessage(std::string_view message) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(message.size());
  for (const char c : message) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte <= 0x7e && byte != '%') {
      encoded.push_back(c);
    } else {
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return encoded;
}

void AddStatus(const absl::Status& status, HeaderBlock* trailers) {
  trailers->Add("grpc-status", absl::StrCat(static_cast<int>(status.code())));
  if (status.ok()) return;
  trailers->Add("grpc-message", EncodeMessage(status.message()));
  trailers->Add("grpc-status-details-bin",
                WithoutPadding(absl::Base64Escape(Complete(status).SerializeAsString())));
}

HeaderBlock TrailersOnly(const absl::Status& status) {
  HeaderBlock headers;
  headers.Add(":status", "200");
  headers.Add("content-type", "application/grpc");
  AddStatus(status, &headers);
  return headers;
}

absl::Status StatusOfReset(uint32_t http2_error, std::string_view service) {
  const auto error = [&](absl::StatusCode code, std::string_view reason, std::string_view what) {
    return api::Error(code, reason, absl::StrCat("the service ", service, " ", what))
        .With("service", service)
        .With("http2_error", nghttp2_http2_strerror(http2_error));
  };
  switch (http2_error) {
    case NGHTTP2_CANCEL:
      return error(absl::StatusCode::kCancelled, "CANCELLED_BY_SERVICE", "has cancelled the call");
    case NGHTTP2_REFUSED_STREAM:
      return error(absl::StatusCode::kUnavailable, "CALL_REFUSED",
                   "has refused the call without looking at it; try again");
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return error(absl::StatusCode::kResourceExhausted, "SERVICE_OVERLOADED",
                   "has too much to do; try again later");
    default:
      return error(absl::StatusCode::kUnavailable, "CALL_INTERRUPTED",
                   "has ended the call without an answer; whether it did its work is not known");
  }
}

int CodeOf(std::string_view grpc_status) {
  int code = kUnknown;
  if (!absl::SimpleAtoi(grpc_status, &code) || code < 0 || code > kMaxCode) return kUnknown;
  return code;
}

}  // namespace caravan::gateway
