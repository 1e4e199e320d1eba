#include "services/common/host/host.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/changes/change_service.h"
#include "services/common/host/serve.h"
#include "services/common/identity/access.h"
#include "services/common/identity/principal.h"
#include "services/common/identity/signed_identity.h"
#include "services/common/operations/maintenance.h"
#include "services/common/operations/operation_record.h"
#include "services/common/operations/operations_service.h"
#include "services/common/peers/foreign_collections.h"
#include "services/common/pending/pending_action_service.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/runtime.h"
#include "services/common/settings/settings.h"
#include "services/common/store/open_store.h"
#include "services/common/telemetry/log.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::host {

namespace {

constexpr int kLeastThreads = 4;
constexpr size_t kMostWaiting = 4096;

// Of threads that wait for other services, and of calls that wait for such a
// thread: while a service is away, all of them wait as long as they may.
constexpr int kAskingThreads = 16;
constexpr size_t kMostAsking = 256;

absl::StatusOr<std::unique_ptr<identity::AccessControl>> OpenAccess(
    const settings::ServerSettings& settings) {
  if (settings.access_policy().empty()) return identity::AccessControl::Create({});
  return identity::AccessControl::Watch(settings.access_policy());
}

absl::StatusOr<identity::Authenticator> MakeAuthenticator(
    const settings::ServerSettings& settings, const std::string& service,
    const std::function<absl::Time()>& clock) {
  if (settings.insecure()) return identity::Authenticator::Insecure(settings.insecure_principal());
  std::shared_ptr<const identity::IdentityVerifier> identities;
  if (!settings.identity_jwks().empty()) {
    auto keys = identity::WatchedFile<identity::KeySet>::Open(
        "identity keys", settings.identity_jwks(), identity::KeySet::Parse);
    if (!keys.ok()) return keys.status();
    identity::IdentityVerifierOptions options;
    options.audience = absl::StrCat("services/", service);
    options.issuers = {settings.identity_issuers().begin(), settings.identity_issuers().end()};
    options.clock = clock;
    identities = std::make_shared<identity::IdentityVerifier>(std::move(options), *std::move(keys));
  }
  return identity::Authenticator::ForTrustDomain(settings.trust_domain(), std::move(identities));
}

}  // namespace

// In the order of use: what stands below uses what stands above.
struct Host::Impl {
  settings::ServerSettings settings;
  std::function<absl::Time()> clock;
  std::unique_ptr<operations::Clock> operations_clock;
  telemetry::Metrics metrics;
  resources::Registry registry;
  std::unique_ptr<identity::AccessControl> access;
  std::optional<identity::Authenticator> authenticator;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<peers::Peers> peers;
  std::unique_ptr<peers::ForeignCollections> foreign;
  std::unique_ptr<rpc::Executor> executor;
  std::unique_ptr<rpc::Executor> asking;  // null where nobody is asked
  std::unique_ptr<operations::Operations> operations;
  std::vector<std::unique_ptr<rpc::Service>> services;
  std::unique_ptr<rpc::Runtime> runtime;
  std::unique_ptr<operations::Maintenance> maintenance;
};

