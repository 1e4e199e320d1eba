#include "services/gateway/upstream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/telemetry/log.h"

namespace caravan::gateway {
namespace {

using telemetry::LogLevel;

constexpr double kBackoffGrowth = 1.6;
constexpr double kBackoffJitter = 0.2;
// A connection that ends sooner than this after it began has failed.
constexpr Clock::duration kShortLife = std::chrono::seconds(1);
// Connections beyond the first go when they were not needed for so long.
constexpr Clock::duration kSurplus = std::chrono::seconds(60);
// Names are asked for again so soon where an address does not answer.
constexpr Clock::duration kSoon = std::chrono::seconds(1);

}  // namespace

struct Upstream::Endpoint {
  SocketAddress address;
  std::string name;
  bool present = true;  // the name still leads to it
  std::list<std::shared_ptr<UpstreamSession>> sessions;
  int failures = 0;  // in a row
  Clock::time_point retry_at;
};

Upstream::Upstream(Loop& loop, UpstreamOptions options,
                   std::function<std::shared_ptr<const TlsContext>()> tls, UpstreamMetrics& metrics)
    : loop_(loop),
      options_(std::move(options)),
      tls_(std::move(tls)),
      metrics_(metrics),
      addresses_(options_.targets.size()),
      refresh_(loop.timers(), [this] { Refresh(); }),
      timer_(loop.timers(), [this] { OnTimer(); }) {}

Upstream::~Upstream() = default;

void Upstream::Start() {
  hopeful_until_ = loop_.now() + options_.wait_timeout;
  for (size_t i = 0; i < options_.targets.size(); ++i) {
    resolvers_.push_back(std::make_unique<Resolver>(loop_));
  }
  Refresh();
}

void Upstream::Stop() {
  stopped_ = true;
  resolvers_.clear();
  refresh_.Stop();
  timer_.Stop();
  for (Endpoint& endpoint : endpoints_) {
    for (const auto& session : endpoint.sessions) session->Doom("the gateway ends");
  }
}

void Upstream::Refresh() {
  refresh_.StartIn(options_.refresh_interval);
  for (size_t i = 0; i < options_.targets.size(); ++i) {
    resolvers_[i]->Resolve(options_.targets[i],
                           [this, i](absl::StatusOr<std::vector<SocketAddress>> addresses) {
                             OnAddresses(i, std::move(addresses));
                           });
  }
}

void Upstream::OnAddresses(size_t target, absl::StatusOr<std::vector<SocketAddress>> addresses) {
  if (stopped_) return;
  if (!addresses.ok()) {
    telemetry::Log(LogLevel::kWarning, "A service's name has no address",
                   {{"service", options_.service}, {"error", addresses.status().message()}});
    if (addresses_[target].empty()) refresh_.StartIn(kSoon);
    return;  // what was known of it may still serve
  }
  addresses_[target] = *std::move(addresses);
  SetEndpoints();
}

void Upstream::SetEndpoints() {
  for (Endpoint& endpoint : endpoints_) endpoint.present = false;
  for (const auto& addresses : addresses_) {
    for (const SocketAddress& address : addresses) {
      const std::string name = address.ToString();
      const auto known = std::find_if(endpoints_.begin(), endpoints_.end(),
                                      [&](const Endpoint& e) { return e.name == name; });
      if (known != endpoints_.end()) {
        known->present = true;
        continue;
      }
      Endpoint& endpoint = endpoints_.emplace_back();
      endpoint.address = address;
      endpoint.name = name;
      endpoint.retry_at = loop_.now();
    }
  }
  for (auto endpoint = endpoints_.begin(); endpoint != endpoints_.end();) {
    if (endpoint->present) {
      ++endpoint;
      continue;
    }
    for (const auto& session : endpoint->sessions) session->Leave();
    // Its connections refer to it until they are down.
    endpoint = endpoint->sessions.empty() ? endpoints_.erase(endpoint) : std::next(endpoint);
  }
  Connect();
}

Upstream::Choice Upstream::Choose(const UpstreamCall& call) {
  Choice best;
  int64_t fewest = INT64_MAX;
  for (Endpoint& endpoint : endpoints_) {
    if (!endpoint.present) continue;
    UpstreamSession* session = nullptr;
    int64_t calls = 0;
    for (const auto& candidate : endpoint.sessions) {
      calls += candidate->stream_count();
      if (candidate->HasRoom() &&
          (session == nullptr || candidate->stream_count() < session->stream_count())) {
        session = candidate.get();
      }
    }
    if (session == nullptr) continue;
    const bool again = call.last_endpoint_ == &endpoint;
    if (best.session == nullptr || (best.endpoint == call.last_endpoint_) ||
        (!again && calls < fewest)) {
      best = {&endpoint, session};
      fewest = calls;
    }
  }
  return best;
}

void Upstream::Send(UpstreamCall& call, const Choice& choice) {
  call.last_endpoint_ = choice.endpoint;
  const bool more = choice.session->stream_count() + 1 >= options_.calls_per_connection;
  choice.session->Open(call);
  if (more) Connect();
}

void Upstream::Submit(UpstreamCall& call) {
  if (waiting_.empty()) {
    if (const Choice choice = Choose(call); choice.session != nullptr) {
      Send(call, choice);
      return;
    }
  }
  const bool hopeless = ready_ == 0 && loop_.now() >= hopeful_until_;
  if (stopped_ || hopeless) {
    call.OnFailure({.status = Unreachable()});
    return;
  }
  if (static_cast<int64_t>(waiting_.size()) >= options_.most_waiting) {
    call.OnFailure(
        {.status = api::Error(ready_ > 0 ? absl::StatusCode::kResourceExhausted
                                         : absl::StatusCode::kUnavailable,
                              "TOO_MANY_WAITING",
                              absl::StrCat("too many calls wait for the service ", options_.service,
                                           " already; try again later"))
                       .With("service", options_.service)});
    return;
  }
  waiting_.push_back(&call);
  call.place_ = std::prev(waiting_.end());
  call.waits_ = true;
  call.waits_since_ = loop_.now();
  metrics_.waiting.Increment();
  WakeAt(loop_.now() + options_.wait_timeout);
  Connect();
}

void Upstream::StopWaiting(UpstreamCall& call) {
  waiting_.erase(call.place_);
  call.waits_ = false;
  metrics_.waiting.Decrement();
}

void Upstream::Cancel(UpstreamCall& call) {
  if (call.waits_) StopWaiting(call);
}

void Upstream::ServeWaiting() {
  while (!waiting_.empty()) {
    UpstreamCall& call = *waiting_.front();
    const Choice choice = Choose(call);
    if (choice.session == nullptr) return;
    StopWaiting(call);
    Send(call, choice);
  }
}

void Upstream::Connect() {
  if (stopped_) return;
  const Clock::time_point now = loop_.now();
  for (Endpoint& endpoint : endpoints_) {
    if (!endpoint.present) continue;
    int64_t ready = 0;
    int64_t connecting = 0;
    int64_t calls = 0;
    for (const auto& session : endpoint.sessions) {
      if (session->ready()) {
        ++ready;
        calls += session->stream_count();
      } else if (!session->was_ready() && !session->doomed()) {
        ++connecting;
      }
    }
    if (connecting > 0) continue;
    const bool more = ready == 0 || (ready < options_.most_connections &&
                                     calls >= ready * options_.calls_per_connection);
    if (!more) continue;
    if (now >= endpoint.retry_at) {
      Open(endpoint);
    } else {
      WakeAt(endpoint.retry_at);
    }
  }
  Count();
}

void Upstream::Open(Endpoint& endpoint) {
  SslPtr ssl;
  if (tls_ != nullptr) ssl = tls_()->NewSession(options_.service);
  // What fails at once is tried again after the usual pause.
  endpoint.retry_at = loop_.now() + options_.most_backoff;
  auto socket = Socket::Connect(loop_, endpoint.address, std::move(ssl));
  if (!socket.ok()) {
    ++endpoint.failures;
    endpoint.retry_at =
        loop_.now() + options_.least_backoff * (1 << std::min(endpoint.failures, 6));
    metrics_.connect_failures.Increment();
    WakeAt(endpoint.retry_at);
    return;
  }
  UpstreamSession::Options options = options_.session;
  options.service = options_.service;
  options.on_ready = [this, &endpoint](UpstreamSession& session) {
    endpoint.failures = 0;
    endpoint.retry_at = loop_.now();
    OnReady(session);
  };
  options.on_room = [this](UpstreamSession&) { ServeWaiting(); };
  options.on_leaving = [this](UpstreamSession&) { Connect(); };
  options.on_down = [this, &endpoint](UpstreamSession& session) { OnDown(endpoint, session); };
  const auto session =
      std::make_shared<UpstreamSession>(loop_, *std::move(socket), std::move(options));
  endpoint.sessions.push_back(session);
  session->Start();
}

void Upstream::OnReady(UpstreamSession&) {
  ++ready_;
  metrics_.connected.Increment();
  metrics_.connections.Increment();
  WakeAt(loop_.now() + kSurplus);
  ServeWaiting();
  Connect();
}

void Upstream::OnDown(Endpoint& endpoint, UpstreamSession& session) {
  const Clock::time_point now = loop_.now();
  const bool was_ready = session.was_ready();
  if (was_ready) {
    --ready_;
    metrics_.connections.Decrement();
    if (session.stream_count() > 0) metrics_.lost.Increment();
    if (ready_ == 0) hopeful_until_ = now + options_.wait_timeout;
  }
  const bool failed = !was_ready || now - session.opened() < kShortLife;
  if (failed && !stopped_) {
    if (!was_ready) metrics_.connect_failures.Increment();
    double delay = std::chrono::duration<double>(options_.least_backoff).count();
    const double most = std::chrono::duration<double>(options_.most_backoff).count();
    for (int i = 0; i < endpoint.failures && delay < most; ++i) delay *= kBackoffGrowth;
    delay = std::min(delay, most) * absl::Uniform(random_, 1 - kBackoffJitter, 1 + kBackoffJitter);
    endpoint.retry_at =
        now + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(delay));
    if (endpoint.failures == 0) {
      telemetry::Log(
          LogLevel::kWarning, "A service cannot be reached",
          {{"service", options_.service}, {"endpoint", endpoint.name}, {"error", session.why()}});
      // Perhaps it has moved.
      refresh_.StartIn(std::min(kSoon, options_.refresh_interval));
    }
    ++endpoint.failures;
  } else if (!stopped_) {
    endpoint.retry_at = now;
  }
  endpoint.sessions.remove_if([&](const auto& held) { return held.get() == &session; });
  if (!endpoint.present && endpoint.sessions.empty()) {
    endpoints_.remove_if([&](const Endpoint& held) { return &held == &endpoint; });
  }
  Connect();
}

