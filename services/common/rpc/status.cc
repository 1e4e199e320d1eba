#include "services/common/rpc/status.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/api/errors.h"
#include "services/common/telemetry/log.h"

namespace caravan::rpc {

namespace {

constexpr int kRetrySeconds = 1;

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
  return grpc::Status(static_cast<grpc::StatusCode>(answer.code()), answer.message(),
                      answer.SerializeAsString());
}

}  // namespace caravan::rpc
