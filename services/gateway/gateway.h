// The gateway: event loops, each with its listeners, its clients and its
// connections to the services.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/telemetry/metrics.h"
#include "services/gateway/authenticator.h"
#include "services/gateway/settings.pb.h"

namespace caravan::gateway {

class Gateway {
 public:
  // INVALID_ARGUMENT where a setting is wrong; UNAVAILABLE where an address cannot
  // be listened on. `metrics` outlives it.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(
      const GatewaySettings& settings, std::unique_ptr<Authenticator> authenticator,
      telemetry::Metrics& metrics);
  virtual ~Gateway() = default;

  // host:port as bound, as many as in the settings, in their order.
  virtual const std::vector<std::string>& addresses() const = 0;
  // host:port of the admin address; empty where there is none.
  virtual std::string admin_address() const = 0;

  // host:port of the health address; empty where there is none.
  virtual const std::string& health_address() const = 0;

  // Reports not to serve, waits for `lame_duck`, then takes no more connections,
  // asks clients to leave, waits at most `timeout` for calls under way, and answers
  // the rest with errors. Later calls do nothing.
  virtual void Stop(absl::Duration lame_duck, absl::Duration timeout) = 0;
};

// Runs a gateway until SIGTERM or SIGINT, then stops it by the times in its
// settings; a second signal ends the process at once. Returns the exit code.
int RunGateway(const GatewaySettings& settings);

}  // namespace caravan::gateway