void Upstream::WakeAt(Clock::time_point time) {
  if (stopped_ || (timer_.running() && timer_at_ <= time)) return;
  timer_at_ = time;
  timer_.StartAt(time);
}

void Upstream::OnTimer() {
  const Clock::time_point now = loop_.now();
  while (!waiting_.empty() && now >= waiting_.front()->waits_since_ + options_.wait_timeout) {
    UpstreamCall& call = *waiting_.front();
    StopWaiting(call);
    call.OnFailure({.status = Unreachable()});
  }
  if (!waiting_.empty()) WakeAt(waiting_.front()->waits_since_ + options_.wait_timeout);
  for (Endpoint& endpoint : endpoints_) {
    int64_t ready = std::count_if(endpoint.sessions.begin(), endpoint.sessions.end(),
                                  [](const auto& session) { return session->ready(); });
    for (const auto& session : endpoint.sessions) {
      if (ready <= 1) break;
      if (!session->ready() || session->stream_count() > 0) continue;
      if (now >= session->idle_since() + kSurplus) {
        session->Leave();
        --ready;
      }
    }
    if (ready > 1) WakeAt(now + kSurplus);
  }
  Connect();
}

absl::Status Upstream::Unreachable() const {
  if (ready_ > 0) {
    return api::Error(absl::StatusCode::kResourceExhausted, "SERVICE_BUSY",
                      absl::StrCat("the service ", options_.service,
                                   " has as many calls as it takes; try again later"))
        .With("service", options_.service);
  }
  return api::Error(
             absl::StatusCode::kUnavailable, "SERVICE_UNREACHABLE",
             absl::StrCat("the service ", options_.service, " cannot be reached; try again later"))
      .With("service", options_.service);
}

void Upstream::PublishCalls() {
  double calls = 0;
  for (const Endpoint& endpoint : endpoints_) {
    for (const auto& session : endpoint.sessions) {
      calls += static_cast<double>(session->stream_count());
    }
  }
  metrics_.outstanding.Increment(calls - std::exchange(counted_calls_, calls));
}

void Upstream::Count() {
  double failed = 0;
  for (const Endpoint& endpoint : endpoints_) failed += endpoint.failures > 0 ? 1 : 0;
  const double all = static_cast<double>(endpoints_.size());
  metrics_.endpoints.Increment(all - std::exchange(counted_endpoints_, all));
  metrics_.failed_endpoints.Increment(failed - std::exchange(counted_failed_, failed));
}

}  // namespace caravan::gateway
