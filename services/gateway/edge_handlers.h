// Who serves what at the edge: the one place that looks at method, path and
// content type of a request.
#pragma once

#include <memory>

#include "services/gateway/exchange.h"
#include "services/gateway/health.h"
#include "services/gateway/stream_handler.h"

namespace caravan::gateway {

class EdgeHandlers final : public StreamHandlers {
 public:
  EdgeHandlers(const CallContext& context, ServingState& serving)
      : context_(context), serving_(serving) {}

  std::unique_ptr<StreamHandler> Make(ServerStream& stream) override;
  std::unique_ptr<StreamHandler> MakeForTooLarge(ServerStream& stream) override;

 private:
  const CallContext& context_;
  ServingState& serving_;
};

}  // namespace caravan::gateway
