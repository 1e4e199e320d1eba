#include "services/common/rpc/run_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "services/common/process/process.h"
#include "services/common/rpc/reflection.h"
#include "services/common/rpc/tls.h"
#include "services/common/settings/settings.h"
#include "services/common/telemetry/admin_server.h"
#include "services/common/telemetry/log.h"

namespace caravan::rpc {
namespace {

using settings::ServerSettings;
using settings::ToDuration;
using telemetry::LogLevel;

// After a ping, a connection that stays silent for so long is closed.
constexpr int kKeepaliveTimeoutMs = 20'000;
// The request names a service.
constexpr int kMaxHealthRequestBytes = 1024;
// Calls on a connection that is too old may go on for so long.
constexpr int kConnectionAgeGraceMs = 300'000;

// unix:path, or host:port.
bool IsUnix(std::string_view address) { return absl::StartsWith(address, "unix:"); }

std::string_view HostOf(std::string_view address) { return address.substr(0, address.rfind(':')); }

bool IsLocal(std::string_view address) {
  const std::string_view host = HostOf(address);
  return IsUnix(address) || host == "localhost" || host == "[::1]" ||
         absl::StartsWith(host, "127.");
}

absl::Status CheckAddress(std::string_view address) {
  if (IsUnix(address)) return absl::OkStatus();
  int port = 0;
  const size_t colon = address.rfind(':');
  if (colon == 0 || colon == std::string_view::npos ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("the address '", address, "' should be host:port or unix:path"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> Credentials(
    const ServerSettings& settings) {
  const bool has_tls = !settings.tls_certificate().empty() || !settings.tls_key().empty() ||
                       !settings.tls_client_ca().empty();
  if (settings.insecure()) {
    if (has_tls) {
      return absl::InvalidArgumentError("insecure and the tls settings exclude each other");
    }
    for (const std::string& address : settings.listen()) {
      if (!IsLocal(address)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "insecure servers listen only on unix sockets and loopback addresses, not on '",
            address, "'"));
      }
    }
    return grpc::InsecureServerCredentials();
  }
  if (settings.tls_certificate().empty() || settings.tls_key().empty() ||
      settings.tls_client_ca().empty()) {
    return absl::InvalidArgumentError(
        "tls_certificate, tls_key and tls_client_ca are all needed (or, for tests, insecure)");
  }
  return TlsServerCredentials(
      {settings.tls_certificate(), settings.tls_key(), settings.tls_client_ca()});
}

int Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(ToDuration(duration)), INT_MAX));
}

void SetLimits(const ServerSettings& settings, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(settings.max_message_bytes());
  const auto set = [&](const char* name, int value) { builder->AddChannelArgument(name, value); };
  set(GRPC_ARG_MAX_METADATA_SIZE, settings.max_metadata_bytes());
  set(GRPC_ARG_MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams());
  set(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(settings.keepalive_interval()));
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      Milliseconds(settings.min_ping_interval()));
  if (settings.has_max_connection_age() && Milliseconds(settings.max_connection_age()) > 0) {
    set(GRPC_ARG_MAX_CONNECTION_AGE_MS, Milliseconds(settings.max_connection_age()));
    set(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionAgeGraceMs);
  }
  // Two servers on one port would be a mistake, not a way to share load.
  set(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->SetResourceQuota(
      grpc::ResourceQuota("server").Resize(static_cast<size_t>(settings.memory_quota_bytes())));
}

class ServerImpl final : public Server {
 public:
  explicit ServerImpl(ServerOptions options) : options_(std::move(options)) {}

  ~ServerImpl() override { Stop(absl::ZeroDuration(), absl::ZeroDuration()); }

