// The one place where an absl::Status becomes a gRPC status.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace caravan::rpc {

// With its details in `grpc-status-details-bin`. An error of ours (INTERNAL,
// UNKNOWN, DATA_LOSS) is logged with `method` and `trace_id`, and told without
// its message. RESOURCE_EXHAUSTED and UNAVAILABLE always say when to try again.
// Clients refuse trailers of more than 8 KiB unless told otherwise: of more
// violations than fit, the first are named, and the message says how many there
// are.
grpc::Status ToGrpcStatus(const absl::Status& status, std::string_view method,
                          std::string_view trace_id);

// How the runtime ends calls: the caller has gone; too many calls wait; the server
// is being stopped, and another will go on.
absl::Status Gone();
absl::Status Busy();
absl::Status Draining();

}  // namespace caravan::rpc
