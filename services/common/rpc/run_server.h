// The server that every service runs in: addresses, TLS, limits, health,
// reflection, metrics and an orderly end.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/channel.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/support/channel_arguments.h"
#include "services/common/settings/settings.pb.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::rpc {

// A service and its contract.
struct HostedService {
  grpc::Service* service = nullptr;
  const google::protobuf::ServiceDescriptor* descriptor = nullptr;
};

struct ServerOptions {
  settings::ServerSettings settings;
  std::vector<HostedService> services = {};

  // Served on the admin address, where there is one; not owned, may be null.
  telemetry::Metrics* metrics = nullptr;

  // Whether the service can do its work (its store answers), for /readyz. Runs
  // on the thread of the admin address, and should take less than a second.
  // Empty: whenever it isn't draining.
  std::function<bool()> ready = {};

  // The hooks do not run where the server did not start.

  // Runs once when the server begins to drain and new calls are still accepted,
  // before the time-out of calls under way begins: ends streams that would last
  // for ever.
  std::function<void()> on_drain = {};

  // Runs once after the last call has ended: closes the store.
  std::function<void()> on_stopped = {};
};

// A server that serves. Destroying it stops it at once.
class Server {
 public:
  // INVALID_ARGUMENT where a setting is wrong; UNAVAILABLE where an address
  // cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);

  virtual ~Server() = default;

  // The addresses in use, as a client dials them: host:port with the port that
  // was bound, or unix:path. As many as in the settings, in their order.
  virtual const std::vector<std::string>& addresses() const = 0;

  // host:port of the health address; empty where there is none.
  virtual std::string health_address() const = 0;

  // host:port of the admin address; empty where there is none.
  virtual std::string admin_address() const = 0;

  // A channel to the server without a connection, for tests.
  virtual std::shared_ptr<grpc::Channel> InProcessChannel(
      const grpc::ChannelArguments& arguments = {}) = 0;

  // Reports NOT_SERVING on health checks and 503 on /readyz, runs `on_drain`,
  // waits for `lame_duck`, then refuses new calls, waits at most `timeout` for
  // those under way, cancels the rest, and runs `on_stopped`. Later calls do
  // nothing. Not to be called by two threads at once.
  virtual void Stop(absl::Duration lame_duck, absl::Duration timeout) = 0;
};

// Runs a server until SIGTERM or SIGINT, then stops it by the times in its
// settings; a second signal ends the process at once. Returns the exit code: 0
// after an orderly end, 1 where the server could not start, which is logged.
int RunServer(ServerOptions options);

}  // namespace caravan::rpc
