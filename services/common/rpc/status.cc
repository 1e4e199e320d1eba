#include "services/common/rpc/status.h"

#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/api/errors.h"
#include "services/common/telemetry/log.h"

namespace caravan::rpc {

namespace {

constexpr int kRetrySeconds = 1;

// The message is in the trailers twice, once with each byte that is not ASCII
// written as three.
constexpr size_t kLongestMessage = 1000;
constexpr size_t kLargestDetails = 4500;
constexpr size_t kTagSize = 1;  // of the fields that hold violations

bool IsOurs(absl::StatusCode code) {
  return code == absl::StatusCode::kInternal || code == absl::StatusCode::kUnknown ||
         code == absl::StatusCode::kDataLoss;
}

bool HasRetryInfo(const google::rpc::Status& status) {
  for (const auto& detail : status.details()) {
    if (detail.Is<google::rpc::RetryInfo>()) return true;
  }
  return false;
}

// Leaves out the last violations of a detail, one at least staying, until
// `excess` bytes are gone.
template <class Detail>
void Shorten(google::protobuf::Any& any, int64_t& excess) {
  Detail detail;
  if (!any.UnpackTo(&detail)) return;
  auto* violations = [&] {
    if constexpr (std::is_same_v<Detail, google::rpc::BadRequest>) {
      return detail.mutable_field_violations();
    } else {
      return detail.mutable_violations();
    }
  }();
  while (excess > 0 && violations->size() > 1) {
    const size_t size = violations->rbegin()->ByteSizeLong();
    excess -= static_cast<int64_t>(
        size + google::protobuf::io::CodedOutputStream::VarintSize64(size) + kTagSize);
    violations->RemoveLast();
  }
  any.PackFrom(detail);
}

void Fit(google::rpc::Status& answer) {
  if (std::string& message = *answer.mutable_message(); message.size() > kLongestMessage) {
    size_t end = kLongestMessage;
    while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
    message = absl::StrCat(message.substr(0, end), "...");
  }
  int64_t excess = static_cast<int64_t>(answer.ByteSizeLong()) - int64_t{kLargestDetails};
  if (excess <= 0) return;
  for (auto& any : *answer.mutable_details()) {
    if (any.Is<google::rpc::BadRequest>()) Shorten<google::rpc::BadRequest>(any, excess);
    if (any.Is<google::rpc::PreconditionFailure>()) {
      Shorten<google::rpc::PreconditionFailure>(any, excess);
    }
  }
  // What is still too large are a few long values; the reason comes first.
  while (answer.ByteSizeLong() > kLargestDetails && answer.details_size() > 1) {
    answer.mutable_details()->RemoveLast();
  }
  google::rpc::ErrorInfo info;
  if (answer.ByteSizeLong() > kLargestDetails && answer.details(0).UnpackTo(&info)) {
    info.clear_metadata();
    answer.mutable_details(0)->PackFrom(info);
  }
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status, std::string_view method,
                          std::string_view trace_id) {
  if (status.ok()) return grpc::Status::OK;
  google::rpc::Status answer;
  if (IsOurs(status.code())) {
    telemetry::Log(telemetry::LogLevel::kError, "A call failed for a reason of ours",
                   {{"method", method}, {"trace_id", trace_id}, {"error", status.ToString()}});
    answer =
        api::ToRpcStatus(api::Error(absl::StatusCode::kInternal, "INTERNAL",
                                    absl::StrCat("the service failed; report trace ", trace_id)));
  } else {
    answer = api::ToRpcStatus(status);
    if (answer.details().empty()) {
      // Codes that no reason says more of (a deadline, a cancellation).
      answer = api::ToRpcStatus(api::Error(status.code(), absl::StatusCodeToString(status.code()),
                                           std::string(status.message())));
    }
    const bool retriable = status.code() == absl::StatusCode::kUnavailable ||
                           status.code() == absl::StatusCode::kResourceExhausted;
    if (retriable && !HasRetryInfo(answer)) {
      google::rpc::RetryInfo retry;
      retry.mutable_retry_delay()->set_seconds(kRetrySeconds);
      answer.add_details()->PackFrom(retry);
    }
  }
  Fit(answer);
  return grpc::Status(static_cast<grpc::StatusCode>(answer.code()), answer.message(),
                      answer.SerializeAsString());
}

absl::Status Gone() { return absl::CancelledError("the caller has gone"); }

absl::Status Busy() {
  return api::Error(absl::StatusCode::kResourceExhausted, "OVERLOADED",
                    "too many calls wait for this service; try again in a second")
      .RetryAfter(kRetrySeconds);
}

absl::Status Draining() {
  return api::Error(absl::StatusCode::kUnavailable, "DRAINING",
                    "this server is stopping; go on with another from where this stream ends")
      .RetryAfter(kRetrySeconds);
}

}  // namespace caravan::rpc
