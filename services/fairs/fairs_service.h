// Handlers of FairService, and the rules for every write of fairs.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/fairs.service.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

absl::Status PrepareFair(const resources::Writing& writing, const v1::Fair* before,
                         v1::Fair& after);

class FairsService : public v1::FairServiceHandlers {
 public:
  explicit FairsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::Fair> CommitLottery(rpc::Call& call, store::Transaction& tx,
                                         const v1::CommitLotteryRequest& request) override;
  absl::StatusOr<v1::Fair> RevealLottery(rpc::Call& call, store::Transaction& tx,
                                         const v1::RevealLotteryRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::fairs
