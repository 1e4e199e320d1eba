#include "services/gateway/gateway.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "services/common/process/process.h"
#include "services/common/settings/settings.h"
#include "services/common/telemetry/admin_server.h"
#include "services/common/telemetry/log.h"
#include "services/gateway/resolver.h"
#include "services/gateway/token_authenticator.h"
#include "services/gateway/worker.h"

namespace caravan::gateway {
namespace {

using settings::ToDuration;
using telemetry::LogLevel;

// For the errors with which calls are answered at the end to reach the clients.
constexpr absl::Duration kLastWords = absl::Seconds(1);

class GatewayImpl final : public Gateway {
 public:
  ~GatewayImpl() override { Stop(absl::ZeroDuration(), absl::ZeroDuration()); }

  absl::Status Start(const GatewaySettings& settings, std::unique_ptr<Authenticator> authenticator,
                     telemetry::Metrics& metrics) {
    signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that clients have closed
    auto options = ReadOptions(settings);
    if (!options.ok()) return options.status();
    shared_.options = *std::move(options);
    shared_.log_every = settings.log_every();
    shared_.authenticator = std::move(authenticator);
    shared_.metrics = &metrics;
    shared_.edge_metrics = std::make_unique<EdgeMetrics>(metrics);
    for (const UpstreamOptions& upstream : shared_.options.upstreams) {
      shared_.upstream_metrics.push_back(
          std::make_unique<UpstreamMetrics>(metrics, upstream.service));
    }
    shared_.connections = std::make_unique<ConnectionCount>(
        shared_.options.limits.connections, shared_.options.limits.connections_per_address);
    shared_.connection_closed = [this] {
      if (draining_) closed_.notify_all();
    };
    if (absl::Status status = LoadTls(); !status.ok()) return status;
    if (absl::Status status = StartWorkers(settings); !status.ok()) return status;
    if (absl::Status status = StartAdmin(settings.process()); !status.ok()) return status;
    return process::WritePortsFile(
        settings.process(),
        {.listen = addresses_, .admin = admin_address(), .health = health_address_});
  }

  const std::vector<std::string>& addresses() const override { return addresses_; }
  std::string admin_address() const override { return admin_ ? admin_->address() : ""; }
  const std::string& health_address() const override { return health_address_; }

  void Stop(absl::Duration lame_duck, absl::Duration timeout) override {
    if (draining_.exchange(true)) return;
    for (const auto& worker : workers_) worker->StopServing();
    WaitForConnections(lame_duck);
    for (const auto& worker : workers_) worker->Drain();
    if (!WaitForConnections(timeout)) {
      for (const auto& worker : workers_) worker->EndStreams();
      WaitForConnections(kLastWords);
    }
    for (const auto& worker : workers_) worker->Stop();
    workers_.clear();
    admin_.reset();
  }

 private:
  absl::Status LoadTls() {
    const Options& options = shared_.options;
    if (!options.insecure) {
      auto tls = ReloadingTls::Load(TlsContext::Side::kServer, options.edge_tls);
      if (!tls.ok()) return tls.status();
      shared_.edge_tls = *std::move(tls);
    }
    if (!options.upstream_insecure) {
      auto tls = ReloadingTls::Load(TlsContext::Side::kClient, options.upstream_tls);
      if (!tls.ok()) return tls.status();
      shared_.upstream_tls = *std::move(tls);
    }
    return absl::OkStatus();
  }

  absl::Status StartWorkers(const GatewaySettings& settings) {
    std::vector<Worker::Listening> listening(shared_.options.threads);
    absl::Status status;
    for (int i = 0; i < settings.listen_size() && status.ok(); ++i) {
      const auto address = ListenOn(shared_.options.listen[i], settings.listen(i),
                                    &Worker::Listening::calls, listening);
      status = address.status();
      if (address.ok()) addresses_.push_back(*address);
    }
    if (shared_.options.health_listen.has_value() && status.ok()) {
      const auto address =
          ListenOn(*shared_.options.health_listen, settings.process().health_listen(),
                   &Worker::Listening::health, listening);
      status = address.status();
      if (address.ok()) health_address_ = *address;
    }
    if (!status.ok()) {
      for (const auto& [calls, health] : listening) {
        for (const int descriptor : calls) close(descriptor);
        for (const int descriptor : health) close(descriptor);
      }
      return status;
    }
    for (const auto& descriptors : listening) {
      workers_.push_back(std::make_unique<Worker>(shared_, descriptors, workers_.empty()));
    }
    for (const auto& worker : workers_) worker->Start();
    return absl::OkStatus();
  }