absl::StatusOr<std::unique_ptr<Host>> Host::Open(const ServiceDefinition& definition,
                                                 const settings::ServerSettings& settings,
                                                 const std::function<absl::Time()>& clock) {
  auto impl = std::make_unique<Impl>();
  impl->settings = settings;
  impl->clock = clock;
  impl->operations_clock = operations::Clock::Telling(clock);
  definition.collections(impl->registry);
  if (!impl->registry.status().ok()) return impl->registry.status();

  absl::TimeZone zone;
  if (!absl::LoadTimeZone(settings.time_zone(), &zone)) {
    return absl::InvalidArgumentError(
        absl::StrCat("time_zone is ", settings.time_zone(), ", which is no IANA time zone"));
  }
  auto access = OpenAccess(settings);
  if (!access.ok()) return access.status();
  impl->access = *std::move(access);
  auto authenticator = MakeAuthenticator(settings, definition.name, clock);
  if (!authenticator.ok()) return authenticator.status();
  impl->authenticator = *std::move(authenticator);

  auto peers = peers::Peers::Create(definition.name, definition.peers, settings);
  if (!peers.ok()) return peers.status();
  impl->peers = *std::move(peers);
  auto foreign = peers::ForeignCollections::Create(*impl->peers, definition.peers, clock);
  if (!foreign.ok()) return foreign.status();
  impl->foreign = *std::move(foreign);

  store::StoreOptions store_options;
  store_options.replica = settings.replica_id();
  store_options.clock = clock;
  auto store = store::OpenStore(settings.store(), store_options,
                                impl->registry.Tables(operations::OperationsTable()));
  if (!store.ok()) return store.status();
  impl->store = *std::move(store);

  const int threads =
      settings.threads() > 0
          ? settings.threads()
          : std::max(kLeastThreads, 2 * static_cast<int>(std::thread::hardware_concurrency()));
  impl->executor = std::make_unique<rpc::Executor>(threads, kMostWaiting);
  if (!definition.peers.empty()) {
    impl->asking = std::make_unique<rpc::Executor>(kAskingThreads, kMostAsking);
  }
  operations::OperationsOptions operations_options;
  operations_options.store = impl->store.get();
  operations_options.replica = settings.replica_id();
  operations_options.clock = impl->operations_clock.get();
  operations_options.access = impl->access.get();
  operations_options.time_zone = zone;
  impl->operations = std::make_unique<operations::Operations>(operations_options);
  auto made = definition.services({impl->registry, *impl->store, *impl->operations, clock,
                                   *impl->peers, impl->settings, impl->metrics});
  if (!made.ok()) return made.status();
  impl->services = *std::move(made);
  std::vector<const google::protobuf::ServiceDescriptor*> contracts;
  for (const auto& service : impl->services) contracts.push_back(&service->service_descriptor());
  auto pending = pending::PendingActionService::Create(impl->registry, *impl->store, contracts);
  if (!pending.ok()) return pending.status();
  impl->services.push_back(*std::move(pending));
  impl->services.push_back(
      std::make_unique<operations::OperationsService>(*impl->operations, definition.name));
  impl->services.push_back(
      std::make_unique<changes::ChangeService>(impl->registry, *impl->store, *impl->executor));

  rpc::RuntimeOptions options;
  options.registry = &impl->registry;
  options.store = impl->store.get();
  options.access = impl->access.get();
  options.authenticator = &*impl->authenticator;
  options.metrics = &impl->metrics;
  options.executor = impl->executor.get();
  options.asking = impl->asking.get();
  options.foreign = impl->foreign.get();
  options.clock = clock;
  options.time_zone = zone;
  options.default_deadline = settings::ToDuration(settings.default_deadline());
  options.longest_deadline = settings::ToDuration(settings.max_deadline());
  std::vector<rpc::Service*> services;
  for (const auto& service : impl->services) services.push_back(service.get());
  auto runtime = rpc::Runtime::Create(options, std::move(services));
  if (!runtime.ok()) return runtime.status();
  impl->runtime = *std::move(runtime);

  impl->operations->Run();
  operations::MaintenanceOptions maintenance;
  maintenance.store = impl->store.get();
  maintenance.replica = settings.replica_id();
  maintenance.clock = impl->operations_clock.get();
  impl->maintenance = std::make_unique<operations::Maintenance>(
      maintenance, operations::StandardTasks(
                       *impl->store, settings::ToDuration(settings.change_image_retention()),
                       settings::ToDuration(settings.audit_retention())));
  return std::unique_ptr<Host>(new Host(std::move(impl)));
}

Host::Host(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Host::~Host() {
  impl_->maintenance.reset();
  impl_->operations->Stop();
  // Tasks that still wait use the rest.
  impl_->asking.reset();
  impl_->executor.reset();
}

rpc::ServerOptions Host::server_options() {
  rpc::ServerOptions options;
  options.settings = impl_->settings;
  options.services = impl_->runtime->hosted();
  options.metrics = &impl_->metrics;
  options.ready = [this] { return impl_->store->Healthy().ok(); };
  options.on_drain = [this] {
    impl_->runtime->EndStreams();
    impl_->operations->Drain();
  };
  return options;
}

store::Store& Host::store() { return *impl_->store; }

int RunService(const ServiceDefinition& definition, int argc, const char* const* argv) {
  return Serve(definition, settings::LoadOrExit<settings::ServerSettings>(
                               {.name = absl::StrCat("caravan-", definition.name),
                                .description = definition.description},
                               argc, argv));
}

int Serve(const ServiceDefinition& definition, const settings::ServerSettings& settings) {
  telemetry::InstallGrpcLog();
  auto host = Host::Open(definition, settings);
  if (!host.ok()) {
    telemetry::Log(telemetry::LogLevel::kError, "The service cannot start",
                   {{"service", definition.name}, {"error", host.status().ToString()}});
    return 1;
  }
  return rpc::RunServer((*host)->server_options());
}

}  // namespace caravan::host
