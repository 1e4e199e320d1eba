// Handlers of ReckoningService and DisputeService, and the rule for every write of
// disputes.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/logistics/v1/disputes.service.h"
#include "caravan/logistics/v1/reckonings.service.h"
#include "services/common/host/host.h"
#include "services/common/resources/registry.h"
#include "services/logistics/reckoning_close.h"
#include "services/logistics/scorecard_source.h"

namespace caravan::logistics {

absl::Status PrepareDispute(const resources::Writing& writing, const v1::Dispute* before,
                            v1::Dispute& after);

class ReckoningsService : public v1::ReckoningServiceHandlers {
 public:
  ReckoningsService(const host::Dependencies& dependencies,
                    std::shared_ptr<ScorecardSource> source);

  absl::StatusOr<v1::Reckoning> OpenReckoning(rpc::Call& call, store::Transaction& tx,
                                              const v1::OpenReckoningRequest& request) override;
  absl::StatusOr<v1::Reckoning> FinalizeReckoning(
      rpc::Call& call, store::Transaction& tx,
      const v1::FinalizeReckoningRequest& request) override;

 private:
  const resources::Registry& registry_;
  const ReckoningCloser closer_;
};

class DisputesService : public v1::DisputeServiceHandlers {
 public:
  explicit DisputesService(std::shared_ptr<ScorecardSource> source);
};

}  // namespace caravan::logistics
