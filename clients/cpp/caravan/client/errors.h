// What an error of a call says beside its code and message.
//
// Every error is an absl::Status. Errors of a server carry google.rpc details,
// which these functions read; see docs/contracts.md for what each code asks of
// the caller. Errors of this library have a reason too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace caravan::client {

// The reason in UPPER_SNAKE_CASE, for programs: `ETAG_MISMATCH`. Empty where
// there is none, as in an error of gRPC itself.
std::string ReasonOf(const absl::Status& status);

// A value of the error's metadata, such as `resource`; empty where it is missing.
std::string MetadataOf(const absl::Status& status, const std::string& key);

// A field of the request that is wrong, or a precondition or quota that is not
// met.
struct Violation {
  std::string subject;      // path of the field, or the resource
  std::string description;  // what is wrong with it
};

// The fields that are wrong, each with its path in the request, in order.
std::vector<Violation> FieldViolationsOf(const absl::Status& status);

// The preconditions and quotas that are not met, in order.
std::vector<Violation> OtherViolationsOf(const absl::Status& status);

// How long the server asks to wait before a repeat; nothing where it does not
// ask for one.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

// Whether the connection broke, or the server asks for a repeat: UNAVAILABLE,
// and RESOURCE_EXHAUSTED or ABORTED that say when to repeat. A stale etag is
// ABORTED and does not: the caller has to read again and decide again.
bool IsTransient(const absl::Status& status);

// Whether a stream ended so that it may be taken up again: well, by a transient
// error, or in the middle of a message, which shows as INTERNAL or UNKNOWN.
bool IsBroken(const absl::Status& status);

// All details, as the server sent them.
google::rpc::Status DetailsOf(const absl::Status& status);

// A Status of a call's end, with its details.
absl::Status FromGrpc(const grpc::Status& status);

// An error of the client's own, with a reason.
absl::Status MakeError(absl::StatusCode code, const std::string& reason,
                       const std::string& message);

}  // namespace caravan::client
