// Contexts: the servers that a person works with, in
// `~/.config/caravan/config.yaml` or the file that $CARAVANCTL_CONFIG names.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/client/options.h"

namespace caravan::cli {

// Where a server is, and how to prove who we are. Files are PEM, but for the
// token's.
struct Endpoint {
  std::string address = {};      // `host:port` or `unix:/path`
  std::string ca = {};           // file; empty: the system's authorities
  std::string certificate = {};  // file; with `key`: the client's certificate
  std::string key = {};          // file
  std::string server_name = {};  // the name in the server's certificate, where it differs
  std::string token_file = {};   // a bearer token, read anew when it changes
  std::string service = {};      // behind a gateway: those that are meant, `zones,fairs`
  bool insecure = false;         // no TLS; only a unix socket or a loopback address
};

// The file:
//
//   current-context: ministry
//   contexts:
//     ministry:
//       address: caravan.example:8443
//       ca: /etc/caravan/ca.pem
//       certificate: /home/li/li.pem
//       key: /home/li/li.key
//     fair:
//       address: caravan.example:8443
//       token-file: /home/li/.config/caravan/tokens/fair
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
