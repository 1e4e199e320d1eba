#include "services/common/peers/peers.h"

#include <grpc/impl/codegen/grpc_types.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/client/credentials.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "services/common/api/errors.h"
#include "services/common/identity/principal.h"
#include "services/common/rpc/tls.h"
#include "services/common/telemetry/log.h"

namespace caravan::peers {

namespace {

constexpr double kRetrySeconds = 1;
// While a service is away, each call tries it once: who comes later can wait
// himself, and threads are few.
constexpr absl::Duration kAway = absl::Seconds(1);
constexpr absl::Duration kLogInterval = absl::Seconds(10);

// A batch of 1,000 resources may be large, and so may the list of what is wrong.
constexpr int kMaxMessageBytes = 64 << 20;
constexpr int kMaxMetadataBytes = 64 << 10;
// A service that is back is found soon; the last is also how long a connection
// may take to be made.
constexpr int kFirstBackoffMillis = 100;
constexpr int kLongestBackoffMillis = 1000;
constexpr int kConnectMillis = 2000;
constexpr int kKeepaliveMillis = 30'000;
constexpr int kKeepaliveTimeoutMillis = 10'000;

grpc::ChannelArguments ChannelArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstBackoffMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLongestBackoffMillis);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  // Replicas are the addresses of one name.
  arguments.SetLoadBalancingPolicyName("round_robin");
  return arguments;
}

// The target of a service among settings of the form <name>=<target>; empty
// where there is none.
absl::StatusOr<std::string> TargetOf(const std::string& service,
                                     const settings::ServerSettings& settings) {
  std::string target;
  for (const std::string& text : settings.peer()) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == text.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("peer '", text, "' should be <name>=<host>:<port> or <name>=unix:<path>"));
    }
    if (text.substr(0, equals) != service) continue;
    if (!target.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("peer ", service, " is named twice"));
    }
    target = text.substr(equals + 1);
  }
  return target;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const settings::ServerSettings& settings, const std::string& service,
    const std::string& target) {
  if (!settings.insecure()) {
    return rpc::TlsClientCredentials(
        {settings.tls_certificate(), settings.tls_key(), settings.tls_client_ca()});
  }
  if (!client::IsLocal(target)) {
    return absl::InvalidArgumentError(
        absl::StrCat("an insecure server asks only unix sockets and loopback addresses, and peer ",
                     service, " is ", target));
  }
  return grpc::InsecureChannelCredentials();
}

// Whether a service is away, or busy, rather than refusing what it was asked.
bool IsAway(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace

Peer::Peer(std::string name, std::shared_ptr<client::Connection> connection,
           std::vector<std::pair<std::string, std::string>> metadata)
    : name_(std::move(name)), connection_(std::move(connection)), metadata_(std::move(metadata)) {}

client::CallOptions Peer::Options(absl::Time deadline, const std::string& traceparent) const {
  const absl::Time now = absl::Now();
  client::CallOptions options;
  options.timeout = std::min(deadline - now, kPatience);
  options.service = name_;
  options.metadata = metadata_;
  options.metadata.emplace_back("traceparent", traceparent);
  if (now < absl::FromUnixMicros(failed_micros_) + kAway) {
    options.retry = client::RetryPolicy{.max_attempts = 1};
  }
  return options;
}

absl::Status Peer::Unavailable(const absl::Status& why) const {
  const int64_t now = absl::ToUnixMicros(absl::Now());
  const bool away = IsAway(why.code());
  if (absl::IsUnavailable(why)) failed_micros_ = now;
  int64_t logged = logged_micros_;
  if (now >= logged + absl::ToInt64Microseconds(kLogInterval) &&
      logged_micros_.compare_exchange_strong(logged, now)) {
    telemetry::Log(
        telemetry::LogLevel::kWarning, "Another service could not be asked",
        {{"peer", name_},
         {"error", absl::StrCat(absl::StatusCodeToString(why.code()), ": ", why.message())}});
  }
  return api::Error(absl::StatusCode::kUnavailable, "SERVICE_UNAVAILABLE",
                    absl::StrCat(name_,
                                 away ? " does not answer, and must be asked for this"
                                      : " refuses to answer, and must be asked for this",
                                 "; nothing was changed, try again"))
      .With("service", name_)
      .RetryAfter(kRetrySeconds);
}

absl::Status ReferenceDangles(std::string_view name) {
  return api::Error(absl::StatusCode::kFailedPrecondition, "REFERENCE_DANGLES",
                    absl::StrCat(name,
                                 " does not exist any more, and is needed for this; refer to "
                                 "another resource first"))
      .With("resource", name)
      .Resource("", name, "has been deleted in its service")
      .Precondition("REFERENCE", name, "does not exist");
}

absl::StatusOr<std::unique_ptr<Peers>> Peers::Create(const std::string& service,
                                                     const std::vector<PeerContract>& contracts,
                                                     const settings::ServerSettings& settings) {
  std::unique_ptr<Peers> peers(new Peers());
  std::vector<std::pair<std::string, std::string>> metadata;
  if (settings.insecure()) {
    metadata.emplace_back(identity::kInsecurePrincipalMetadata, absl::StrCat("services/", service));
  }
  for (const PeerContract& contract : contracts) {
    const std::string& name = contract.service;
    auto target = TargetOf(name, settings);
    if (!target.ok()) return target.status();
    if (target->empty()) {
      return absl::InvalidArgumentError(absl::StrCat(service, " asks the service ", name,
                                                     ": say where that is, as peer ", name,
                                                     "=<host>:<port>"));
    }
    auto credentials = Credentials(settings, name, *target);
    if (!credentials.ok()) return credentials.status();
    client::ConnectionOptions options;
    options.address = *target;
    options.timeout = kPatience;
    auto connection = client::Connection::Over(
        grpc::CreateCustomChannel(*target, *credentials, ChannelArguments()), std::move(options));
    if (!connection.ok()) return connection.status();
    peers->peers_.push_back(std::make_unique<Peer>(name, *std::move(connection), metadata));
  }
  return peers;
}

const Peer& Peers::Get(std::string_view service) const {
  for (const auto& peer : peers_) {
    if (peer->name() == service) return *peer;
  }
  std::fprintf(stderr, "the definition of this service does not name its peer %.*s\n",
               static_cast<int>(service.size()), service.data());
  std::abort();
}

}  // namespace caravan::peers
