// What every service's program does: opens its store, binds its methods, serves
// them with the change feed, and ends in order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/operations/operations.h"
#include "services/common/peers/peers.h"
#include "services/common/resources/registry.h"
#include "services/common/rpc/run_server.h"
#include "services/common/rpc/service.h"
#include "services/common/settings/settings.pb.h"
#include "services/common/store/store.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::host {

// What handlers may use; all outlive them.
struct Dependencies {
  const resources::Registry& registry;
  store::Store& store;
  // Kinds are registered where the services are made.
  operations::Operations& operations;
  std::function<absl::Time()> clock;
  // The other services that the definition names.
  const peers::Peers& peers;
  // For services with a second store of their own.
  const settings::ServerSettings& settings;
  // For figures beyond those of the methods.
  telemetry::Metrics& metrics;
};

// A service: the one thing that its main.cc and its tests hand over.
struct ServiceDefinition {
  std::string name;         // zones: of permissions, and of the program caravan-zones
  std::string description;  // for --help
  // Registers the collections.
  std::function<void(resources::Registry& registry)> collections;
  // Makes the gRPC services of its contracts. An error says what keeps the program
  // from starting.
  std::function<absl::StatusOr<std::vector<std::unique_ptr<rpc::Service>>>(
      const Dependencies& dependencies)>
      services;
  // The services that this one asks, and refers to: the settings must say where
  // they are. References to resources of their contracts are checked there.
  std::vector<peers::PeerContract> peers = {};
};

// A service that is ready to be served, in a program or in a test.
class Host {
 public:
  // An error says which setting is wrong, what of a contract makes no sense, or
  // that the store cannot be opened.
  static absl::StatusOr<std::unique_ptr<Host>> Open(
      const ServiceDefinition& definition, const settings::ServerSettings& settings,
      const std::function<absl::Time()>& clock = absl::Now);
  ~Host();

  // For rpc::Server::Start and rpc::RunServer; the host must outlive the server.
  rpc::ServerOptions server_options();

  store::Store& store();

 private:
  struct Impl;
  explicit Host(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The whole of a main program. Returns its exit code.
int RunService(const ServiceDefinition& definition, int argc, const char* const* argv);

}  // namespace caravan::host
