// Scores zones from what they submitted, ranks them, and says why. How is
// promised by the contracts of Evaluation and Ranking.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "caravan/zones/v1/evaluation_results.pb.h"
#include "caravan/zones/v1/evaluations.pb.h"
#include "caravan/zones/v1/submissions.pb.h"

namespace caravan::zones {

// A zone that must submit, and its submission where there is one.
struct Entrant {
  std::string pilot_zone;
  std::optional<v1::Submission> submission;
};

// The ranking of the entrants, who come in any order. FAILED_PRECONDITION with
// reason SUBMISSIONS_NOT_VERIFIED, SUBMISSION_INCOMPLETE or NO_SUBMISSIONS.
absl::StatusOr<v1::Ranking> Rank(const v1::Evaluation& evaluation, std::vector<Entrant> entrants);

// FAILED_PRECONDITION with reason INPUTS_CHANGED where `now`, which is what Rank()
// gives now, is not what was scored as `scored`.
absl::Status CheckUnchanged(const v1::Evaluation& evaluation, const v1::Ranking& scored,
                            const absl::StatusOr<v1::Ranking>& now);

// Why a zone has its place in a ranking; `submission` is what was scored for it.
// FAILED_PRECONDITION with reason ZONE_MISSING where it has no place.
absl::StatusOr<v1::ExplainEvaluationResponse> Explain(const v1::Evaluation& evaluation,
                                                      const v1::Ranking& ranking,
                                                      std::string_view pilot_zone,
                                                      const v1::Submission& submission);

}  // namespace caravan::zones
