// Metrics of a process, in Prometheus' text format.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"

namespace caravan::telemetry {

// The metrics of one RPC method, looked up once and then cheap (some 50 ns a
// call). Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(const MethodMetrics&) = delete;
  MethodMetrics& operator=(const MethodMetrics&) = delete;

  void Started() { in_flight_.Increment(); }
  // `code` is the canonical status code, 0 to 16; others count as UNKNOWN.
  void Finished(int code, absl::Duration latency);
  // A request of the stream that a call takes.
  void Received();

 private:
  friend class Metrics;
  MethodMetrics(std::string service, std::string method,
                prometheus::Family<prometheus::Counter>& handled,
                prometheus::Family<prometheus::Counter>& received, prometheus::Gauge& in_flight,
                prometheus::Histogram& latency);

  const std::string service_;
  const std::string method_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Counter>& received_;
  prometheus::Gauge& in_flight_;
  prometheus::Histogram& latency_;
  // By code; made when first seen, since most methods see few.
  std::array<std::atomic<prometheus::Counter*>, 17> by_code_{};
  // Made for the first: most methods take no streams.
  std::atomic<prometheus::Counter*> received_count_ = nullptr;
};

// A registry with the metrics of the process (memory, file descriptors, CPU,
// threads) and of its RPC methods:
//
//   grpc_server_handled_total{grpc_service,grpc_method,grpc_code}
//   grpc_server_handling_seconds{grpc_service,grpc_method}
//   grpc_server_msg_received_total{grpc_service,grpc_method}, of streams of requests
//   grpc_server_in_flight{grpc_service,grpc_method}
//
// Thread-safe. What it returns lives as long as it does.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // `service` is the full name of the gRPC service.
  MethodMetrics& Method(std::string_view service, std::string_view method);

  // For metrics of other kinds.
  prometheus::Registry& registry() { return registry_; }

  // All metrics, as `text/plain; version=0.0.4`.
  std::string ToText() const;

 private:
  prometheus::Registry registry_;
  std::shared_ptr<prometheus::Collectable> process_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Counter>& received_;
  prometheus::Family<prometheus::Gauge>& in_flight_;
  prometheus::Family<prometheus::Histogram>& latency_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<MethodMetrics>> methods_;
};

}  // namespace caravan::telemetry
