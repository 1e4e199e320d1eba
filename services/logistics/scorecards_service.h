// Handlers of ScorecardService, and the scorecard of a month for reckonings.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "caravan/logistics/v1/scorecards.service.h"
#include "services/common/operations/operations.h"
#include "services/logistics/parcel_host.h"
#include "services/logistics/scorecard_message.h"

namespace caravan::logistics {

class ScorecardsService : public v1::ScorecardServiceHandlers {
 public:
  // Registers the operation of RebuildScorecards; `operations` outlives the service.
  ScorecardsService(std::shared_ptr<ParcelHost> host, operations::Operations& operations);

  absl::StatusOr<v1::Scorecard> ComputeScorecard(
      rpc::Call& call, store::Reader& reader, const v1::ComputeScorecardRequest& request) override;
  absl::StatusOr<v1::QueryScorecardsResponse> QueryScorecards(
      rpc::Call& call, store::Reader& reader, const v1::QueryScorecardsRequest& request) override;
  absl::StatusOr<v1::CompareCouriersResponse> CompareCouriers(
      rpc::Call& call, store::Reader& reader, const v1::CompareCouriersRequest& request) override;
  absl::StatusOr<std::unique_ptr<rpc::Source<v1::Scorecard>>> WatchScorecard(
      rpc::Call& call, const v1::WatchScorecardRequest& request) override;
  absl::StatusOr<google::longrunning::Operation> RebuildScorecards(
      rpc::Call& call, store::Transaction& tx,
      const v1::RebuildScorecardsRequest& request) override;

 private:
  const std::shared_ptr<ParcelHost> host_;
  operations::Operations& operations_;
};

}  // namespace caravan::logistics
