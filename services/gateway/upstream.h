// A service behind the gateway, as one loop sees it: where it is, and the
// connections to it.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "services/gateway/loop.h"
#include "services/gateway/metrics.h"
#include "services/gateway/resolver.h"
#include "services/gateway/timer_wheel.h"
#include "services/gateway/tls.h"
#include "services/gateway/upstream_call.h"
#include "services/gateway/upstream_session.h"

namespace caravan::gateway {

struct UpstreamOptions {
  std::string service;  // its name: of routes, of its certificate, in messages
  std::vector<Target> targets;
  Clock::duration refresh_interval = std::chrono::seconds(30);  // of names
  // Calls that wait for a connection: how many, and for how long.
  int64_t most_waiting = 1'000;
  Clock::duration wait_timeout = std::chrono::seconds(5);
  // A connection more for each so many calls on each that there is.
  int64_t calls_per_connection = 100;
  int64_t most_connections = 8;  // to each address
  Clock::duration least_backoff = std::chrono::milliseconds(50);
  Clock::duration most_backoff = std::chrono::seconds(3);
  UpstreamSession::Options session;  // without its functions
};

// Finds a connection for each call: at the address with the fewest calls, of
// those that can be reached. An address that cannot be is left out for a while
// that grows with each failure.
class Upstream {
 public:
  // `tls` gives what new connections are made with; null: without TLS. It and
  // `metrics` outlive it.
  Upstream(Loop& loop, UpstreamOptions options,
           std::function<std::shared_ptr<const TlsContext>()> tls, UpstreamMetrics& metrics);
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // Begins to look for the service and to connect to it.
  void Start();
  // Ends all connections.
  void Stop();

  // Sends the call as soon as there is a connection. It gets OnStream(), at once or
  // later, or OnFailure().
  void Submit(UpstreamCall& call);
  // The call, which has no stream yet, is not to be sent.
  void Cancel(UpstreamCall& call);
  // Tells the metrics how many calls are under way; now and then.
  void PublishCalls();
  void CountRetry() { metrics_.retries.Increment(); }

  const std::string& service() const { return options_.service; }
  bool secure() const { return tls_ != nullptr; }

 private:
  struct Endpoint;
  struct Choice {
    Endpoint* endpoint = nullptr;
    UpstreamSession* session = nullptr;
  };

  void Refresh();
  void OnAddresses(size_t target, absl::StatusOr<std::vector<SocketAddress>> addresses);
  void SetEndpoints();

  // The connection with the fewest calls at the endpoint with the fewest, of those
  // with room; none where there is none.
  Choice Choose(const UpstreamCall& call);
  void Send(UpstreamCall& call, const Choice& choice);
  // Opens connections where they are missing.
  void Connect();
  void Open(Endpoint& endpoint);
  void OnReady(UpstreamSession& session);
  void OnDown(Endpoint& endpoint, UpstreamSession& session);
  void ServeWaiting();
  void StopWaiting(UpstreamCall& call);
  void OnTimer();
  // Looks after what is due, not later than `time`.
  void WakeAt(Clock::time_point time);
  absl::Status Unreachable() const;
  void Count();

  Loop& loop_;
  const UpstreamOptions options_;
  const std::function<std::shared_ptr<const TlsContext>()> tls_;
  UpstreamMetrics& metrics_;
  std::vector<std::unique_ptr<Resolver>> resolvers_;   // as targets
  std::vector<std::vector<SocketAddress>> addresses_;  // as targets
  std::list<Endpoint> endpoints_;
  std::list<UpstreamCall*> waiting_;
  int64_t ready_ = 0;  // connections
  // Without a connection, calls wait until then; later they fail at once.
  Clock::time_point hopeful_until_;
  bool stopped_ = false;
  Clock::time_point timer_at_;
  double counted_endpoints_ = 0;
  double counted_failed_ = 0;
  double counted_calls_ = 0;
  absl::BitGen random_;
  Timer refresh_;
  Timer timer_;
};

}  // namespace caravan::gateway