  absl::Status Start() {
    const ServerSettings& settings = options_.settings;
    if (settings.listen().empty()) return absl::InvalidArgumentError("there is no listen address");
    for (const std::string& address : settings.listen()) {
      if (absl::Status status = CheckAddress(address); !status.ok()) return status;
    }
    const auto credentials = Credentials(settings);
    if (!credentials.ok()) return credentials.status();
    if (absl::Status status = StartGrpc(*credentials); !status.ok()) return status;
    if (absl::Status status = StartHealth(); !status.ok()) return status;
    if (absl::Status status = StartAdmin(); !status.ok()) return status;
    return process::WritePortsFile(
        settings.process(),
        {.listen = addresses_, .admin = admin_address(), .health = health_address_});
  }

  // The hooks belong to servers that have started.
  void DropHooks() { options_.on_drain = options_.on_stopped = nullptr; }

  const std::vector<std::string>& addresses() const override { return addresses_; }

  std::string health_address() const override { return health_address_; }

  std::string admin_address() const override { return admin_ ? admin_->address() : ""; }

  std::shared_ptr<grpc::Channel> InProcessChannel(
      const grpc::ChannelArguments& arguments) override {
    return server_->InProcessChannel(arguments);
  }

  void Stop(absl::Duration lame_duck, absl::Duration timeout) override {
    if (server_ == nullptr || draining_.exchange(true)) return;
    server_->GetHealthCheckService()->Shutdown();
    if (health_ != nullptr) health_->GetHealthCheckService()->Shutdown();
    if (options_.on_drain) options_.on_drain();
    // Load balancers need a moment to see that this server is to be left alone.
    if (lame_duck > absl::ZeroDuration()) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(lame_duck));
    }
    server_->Shutdown(absl::ToChronoTime(absl::Now() + timeout));
    server_->Wait();
    health_.reset();
    admin_.reset();  // asks whether the service is ready, which is over now
    if (options_.on_stopped) options_.on_stopped();
  }

 private:
  absl::Status StartGrpc(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
    const ServerSettings& settings = options_.settings;
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    SetLimits(settings, &builder);
    std::vector<std::string> names;
    for (const HostedService& hosted : options_.services) {
      builder.RegisterService(hosted.service);
      names.push_back(hosted.descriptor->full_name());
    }
    std::vector<std::string> listed = names;
    listed.insert(listed.end(), {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                 "grpc.reflection.v1alpha.ServerReflection"});
    reflection_ = MakeReflectionServices(std::move(listed));
    builder.RegisterService(reflection_.v1.get());
    builder.RegisterService(reflection_.v1alpha.get());
    std::vector<int> ports(settings.listen_size(), 0);
    for (int i = 0; i < settings.listen_size(); ++i) {
      builder.AddListeningPort(settings.listen(i), credentials, &ports[i]);
    }

    // Whoever can connect to a unix socket is trusted: only this user can.
    const mode_t mask = umask(0077);
    server_ = builder.BuildAndStart();
    umask(mask);
    if (server_ == nullptr) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", absl::StrJoin(settings.listen(), ", "),
                       ": is an address in use, or not of this machine?"));
    }
    for (int i = 0; i < settings.listen_size(); ++i) {
      const std::string& address = settings.listen(i);
      addresses_.push_back(IsUnix(address) ? address
                                           : absl::StrCat(HostOf(address), ":", ports[i]));
    }
    names_ = std::move(names);
    SetServing(server_.get());
    return absl::OkStatus();
  }

  // Also where the store is away: leaving out every replica would help nobody.
  void SetServing(grpc::Server* server) {
    for (const std::string& name : names_) {
      server->GetHealthCheckService()->SetServingStatus(name, true);
    }
  }

  absl::Status StartHealth() {
    const std::string& address = options_.settings.process().health_listen();
    if (address.empty()) return absl::OkStatus();
    if (absl::Status status = CheckAddress(address); !status.ok()) return status;
    grpc::ServerBuilder builder;
    SetLimits(options_.settings, &builder);
    builder.SetMaxReceiveMessageSize(kMaxHealthRequestBytes);
    // gRPC starts no server without a service; this one refuses every call.
    builder.RegisterCallbackGenericService(&no_services_);
    int port = 0;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
    health_ = builder.BuildAndStart();
    if (health_ == nullptr) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", address, " for health"));
    }
    health_address_ = IsUnix(address) ? address : absl::StrCat(HostOf(address), ":", port);
    SetServing(health_.get());
    return absl::OkStatus();
  }

  absl::Status StartAdmin() {
    const auto why_not_ready = [this]() -> std::string_view {
      if (draining_) return "draining";
      return options_.ready && !options_.ready() ? "not ready" : "";
    };
    auto admin = process::StartAdmin(options_.settings.process(), why_not_ready, options_.metrics);
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }

  ServerOptions options_;
  ReflectionServices reflection_;
  std::unique_ptr<grpc::Server> server_;
  grpc::CallbackGenericService no_services_;
  std::unique_ptr<grpc::Server> health_;
  std::vector<std::string> names_;
  std::vector<std::string> addresses_;
  std::string health_address_;
  std::atomic<bool> draining_ = false;
  std::unique_ptr<telemetry::AdminServer> admin_;  // last: its pages use the others
};

