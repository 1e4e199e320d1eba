// grpc.health.v1.Health of the gateway itself.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string_view>

#include "services/gateway/stream_handler.h"

namespace caravan::gateway {

// Whether the gateway serves, and who wants to know when that changes. Of one
// loop.
class ServingState {
 public:
  bool serving() const { return serving_; }
  void StopServing();

 private:
  friend class HealthWatch;
  bool serving_ = true;
  std::list<std::function<void()>> watchers_;
};

// The handler of Check, Watch, and what else the path of the health service has.
// Nobody needs to say who he is. Of services, only "" is known: the gateway.
std::unique_ptr<StreamHandler> MakeHealthHandler(ServerStream& stream, ServingState& state,
                                                 std::string_view method);

}  // namespace caravan::gateway
