// Contexts: the servers that a person works with, in
// `~/.config/caravan/config.yaml` or the file that $CARAVANCTL_CONFIG names.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/call.h"

namespace caravan::cli {

// The file:
//
//   current-context: ministry
//   contexts:
//     ministry:
//       address: caravan.example:8443
//       ca: /etc/caravan/ca.pem
//       certificate: /home/li/li.pem
//       key: /home/li/li.key
struct Config {
  std::string current_context;
  std::map<std::string, Endpoint> contexts;
};

// A file that does not exist is an empty configuration. INVALID_ARGUMENT where
// it cannot be read, names the key that is wrong.
absl::StatusOr<Config> LoadConfig(const std::string& file);

// Replaces the file as a whole, readable by its owner only.
absl::Status SaveConfig(const std::string& file, const Config& config);

}  // namespace caravan::cli
