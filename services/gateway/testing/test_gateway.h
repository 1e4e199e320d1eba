// A gateway in the process, without TLS unless it is asked for.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/channel.h"
#include "services/common/telemetry/metrics.h"
#include "services/gateway/gateway.h"

namespace caravan::gateway::testing {

class TestGateway {
 public:
  // In front of `upstream` (`zones=127.0.0.1:1234`); `adjust` changes settings. One
  // loop unless it says otherwise. Ends the process where it cannot start.
  explicit TestGateway(const std::string& upstream,
                       const std::function<void(GatewaySettings&)>& adjust = {});
  ~TestGateway();

  const std::string& address() const { return gateway_->addresses()[0]; }
  Gateway& gateway() { return *gateway_; }
  // Of a connection of its own, as `users/ada`.
  std::shared_ptr<grpc::Channel> NewChannel() const;

  // The value of a metric, by its name with labels as in the text of /metrics; 0
  // where it is not there.
  double Metric(const std::string& name) const;
  // Waits until a metric has at least this value.
  bool AwaitMetric(const std::string& name, double least) const;

 private:
  telemetry::Metrics metrics_;
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace caravan::gateway::testing
