// Handlers of EvaluationService, and the rules of every write of an evaluation or
// a submission.
#pragma once

#include <vector>

#include "caravan/zones/v1/evaluations.service.h"
#include "caravan/zones/v1/submissions.pb.h"
#include "services/common/resources/registry.h"
#include "services/zones/ranking.h"

namespace caravan::zones {

class EvaluationsService : public v1::EvaluationServiceHandlers {
 public:
  explicit EvaluationsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::Evaluation> CallForSubmissions(
      rpc::Call& call, store::Transaction& tx,
      const v1::CallForSubmissionsRequest& request) override;
  absl::StatusOr<v1::EvaluationResult> ScoreEvaluation(
      rpc::Call& call, store::Transaction& tx, const v1::ScoreEvaluationRequest& request) override;
  absl::StatusOr<v1::ExplainEvaluationResponse> ExplainEvaluation(
      rpc::Call& call, store::Reader& reader, const v1::ExplainEvaluationRequest& request) override;

 private:
  const resources::Registry& registry_;
};

// Keeps a published evaluation as it is; publishing one checks that what was
// scored is what there is, and sets the ranking.
absl::Status PrepareEvaluation(const resources::Writing& writing, const v1::Evaluation* before,
                               v1::Evaluation& after);

// Keeps a submission to itself: its zone must submit, and its figures change only
// while they may.
absl::Status PrepareSubmission(const resources::Writing& writing, const v1::Submission* before,
                               v1::Submission& after);

}  // namespace caravan::zones
