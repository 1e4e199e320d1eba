// Answers that the gateway gives itself, as gRPC statuses.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "services/gateway/headers.h"

namespace caravan::gateway {

// `grpc-status`, `grpc-message` and `grpc-status-details-bin` of an error, whose
// details always name a reason, and say when to try again where that may help.
void AddStatus(const absl::Status& status, HeaderBlock* trailers);

// The same as the whole of an answer (trailers-only).
HeaderBlock TrailersOnly(const absl::Status& status);

// The status of a call whose stream was reset by the service (the mapping of
// gRPC's HTTP/2 protocol).
absl::Status StatusOfReset(uint32_t http2_error, std::string_view service);

// The value of `grpc-status`; UNKNOWN where it is no number of a code.
int CodeOf(std::string_view grpc_status);

// Percent-encoding of `grpc-message`.
std::string EncodeMessage(std::string_view message);

}  // namespace caravan::gateway
