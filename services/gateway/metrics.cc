#include "services/gateway/metrics.h"

namespace caravan::gateway {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;

prometheus::Gauge& Gauge(telemetry::Metrics& metrics, const char* name, const char* help,
                         const prometheus::Labels& labels = {}) {
  return BuildGauge().Name(name).Help(help).Register(metrics.registry()).Add(labels);
}

prometheus::Counter& Counter(telemetry::Metrics& metrics, const char* name, const char* help,
                             const prometheus::Labels& labels = {}) {
  return BuildCounter().Name(name).Help(help).Register(metrics.registry()).Add(labels);
}

constexpr char kAccepted[] = "caravan_gateway_accepted_total";
constexpr char kAcceptedHelp[] = "Connections of clients, by what became of them.";

}  // namespace

EdgeMetrics::EdgeMetrics(telemetry::Metrics& metrics)
    : connections(Gauge(metrics, "caravan_gateway_connections", "Connections of clients.")),
      accepted(Counter(metrics, kAccepted, kAcceptedHelp, {{"result", "accepted"}})),
      refused_total(Counter(metrics, kAccepted, kAcceptedHelp, {{"result", "refused"}})),
      refused_address(Counter(metrics, kAccepted, kAcceptedHelp, {{"result", "refused_address"}})),
      calls(Gauge(metrics, "caravan_gateway_calls", "Calls under way.")),
      buffered_bytes(Gauge(metrics, "caravan_gateway_buffered_bytes",
                           "Bytes of messages held for slow readers.")),
      disconnects_(BuildCounter()
                       .Name("caravan_gateway_disconnects_total")
                       .Help("Connections of clients that have ended, by reason.")
                       .Register(metrics.registry())) {}

void EdgeMetrics::Disconnected(std::string_view reason) {
  disconnects_.Add({{"reason", std::string(reason)}}).Increment();
}

UpstreamMetrics::UpstreamMetrics(telemetry::Metrics& metrics, const std::string& service)
    : connections(Gauge(metrics, "caravan_gateway_upstream_connections",
                        "Connections to services that are ready.", {{"service", service}})),
      endpoints(Gauge(metrics, "caravan_gateway_upstream_endpoints",
                      "Addresses of services, summed over event loops.", {{"service", service}})),
      failed_endpoints(Gauge(metrics, "caravan_gateway_upstream_failed_endpoints",
                             "Addresses of services that are left out after a failure.",
                             {{"service", service}})),
      waiting(Gauge(metrics, "caravan_gateway_upstream_waiting",
                    "Calls that wait for a connection to their service.", {{"service", service}})),
      outstanding(Gauge(metrics, "caravan_gateway_upstream_calls", "Calls under way at a service.",
                        {{"service", service}})),
      connected(Counter(metrics, "caravan_gateway_upstream_connected_total",
                        "Connections to services that became ready.", {{"service", service}})),
      connect_failures(Counter(metrics, "caravan_gateway_upstream_connect_failures_total",
                               "Connections to services that did not become ready.",
                               {{"service", service}})),
      lost(Counter(metrics, "caravan_gateway_upstream_lost_total",
                   "Connections to services that broke while calls were under way.",
                   {{"service", service}})),
      retries(Counter(metrics, "caravan_gateway_retries_total",
                      "Calls that a service had not looked at and that were sent again.",
                      {{"service", service}})) {}

}  // namespace caravan::gateway
