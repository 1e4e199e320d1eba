#include "services/common/api/errors.h"

#include <cassert>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/api/text.h"

namespace caravan::api {
namespace {

// One payload carries all details, so that a Status keeps their order.
constexpr char kPayload[] = "type.googleapis.com/google.rpc.Status";

// The first detail of a type.
template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& status) {
  Detail detail;
  for (const auto& any : status.details()) {
    if (any.Is<Detail>() && any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

// Changes the first detail of a type, adding it where there is none.
template <typename Detail, typename Change>
void Edit(google::rpc::Status& status, Change change) {
  Detail detail;
  for (auto& any : *status.mutable_details()) {
    if (any.Is<Detail>() && any.UnpackTo(&detail)) {
      change(detail);
      any.PackFrom(detail);
      return;
    }
  }
  change(detail);
  status.add_details()->PackFrom(detail);
}

std::string Valid(std::string text) {
  return IsValidUtf8(text) ? std::move(text) : ToValidUtf8(text);
}

}  // namespace

// Whatever quotes a caller's bytes is made valid UTF-8: protobuf refuses to
// parse a string that is not.
Error::Error(absl::StatusCode code, std::string_view reason, std::string message) {
  assert(code != absl::StatusCode::kOk);
  status_.set_code(static_cast<int>(code));
  status_.set_message(Valid(std::move(message)));
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  status_.add_details()->PackFrom(info);
}

Error& Error::With(std::string_view key, std::string_view value) {
  Edit<google::rpc::ErrorInfo>(status_, [&](google::rpc::ErrorInfo& info) {
    (*info.mutable_metadata())[std::string(key)] = ToValidUtf8(value);
  });
  return *this;
}

Error& Error::Field(std::string_view field, std::string description) {
  Edit<google::rpc::BadRequest>(status_, [&](google::rpc::BadRequest& bad) {
    auto* violation = bad.add_field_violations();
    violation->set_field(ToValidUtf8(field));
    violation->set_description(Valid(std::move(description)));
  });
  return *this;
}

Error& Error::Precondition(std::string_view type, std::string_view subject,
                           std::string description) {
  Edit<google::rpc::PreconditionFailure>(status_, [&](google::rpc::PreconditionFailure& failure) {
    auto* violation = failure.add_violations();
    violation->set_type(ToValidUtf8(type));
    violation->set_subject(ToValidUtf8(subject));
    violation->set_description(Valid(std::move(description)));
  });
  return *this;
}

Error& Error::Resource(std::string_view type, std::string_view name, std::string description) {
  google::rpc::ResourceInfo info;
  info.set_resource_type(ToValidUtf8(type));
  info.set_resource_name(ToValidUtf8(name));
  info.set_description(Valid(std::move(description)));
  status_.add_details()->PackFrom(info);
  return *this;
}

Error& Error::RetryAfter(double seconds) {
  Edit<google::rpc::RetryInfo>(status_, [&](google::rpc::RetryInfo& info) {
    const double whole = std::floor(seconds);
    info.mutable_retry_delay()->set_seconds(static_cast<int64_t>(whole));
    info.mutable_retry_delay()->set_nanos(static_cast<int32_t>((seconds - whole) * 1e9));
  });
  return *this;
}

Error& Error::Quota(std::string_view subject, std::string description) {
  Edit<google::rpc::QuotaFailure>(status_, [&](google::rpc::QuotaFailure& failure) {
    auto* violation = failure.add_violations();
    violation->set_subject(ToValidUtf8(subject));
    violation->set_description(Valid(std::move(description)));
  });
  return *this;
}

Error::operator absl::Status() const { return FromRpcStatus(status_); }

google::rpc::Status ToRpcStatus(const absl::Status& status) {
  google::rpc::Status result;
  if (const auto payload = status.GetPayload(kPayload)) {
    // A payload that cannot be parsed (made elsewhere) is left out.
    if (!result.ParseFromString(std::string(*payload))) result.Clear();
  }
  result.set_code(static_cast<int>(status.code()));
  result.set_message(ToValidUtf8(std::string(status.message())));
  return result;
}

absl::Status FromRpcStatus(const google::rpc::Status& status) {
  const bool known = status.code() >= static_cast<int>(absl::StatusCode::kOk) &&
                     status.code() <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  absl::Status result(
      known ? static_cast<absl::StatusCode>(status.code()) : absl::StatusCode::kUnknown,
      status.message());
  if (status.details_size() > 0 && !result.ok()) {
    result.SetPayload(kPayload, absl::Cord(status.SerializeAsString()));
  }
  return result;
}

std::string ReasonOf(const absl::Status& status) {
  const auto info = Find<google::rpc::ErrorInfo>(ToRpcStatus(status));
  return info ? info->reason() : "";
}

std::vector<std::string> FieldsOf(const absl::Status& status) {
  std::vector<std::string> fields;
  if (const auto bad = Find<google::rpc::BadRequest>(ToRpcStatus(status))) {
    for (const auto& violation : bad->field_violations()) fields.push_back(violation.field());
  }
  return fields;
}

absl::Status WithFieldPrefix(const absl::Status& status, std::string_view prefix) {
  google::rpc::Status changed = ToRpcStatus(status);
  const std::vector<std::string> fields = FieldsOf(status);
  if (status.ok() || fields.empty()) return status;
  Edit<google::rpc::BadRequest>(changed, [&](google::rpc::BadRequest& bad) {
    for (auto& violation : *bad.mutable_field_violations()) {
      violation.set_field(absl::StrCat(prefix, violation.field()));
    }
  });
  if (changed.message().rfind(fields[0] + ":", 0) == 0) {
    changed.set_message(absl::StrCat(prefix, changed.message()));
  }
  return FromRpcStatus(changed);
}

bool Violations::AddAll(const absl::Status& status, std::string_view prefix) {
  const auto bad = Find<google::rpc::BadRequest>(ToRpcStatus(status));
  if (!bad || status.code() != absl::StatusCode::kInvalidArgument) return false;
  for (const auto& violation : bad->field_violations()) {
    Add(absl::StrCat(prefix, violation.field()), violation.description());
  }
  return true;
}

void Violations::Add(std::string field, std::string description) {
  violations_.emplace_back(std::move(field), std::move(description));
}

absl::Status Violations::ToStatus(std::string_view reason) const {
  if (violations_.empty()) return absl::OkStatus();
  std::string message = absl::StrCat(violations_[0].first, ": ", violations_[0].second);
  if (const size_t more = violations_.size() - 1; more > 0) {
    absl::StrAppend(&message, " (and ", more, " more ", more == 1 ? "violation" : "violations",
                    ")");
  }
  // Packed once: a batch may have thousands.
  google::rpc::BadRequest bad;
  for (const auto& [field, description] : violations_) {
    auto* violation = bad.add_field_violations();
    violation->set_field(ToValidUtf8(field));
    violation->set_description(ToValidUtf8(description));
  }
  google::rpc::Status status =
      ToRpcStatus(Error(absl::StatusCode::kInvalidArgument, reason, std::move(message)));
  status.add_details()->PackFrom(bad);
  return FromRpcStatus(status);
}

}  // namespace caravan::api