  // One socket for each worker, all on one port. Returns the address in use.
  static absl::StatusOr<std::string> ListenOn(const Target& target, const std::string& text,
                                              std::vector<int> Worker::Listening::*kind,
                                              std::vector<Worker::Listening>& listening) {
    const auto found = ResolveNow(target);
    if (!found.ok()) return found.status();
    SocketAddress address = found->front();
    for (auto& descriptors : listening) {
      const auto descriptor = Listen(address);
      if (!descriptor.ok()) return descriptor.status();
      (descriptors.*kind).push_back(*descriptor);
      address = BoundAddress(*descriptor);
    }
    const std::string bound = address.ToString();
    return absl::StrCat(text.substr(0, text.rfind(':')), bound.substr(bound.rfind(':')));
  }

  absl::Status StartAdmin(const settings::ProcessSettings& settings) {
    auto admin = process::StartAdmin(
        settings, [this] { return draining_ ? std::string_view("draining") : ""; },
        shared_.metrics);
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }

  // Whether all are closed within the time.
  bool WaitForConnections(absl::Duration timeout) {
    std::unique_lock lock(mutex_);
    // Closed connections don't hold the lock to say so: look again now and then.
    const absl::Time deadline = absl::Now() + timeout;
    while (shared_.connections->count() > 0) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      closed_.wait_for(lock, absl::ToChronoNanoseconds(std::min(left, absl::Milliseconds(100))));
    }
    return true;
  }

  Shared shared_;
  std::vector<std::string> addresses_;
  std::string health_address_;
  std::atomic<bool> draining_ = false;
  std::mutex mutex_;
  std::condition_variable closed_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<telemetry::AdminServer> admin_;
};

// Each connection needs a descriptor.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int CannotStart(const absl::Status& status) {
  telemetry::Log(LogLevel::kError, "The gateway cannot start", {{"error", status.message()}});
  return 1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(
    const GatewaySettings& settings, std::unique_ptr<Authenticator> authenticator,
    telemetry::Metrics& metrics) {
  auto gateway = std::make_unique<GatewayImpl>();
  if (absl::Status status = gateway->Start(settings, std::move(authenticator), metrics);
      !status.ok()) {
    return status;
  }
  return gateway;
}

int RunGateway(const GatewaySettings& settings) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  process::ApplyLogLevel(settings.process());
  RaiseDescriptorLimit();
  // Before there are other threads, which so never get them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  auto authenticator = MakeAuthenticator(settings);
  if (!authenticator.ok()) return CannotStart(authenticator.status());
  telemetry::Metrics metrics;
  auto gateway = Gateway::Start(settings, *std::move(authenticator), metrics);
  if (!gateway.ok()) return CannotStart(gateway.status());
  telemetry::Log(LogLevel::kInfo, "The gateway serves",
                 {{"listen", absl::StrJoin((*gateway)->addresses(), ",")},
                  {"admin", (*gateway)->admin_address()},
                  {"health", (*gateway)->health_address()},
                  {"version", settings::Version()}});
  if (settings.insecure()) {
    telemetry::Log(LogLevel::kWarning,
                   "The gateway is insecure: callers are believed who they say they are");
  }
  int signal = 0;
  sigwait(&signals, &signal);
  // A second one ends the process.
  struct sigaction action {};
  action.sa_handler = [](int) { _exit(130); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  telemetry::Log(LogLevel::kInfo, "The gateway drains");
  (*gateway)->Stop(ToDuration(settings.process().lame_duck()),
                   ToDuration(settings.process().drain_timeout()));
  telemetry::Log(LogLevel::kInfo, "The gateway has ended");
  return 0;
}

}  // namespace caravan::gateway
