#include "services/gateway/testing/test_gateway.h"

#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "grpcpp/grpcpp.h"
#include "services/common/settings/settings.h"

namespace caravan::gateway::testing {

TestGateway::TestGateway(const std::string& upstream,
                         const std::function<void(GatewaySettings&)>& adjust) {
  auto settings = settings::Defaults<GatewaySettings>();
  settings.add_upstream(upstream);
  settings.set_insecure(true);
  settings.set_upstream_insecure(true);
  settings.set_insecure_principal("users/ada");
  settings.set_threads(1);
  if (adjust) adjust(settings);
  auto authenticator = MakeInsecureAuthenticator(settings.insecure_principal());
  auto gateway = Gateway::Start(settings, *std::move(authenticator), metrics_);
  if (!gateway.ok()) {
    std::fprintf(stderr, "%s\n", gateway.status().ToString().c_str());
    std::abort();
  }
  gateway_ = *std::move(gateway);
}

TestGateway::~TestGateway() = default;

std::shared_ptr<grpc::Channel> TestGateway::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel(address(), grpc::InsecureChannelCredentials(), arguments);
}

double TestGateway::Metric(const std::string& name) const {
  for (const absl::string_view line : absl::StrSplit(metrics_.ToText(), '\n')) {
    double value = 0;
    if (absl::StartsWith(line, absl::StrCat(name, " ")) &&
        absl::SimpleAtod(line.substr(name.size() + 1), &value)) {
      return value;
    }
  }
  return 0;
}

bool TestGateway::AwaitMetric(const std::string& name, double least) const {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (Metric(name) < least) {
    if (absl::Now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace caravan::gateway::testing
