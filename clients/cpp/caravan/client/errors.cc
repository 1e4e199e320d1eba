#include "caravan/client/errors.h"

#include "absl/strings/cord.h"

namespace caravan::client {
namespace {

// One payload carries all details, in their order.
constexpr char kPayload[] = "type.googleapis.com/google.rpc.Status";

absl::Status FromRpcStatus(const google::rpc::Status& rpc) {
  absl::Status status(static_cast<absl::StatusCode>(rpc.code()), rpc.message());
  if (rpc.details_size() > 0) status.SetPayload(kPayload, absl::Cord(rpc.SerializeAsString()));
  return status;
}

// Calls back with each detail of a type.
template <typename Detail, typename Each>
void ForEach(const absl::Status& status, Each each) {
  const google::rpc::Status rpc = DetailsOf(status);
  Detail detail;
  for (const auto& any : rpc.details()) {
    if (any.Is<Detail>() && any.UnpackTo(&detail)) each(detail);
  }
}

}  // namespace

google::rpc::Status DetailsOf(const absl::Status& status) {
  google::rpc::Status rpc;
  if (const auto payload = status.GetPayload(kPayload)) {
    if (!rpc.ParseFromString(std::string(*payload))) rpc.Clear();
  }
  rpc.set_code(static_cast<int>(status.code()));
  rpc.set_message(std::string(status.message()));
  return rpc;
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status rpc;
  if (!status.error_details().empty() && rpc.ParseFromString(status.error_details()) &&
      rpc.code() == status.error_code()) {
    return FromRpcStatus(rpc);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

absl::Status MakeError(absl::StatusCode code, const std::string& reason,
                       const std::string& message) {
  google::rpc::Status rpc;
  rpc.set_code(static_cast<int>(code));
  rpc.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("caravan");
  rpc.add_details()->PackFrom(info);
  return FromRpcStatus(rpc);
}

std::string ReasonOf(const absl::Status& status) {
  std::string reason;
  ForEach<google::rpc::ErrorInfo>(status, [&](const auto& info) {
    if (reason.empty()) reason = info.reason();
  });
  return reason;
}

std::string MetadataOf(const absl::Status& status, const std::string& key) {
  std::string value;
  ForEach<google::rpc::ErrorInfo>(status, [&](const auto& info) {
    const auto found = info.metadata().find(key);
    if (value.empty() && found != info.metadata().end()) value = found->second;
  });
  return value;
}

std::vector<Violation> FieldViolationsOf(const absl::Status& status) {
  std::vector<Violation> violations;
  ForEach<google::rpc::BadRequest>(status, [&](const auto& bad) {
    for (const auto& v : bad.field_violations()) violations.push_back({v.field(), v.description()});
  });
  return violations;
}

std::vector<Violation> OtherViolationsOf(const absl::Status& status) {
  std::vector<Violation> violations;
  const auto add = [&](const auto& failure) {
    for (const auto& v : failure.violations()) violations.push_back({v.subject(), v.description()});
  };
  ForEach<google::rpc::PreconditionFailure>(status, add);
  ForEach<google::rpc::QuotaFailure>(status, add);
  return violations;
}

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  std::optional<absl::Duration> delay;
  ForEach<google::rpc::RetryInfo>(status, [&](const auto& info) {
    delay =
        absl::Seconds(info.retry_delay().seconds()) + absl::Nanoseconds(info.retry_delay().nanos());
  });
  return delay;
}

bool IsTransient(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
      return true;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return RetryDelayOf(status).has_value();
    default:
      return false;
  }
}

bool IsBroken(const absl::Status& status) {
  const bool of_transport =
      ReasonOf(status).empty() &&
      (status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kUnknown);
  return status.ok() || IsTransient(status) || of_transport;
}

}  // namespace caravan::client
