// The header `grpc-timeout`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace caravan::gateway {

// 1 to 8 digits and a unit (H, M, S, m, u, n); nothing where it is malformed.
// Longer ones than a hundred years are that.
std::optional<std::chrono::nanoseconds> ParseGrpcTimeout(std::string_view text);

// The same, rounded up to 8 digits; at least 1n.
std::string FormatGrpcTimeout(std::chrono::nanoseconds timeout);

}  // namespace caravan::gateway
