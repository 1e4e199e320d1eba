// Errors for people and programs: a canonical code, a machine-readable reason,
// and the google.rpc details that say more.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"

namespace caravan::api {

// The domain of every google.rpc.ErrorInfo that Caravan returns.
inline constexpr std::string_view kErrorDomain = "caravan";

// Builds a Status with google.rpc details:
//
//   return Error(absl::StatusCode::kAborted, "ETAG_MISMATCH",
//                "pilotZones/hangzhou has changed since it was read; read it again")
//       .With("resource", name);
class Error {
 public:
  // `reason` is in UPPER_SNAKE_CASE; `message` is a sentence: what is wrong,
  // with which value, what would be right.
  Error(absl::StatusCode code, std::string_view reason, std::string message);

  // Adds metadata to the ErrorInfo.
  Error& With(std::string_view key, std::string_view value);

  // Adds a BadRequest.FieldViolation; `field` is the full path in the request.
  Error& Field(std::string_view field, std::string description);

  // Adds a PreconditionFailure.Violation.
  Error& Precondition(std::string_view type, std::string_view subject, std::string description);

  // Adds a ResourceInfo.
  Error& Resource(std::string_view type, std::string_view name, std::string description = "");

  // Adds a RetryInfo.
  Error& RetryAfter(double seconds);

  // Adds a QuotaFailure.Violation.
  Error& Quota(std::string_view subject, std::string description);

  operator absl::Status() const;  // NOLINT: an Error is returned as a Status

 private:
  google::rpc::Status status_;
};

// The google.rpc.Status (code, message, details) of a Status; details are empty
// where it was not built by Error.
google::rpc::Status ToRpcStatus(const absl::Status& status);

// The reverse, for clients: keeps the details.
absl::Status FromRpcStatus(const google::rpc::Status& status);

// The ErrorInfo.reason of a Status; empty where there is none.
std::string ReasonOf(const absl::Status& status);

// The fields that a Status's BadRequest names, in order.
std::vector<std::string> FieldsOf(const absl::Status& status);

// The same Status with every field of its BadRequest put behind `prefix`, and
// the message with it where it begins with the first field.
absl::Status WithFieldPrefix(const absl::Status& status, std::string_view prefix);

// Collects all violations of a request, to report them together.
class Violations {
 public:
  void Add(std::string field, std::string description);
  // Adds those of a Status, each behind `prefix`. False, and nothing is added,
  // where it is not a collection of violations.
  bool AddAll(const absl::Status& status, std::string_view prefix);

  bool empty() const { return violations_.empty(); }
  size_t size() const { return violations_.size(); }

  // OK, or INVALID_ARGUMENT with a reason and one FieldViolation
  // for each; the message is the first, and how many more there are.
  absl::Status ToStatus(std::string_view reason = "INVALID_FIELDS") const;

 private:
  std::vector<std::pair<std::string, std::string>> violations_;
};

}  // namespace caravan::api
