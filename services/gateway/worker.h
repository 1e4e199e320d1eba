// One event loop of the gateway with all that runs on it.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "services/gateway/authenticator.h"
#include "services/gateway/call_recorder.h"
#include "services/gateway/edge_handlers.h"
#include "services/gateway/health.h"
#include "services/gateway/listener.h"
#include "services/gateway/loop.h"
#include "services/gateway/metrics.h"
#include "services/gateway/options.h"
#include "services/gateway/router.h"
#include "services/gateway/server_session.h"
#include "services/gateway/tls.h"
#include "services/gateway/upstream.h"

namespace caravan::gateway {

// What the workers of a gateway share; outlives them. All of it is thread-safe.
struct Shared {
  Options options;
  int64_t log_every = 0;
  std::unique_ptr<Authenticator> authenticator;
  std::unique_ptr<ReloadingTls> edge_tls;      // null: without TLS
  std::unique_ptr<ReloadingTls> upstream_tls;  // null: without TLS
  telemetry::Metrics* metrics = nullptr;
  std::unique_ptr<EdgeMetrics> edge_metrics;
  std::vector<std::unique_ptr<UpstreamMetrics>> upstream_metrics;  // as options.upstreams
  std::unique_ptr<ConnectionCount> connections;
  // A connection has ended.
  std::function<void()> connection_closed;
};

// Its functions may be called by any thread; they post to the loop.
class Worker {
 public:
  // Sockets that listen, which it takes.
  struct Listening {
    std::vector<int> calls;
    std::vector<int> health;  // without TLS
  };

  // `checks_files`: it is the one that looks after certificates.
  Worker(Shared& shared, const Listening& listening, bool checks_files);
  // The loop has ended, or was never started.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();
  void StopServing();
  // Takes no more connections, and asks clients to leave.
  void Drain();
  // Answers what is under way with errors.
  void EndStreams();
  // Ends everything, and the loop.
  void Stop();

 private:
  void Accept(int descriptor, const SocketAddress& peer, SslPtr ssl, EdgeHandlers& handlers);
  void OnDown(ServerSession& session, const std::string& ip);
  // Once a second.
  void OnTick();

  Shared& shared_;
  Loop loop_;
  ServingState serving_;
  CallRecorder recorder_;
  std::vector<std::unique_ptr<Upstream>> upstreams_;
  Router router_;
  const CallContext context_;
  EdgeHandlers handlers_;
  EdgeHandlers health_handlers_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Listener>> health_listeners_;
  std::list<std::shared_ptr<ServerSession>> sessions_;
  const bool checks_files_;
  bool draining_ = false;
  double published_calls_ = 0;
  double published_bytes_ = 0;
  Timer tick_;
  std::thread thread_;
};

}  // namespace caravan::gateway
