// What the settings mean.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/gateway/limits.h"
#include "services/gateway/settings.pb.h"
#include "services/gateway/tls.h"
#include "services/gateway/upstream.h"

namespace caravan::gateway {

struct Options {
  std::vector<Target> listen;
  std::optional<Target> health_listen;
  Limits limits;
  std::vector<UpstreamOptions> upstreams;
  std::string default_service;
  bool insecure = false;
  TlsFiles edge_tls;
  bool upstream_insecure = false;
  TlsFiles upstream_tls;
  int threads = 1;
};

// INVALID_ARGUMENT says which setting is wrong.
absl::StatusOr<Options> ReadOptions(const GatewaySettings& settings);

}  // namespace caravan::gateway