// Written to by the signal handler, once for each signal.
int g_signal_event = -1;
std::atomic<int> g_signals{0};

void HandleSignal(int) {
  if (g_signals.fetch_add(1) > 0) _exit(130);
  const int saved = errno;
  eventfd_write(g_signal_event, 1);
  errno = saved;
}

// Catches SIGTERM and SIGINT while it exists.
class SignalWaiter {
 public:
  SignalWaiter() {
    g_signals = 0;
    g_signal_event = eventfd(0, EFD_CLOEXEC);
    struct sigaction action {};
    action.sa_handler = &HandleSignal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGTERM, &action, &old_term_);
    sigaction(SIGINT, &action, &old_int_);
  }
  ~SignalWaiter() {
    sigaction(SIGTERM, &old_term_, nullptr);
    sigaction(SIGINT, &old_int_, nullptr);
    close(g_signal_event);
  }
  SignalWaiter(const SignalWaiter&) = delete;
  SignalWaiter& operator=(const SignalWaiter&) = delete;

  // read() and not eventfd_read(), in which ThreadSanitizer lets no signal in.
  void Wait() {
    eventfd_t value;
    while (read(g_signal_event, &value, sizeof(value)) < 0 && errno == EINTR) {
    }
  }

 private:
  struct sigaction old_term_ {};
  struct sigaction old_int_ {};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  auto server = std::make_unique<ServerImpl>(std::move(options));
  if (absl::Status status = server->Start(); !status.ok()) {
    server->DropHooks();
    return status;
  }
  return server;
}

int RunServer(ServerOptions options) {
  // Debian builds Abseil with its search for deadlocks, at every lock that gRPC
  // and we take: about a tenth of the CPU of a call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  process::ApplyLogLevel(options.settings.process());
  telemetry::InstallGrpcLog();
  const ServerSettings settings = options.settings;
  // Before the server serves: whoever sees that it does may stop it.
  SignalWaiter signals;
  const auto server = Server::Start(std::move(options));
  if (!server.ok()) {
    telemetry::Log(LogLevel::kError, "The server cannot start",
                   {{"error", server.status().message()}});
    return 1;
  }
  telemetry::Log(LogLevel::kInfo, "The server serves",
                 {{"listen", absl::StrJoin((*server)->addresses(), ",")},
                  {"admin", (*server)->admin_address()},
                  {"health", (*server)->health_address()},
                  {"replica", settings.replica_id()},
                  {"version", settings::Version()}});
  if (settings.insecure()) {
    telemetry::Log(LogLevel::kWarning,
                   "The server is insecure: callers are believed who they say they are");
  }
  signals.Wait();
  telemetry::Log(LogLevel::kInfo, "The server drains");
  (*server)->Stop(ToDuration(settings.process().lame_duck()),
                  ToDuration(settings.process().drain_timeout()));
  telemetry::Log(LogLevel::kInfo, "The server has ended");
  return 0;
}

}  // namespace caravan::rpc
