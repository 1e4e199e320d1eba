#include "services/gateway/options.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "services/common/settings/settings.h"

namespace caravan::gateway {
namespace {

Clock::duration Duration(const google::protobuf::Duration& duration) {
  // What is longer makes no difference, and would overflow when added to a time.
  constexpr absl::Duration kLongest = absl::Hours(24 * 365);
  return absl::ToChronoNanoseconds(std::min(settings::ToDuration(duration), kLongest));
}

bool IsLocal(const Target& target) {
  return !target.path.empty() || target.host == "localhost" || target.host == "::1" ||
         absl::StartsWith(target.host, "127.");
}

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Limits ReadLimits(const GatewaySettings& settings) {
  Limits limits;
  limits.connections = settings.max_connections();
  limits.connections_per_address = settings.max_connections_per_address();
  limits.handshake_timeout = Duration(settings.handshake_timeout());
  limits.header_timeout = Duration(settings.header_timeout());
  limits.idle_timeout = Duration(settings.idle_timeout());
  limits.write_timeout = Duration(settings.write_timeout());
  limits.keepalive_interval = Duration(settings.keepalive_interval());
  limits.streams = static_cast<uint32_t>(settings.max_concurrent_streams());
  limits.header_bytes = static_cast<size_t>(settings.max_metadata_bytes());
  limits.header_count = static_cast<size_t>(settings.max_metadata_fields());
  limits.stream_window = static_cast<uint32_t>(settings.stream_window_bytes());
  limits.connection_window = std::max(limits.connection_window, limits.stream_window);
  limits.resets_per_second = settings.max_resets_per_second();
  limits.control_frames_per_second = settings.max_control_frames_per_second();
  limits.calls = settings.max_calls();
  limits.buffered_bytes = settings.max_buffered_bytes();
  return limits;
}

absl::StatusOr<std::vector<UpstreamOptions>> ReadUpstreams(const GatewaySettings& settings) {
  std::vector<UpstreamOptions> upstreams;
  for (const std::string& text : settings.upstream()) {
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals == std::string::npos || !IsName(name)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "upstream '", text, "' should be <name>=<host>:<port> or <name>=unix:<path>"));
    }
    auto target = Target::Parse(text.substr(equals + 1));
    if (!target.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("upstream ", name, ": ", target.status().message()));
    }
    if (settings.upstream_insecure() && !IsLocal(*target)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "upstream_insecure is for unix sockets and loopback addresses only, not for '", text,
          "'"));
    }
    auto known = std::find_if(upstreams.begin(), upstreams.end(),
                              [&](const UpstreamOptions& u) { return u.service == name; });
    if (known == upstreams.end()) {
      UpstreamOptions upstream;
      upstream.service = name;
      upstream.refresh_interval = Duration(settings.upstream_refresh());
      upstream.wait_timeout = Duration(settings.upstream_wait());
      upstream.most_waiting = settings.upstream_waiting();
      upstream.most_connections = settings.upstream_connections();
      upstream.session.keepalive_interval = Duration(settings.upstream_keepalive());
      upstream.session.stream_window = static_cast<uint32_t>(settings.stream_window_bytes());
      upstreams.push_back(std::move(upstream));
      known = std::prev(upstreams.end());
    }
    known->targets.push_back(*std::move(target));
  }
  return upstreams;
}

absl::StatusOr<Target> ParseListen(const std::string& text) {
  auto target = Target::Parse(text);
  if (!target.ok()) return target.status();
  if (!target->path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the gateway listens on host:port, not on '", text, "'"));
  }
  return *std::move(target);
}

}  // namespace

absl::StatusOr<Options> ReadOptions(const GatewaySettings& settings) {
  Options options;
  options.limits = ReadLimits(settings);
  auto upstreams = ReadUpstreams(settings);
  if (!upstreams.ok()) return upstreams.status();
  options.upstreams = *std::move(upstreams);
  if (options.upstreams.empty())
    return absl::InvalidArgumentError(
        "there is no upstream: say where services are, for example zones=127.0.0.1:7001");

  options.default_service = settings.default_service();
  const bool known = std::any_of(
      options.upstreams.begin(), options.upstreams.end(),
      [&](const UpstreamOptions& upstream) { return upstream.service == options.default_service; });
  if (!options.default_service.empty() && !known) {
    return absl::InvalidArgumentError(absl::StrCat("default_service is '", options.default_service,
                                                   "', which is the name of no upstream"));
  }

  options.insecure = settings.insecure();
  options.edge_tls = {settings.tls_certificate(), settings.tls_key(), settings.tls_client_ca()};
  if (options.insecure && options.edge_tls != TlsFiles()) {
    return absl::InvalidArgumentError("insecure and the tls settings exclude each other");
  }
  if (!options.insecure && (options.edge_tls.certificate.empty() || options.edge_tls.key.empty())) {
    return absl::InvalidArgumentError(
        "tls_certificate and tls_key are needed (or, for tests, insecure)");
  }
  options.upstream_insecure = settings.upstream_insecure();
  options.upstream_tls = {settings.upstream_certificate(), settings.upstream_key(),
                          settings.upstream_ca()};
  if (options.upstream_insecure && options.upstream_tls != TlsFiles()) {
    return absl::InvalidArgumentError(
        "upstream_insecure and the settings of upstream certificates exclude each other");
  }
  if (!options.upstream_insecure &&
      (options.upstream_tls.certificate.empty() || options.upstream_tls.key.empty() ||
       options.upstream_tls.ca.empty())) {
    return absl::InvalidArgumentError(
        "upstream_certificate, upstream_key and upstream_ca are all needed (or, for tests, "
        "upstream_insecure)");
  }

  for (const std::string& text : settings.listen()) {
    auto target = ParseListen(text);
    if (!target.ok()) return target.status();
    if (options.insecure && !IsLocal(*target)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an insecure gateway listens only on loopback addresses, not on '", text, "'"));
    }
    options.listen.push_back(*std::move(target));
  }
  if (options.listen.empty()) return absl::InvalidArgumentError("there is no listen address");
  if (!settings.process().health_listen().empty()) {
    auto target = ParseListen(settings.process().health_listen());
    if (!target.ok()) return target.status();
    options.health_listen = *std::move(target);
  }

  options.threads = settings.threads() > 0
                        ? settings.threads()
                        : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return options;
}

}  // namespace caravan::gateway
