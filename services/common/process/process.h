// What every program that serves does by its ProcessSettings, whatever it
// serves: what it logs, its admin port, and where it says its addresses.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/settings/settings.pb.h"
#include "services/common/telemetry/admin_server.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::process {

// From here on, what the settings ask for is logged, of this whole process.
void ApplyLogLevel(const settings::ProcessSettings& settings);

// Serves /healthz, /readyz and, unless `metrics` is null, /metrics on
// admin_listen; null where that is empty. `why_not_ready` is a word or two with
// which /readyz answers 503, or empty where the process is ready; it runs on the
// thread of the admin port. INVALID_ARGUMENT or UNAVAILABLE as of AdminServer.
absl::StatusOr<std::unique_ptr<telemetry::AdminServer>> StartAdmin(
    const settings::ProcessSettings& settings, std::function<std::string_view()> why_not_ready,
    const telemetry::Metrics* metrics);

// The addresses in use, host:port or unix:path; empty where there is none.
struct Addresses {
  std::vector<std::string> listen;
  std::string admin;
  std::string health;
};

// Writes {"listen":["127.0.0.1:1234"],"admin":"127.0.0.1:1235","health":""} to
// ports_file, which is complete once it is there; nothing where that is empty.
absl::Status WritePortsFile(const settings::ProcessSettings& settings, const Addresses& addresses);

}  // namespace caravan::process
