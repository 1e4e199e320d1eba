// What caravan-load asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/load/client.h"

namespace caravan::load {

// Loads zones and the enterprises from `begin` to `end`, 1,000 a call. Bounded:
// run with `calls` = FillCalls.
std::unique_ptr<Workload> MakeFill(int64_t begin, int64_t end);
int64_t FillCalls(int64_t begin, int64_t end);
absl::Status LoadZones(const std::shared_ptr<grpc::Channel>& channel, const Endpoint& endpoint);

// Gets enterprises of the first `rows`, at random.
std::unique_ptr<Workload> MakeGet(int64_t rows);

// Updates the display name of `working_set` of the first `rows` enterprises,
// spread evenly, each update with the current etag and a request id of its own.
// Slots have enterprises of their own, so that every update succeeds.
absl::StatusOr<std::unique_ptr<Workload>> MakeUpdate(const std::shared_ptr<grpc::Channel>& channel,
                                                     const Endpoint& endpoint, int64_t rows,
                                                     int64_t working_set, int slots);

// Lists the same page again and again: `skip` matching enterprises lie before
// it.
absl::StatusOr<std::unique_ptr<Workload>> MakeList(const std::shared_ptr<grpc::Channel>& channel,
                                                   const Endpoint& endpoint,
                                                   const std::string& filter, int page_size,
                                                   int64_t skip);

// Sends `request_bytes` to echo-server.
std::unique_ptr<Workload> MakeEcho(int request_bytes);

// Puts values of `value_bytes` under `working_set` keys of an etcd.
std::unique_ptr<Workload> MakeEtcd(int64_t working_set, int value_bytes);

}  // namespace caravan::load
