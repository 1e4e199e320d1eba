#include "services/gateway/worker.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace caravan::gateway {
namespace {

constexpr Clock::duration kTick = std::chrono::seconds(1);

// The reasons of ServerSession; those for people are not for metrics.
std::string_view ReasonOf(const std::string& why) {
  if (why.find(' ') == std::string::npos) return why;
  return why == "the peer has closed the connection" ? "closed" : "broken";
}

}  // namespace

Worker::Worker(Shared& shared, const Listening& listening, bool checks_files)
    : shared_(shared),
      recorder_(*shared.metrics, shared.log_every, loop_.now()),
      router_(shared.options.default_service),
      context_{shared.options.limits, router_, *shared.authenticator, recorder_},
      handlers_(context_, serving_, EdgeHandlers::Serves::kEverything),
      health_handlers_(context_, serving_, EdgeHandlers::Serves::kHealth),
      checks_files_(checks_files),
      tick_(loop_.timers(), [this] { OnTick(); }) {
  std::function<std::shared_ptr<const TlsContext>()> tls;
  if (shared.upstream_tls != nullptr) tls = [&shared] { return shared.upstream_tls->Get(); };
  for (size_t i = 0; i < shared.options.upstreams.size(); ++i) {
    upstreams_.push_back(std::make_unique<Upstream>(loop_, shared.options.upstreams[i], tls,
                                                    *shared.upstream_metrics[i]));
    router_.Add(*upstreams_.back());
  }
  for (const int descriptor : listening.calls) {
    listeners_.push_back(std::make_unique<Listener>(
        loop_, descriptor, [this](int accepted, const SocketAddress& peer) {
          const auto& tls = shared_.edge_tls;
          Accept(accepted, peer, tls == nullptr ? nullptr : tls->Get()->NewSession(), handlers_);
        }));
  }
  for (const int descriptor : listening.health) {
    health_listeners_.push_back(std::make_unique<Listener>(
        loop_, descriptor, [this](int accepted, const SocketAddress& peer) {
          Accept(accepted, peer, nullptr, health_handlers_);
        }));
  }
}

Worker::~Worker() {
  if (thread_.joinable()) thread_.join();
}

void Worker::Start() {
  loop_.Post([this] {
    for (const auto& upstream : upstreams_) upstream->Start();
    for (const auto& listener : listeners_) listener->Start();
    for (const auto& listener : health_listeners_) listener->Start();
    OnTick();
  });
  thread_ = std::thread([this] { loop_.Run(); });
}

void Worker::StopServing() {
  loop_.Post([this] { serving_.StopServing(); });
}

void Worker::Drain() {
  loop_.Post([this] {
    draining_ = true;
    listeners_.clear();
    for (const auto& session : sessions_) session->Drain();
  });
}

void Worker::EndStreams() {
  loop_.Post([this] {
    for (const auto& session : sessions_) session->EndStreams();
  });
}

void Worker::Stop() {
  loop_.Post([this] {
    tick_.Stop();
    listeners_.clear();
    health_listeners_.clear();
    for (const auto& session : sessions_) session->Doom("drained");
    for (const auto& upstream : upstreams_) upstream->Stop();
    // What is doomed goes at the end of this turn.
    loop_.Post([this] { loop_.Post([this] { loop_.Stop(); }); });
  });
}

void Worker::Accept(int descriptor, const SocketAddress& peer, SslPtr ssl, EdgeHandlers& handlers) {
  const std::string ip = peer.Ip();
  const ConnectionCount::Answer answer = shared_.connections->Open(ip);
  if (answer != ConnectionCount::Answer::kYes) {
    (answer == ConnectionCount::Answer::kTooMany ? shared_.edge_metrics->refused_total
                                                 : shared_.edge_metrics->refused_address)
        .Increment();
    close(descriptor);
    return;
  }
  shared_.edge_metrics->accepted.Increment();
  shared_.edge_metrics->connections.Increment();
  auto session = std::make_shared<ServerSession>(
      loop_, std::make_unique<Socket>(loop_, descriptor, std::move(ssl)),
      ClientConnection{.address = peer.ToString(), .spiffe_id = {}},
      ServerSession::Options{.limits = &shared_.options.limits,
                             .handlers = &handlers,
                             .on_down = [this, ip](ServerSession& down) { OnDown(down, ip); }});
  sessions_.push_front(session);
  session->set_place(sessions_.begin());
  session->Start();
}

void Worker::OnDown(ServerSession& session, const std::string& ip) {
  shared_.edge_metrics->connections.Decrement();
  shared_.edge_metrics->Disconnected(ReasonOf(session.why()));
  shared_.connections->Close(ip);
  sessions_.erase(session.place());
  shared_.connection_closed();
}

void Worker::OnTick() {
  tick_.StartIn(kTick);
  const auto calls = static_cast<double>(loop_.calls);
  const auto bytes = static_cast<double>(loop_.buffered_bytes);
  shared_.edge_metrics->calls.Increment(calls - std::exchange(published_calls_, calls));
  shared_.edge_metrics->buffered_bytes.Increment(bytes - std::exchange(published_bytes_, bytes));
  for (const auto& upstream : upstreams_) upstream->PublishCalls();
  if (!checks_files_) return;
  if (shared_.edge_tls != nullptr) shared_.edge_tls->Check();
  if (shared_.upstream_tls != nullptr) shared_.upstream_tls->Check();
}

}  // namespace caravan::gateway
