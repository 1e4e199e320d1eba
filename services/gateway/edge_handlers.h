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
  enum class Serves { kEverything, kHealth };

  EdgeHandlers(const CallContext& context, ServingState& serving, Serves serves)
      : context_(context), serving_(serving), serves_(serves) {}

  std::unique_ptr<StreamHandler> Make(ServerStream& stream) override;
  std::unique_ptr<StreamHandler> MakeForTooLarge(ServerStream& stream) override;

 private:
  const CallContext& context_;
  ServingState& serving_;
  const Serves serves_;
};

}  // namespace caravan::gateway
