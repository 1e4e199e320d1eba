// What the gateway counts, beside calls by method.
#pragma once

#include <string>
#include <string_view>

#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "services/common/telemetry/metrics.h"

namespace caravan::gateway {

// Of connections at the edge. Handles are looked up once; thread-safe.
class EdgeMetrics {
 public:
  explicit EdgeMetrics(telemetry::Metrics& metrics);

  prometheus::Gauge& connections;
  prometheus::Counter& accepted;
  prometheus::Counter& refused_total;    // there are too many connections
  prometheus::Counter& refused_address;  // there are too many of one address
  prometheus::Gauge& calls;
  prometheus::Gauge& buffered_bytes;

  // A connection has ended, for one of the reasons of server_session.cc.
  void Disconnected(std::string_view reason);

 private:
  prometheus::Family<prometheus::Counter>& disconnects_;
};

// Of one service behind the gateway.
class UpstreamMetrics {
 public:
  UpstreamMetrics(telemetry::Metrics& metrics, const std::string& service);

  prometheus::Gauge& connections;       // ready
  prometheus::Gauge& endpoints;         // known by name
  prometheus::Gauge& failed_endpoints;  // left out after a failure
  prometheus::Gauge& waiting;           // calls that wait for a connection
  prometheus::Gauge& outstanding;       // calls under way
  prometheus::Counter& connected;
  prometheus::Counter& connect_failures;
  prometheus::Counter& lost;  // connections that broke
  prometheus::Counter& retries;
};

}  // namespace caravan::gateway
