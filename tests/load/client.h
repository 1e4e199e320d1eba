// A client that keeps a number of calls outstanding: the same for every server
// that is measured.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "grpcpp/channel.h"

namespace caravan::load {

// Where a server is. Files are PEM; without them there is no TLS.
struct Endpoint {
  std::string address;  // host:port or unix:path
  std::string ca;
  std::string certificate;
  std::string key;
  // Sent as caravan-principal where there is no TLS.
  std::string principal;
  // A bearer token, with TLS but without a certificate of the client.
  std::string token;
};

// A channel with a connection of its own, for CallAndWait().
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const Endpoint& endpoint);

// One call that waits for its answer.
absl::Status CallAndWait(const std::shared_ptr<grpc::Channel>& channel, const Endpoint& endpoint,
                         const std::string& method, const google::protobuf::MessageLite& request,
                         google::protobuf::MessageLite* response);

// What is asked. Slots are numbered from 0; each has one call outstanding. All
// functions are called on one thread.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual const std::string& method() const = 0;
  // The bytes of the next request.
  virtual std::string Next(int slot) = 0;
  // What came of the slot's call; an error of the answer counts as one.
  virtual absl::Status Took(int slot, std::string_view response) = 0;
};

struct LoadOptions {
  int outstanding = 64;
  int connections = 1;  // which the slots share in turn
  absl::Duration warm_up = absl::Seconds(1);
  absl::Duration duration = absl::Seconds(5);
  // Ends as well when so many calls have been made, warm-up included; 0: no
  // bound.
  int64_t calls = 0;
  // Whose CPU time is measured; 0: nobody's.
  int server_pid = 0;
};

// All but `errors` and `first_error` is of the time after the warm-up.
struct LoadResult {
  int64_t calls = 0;
  int64_t errors = 0;
  std::string first_error;
  absl::Duration elapsed;
  absl::Duration p50;
  absl::Duration p99;
  absl::Duration server_cpu;
  absl::Duration client_cpu;
  int64_t request_bytes = 0;  // of the last call
  int64_t response_bytes = 0;
};

// Calls over and over, on one thread. An error of a call counts, and the slot goes
// on. The machine is shared with what is measured, so it speaks HTTP/2 by itself (as
// the gateway does with the services), for a fraction of what gRPC's client takes.
// An error: there is no connection.
absl::StatusOr<LoadResult> Run(const Endpoint& endpoint, Workload& workload,
                               const LoadOptions& options);

}  // namespace caravan::load
