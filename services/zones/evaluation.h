// Evaluations and the submissions to them: what must be true of one.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "caravan/zones/v1/evaluations.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/submissions.pb.h"

namespace caravan::zones {

// The id of a zone's submission is that of the zone.
std::string SubmissionName(std::string_view evaluation, std::string_view pilot_zone);

// The evaluation that a submission's or result's name belongs to.
std::string EvaluationOf(std::string_view name);

// Whether a zone must submit: it is in force on the reference date and of the
// batches.
bool MustSubmit(const v1::Evaluation& evaluation, const v1::PilotZone& zone);

// Checks an evaluation as it will be stored, beyond what its contract declares:
// ids are unique, weights above 0, targets where they belong, on the side of the
// base that the direction says, and the tiers' bounds fit their rule.
// INVALID_ARGUMENT names fields relative to the evaluation.
absl::Status CheckEvaluation(const v1::Evaluation& evaluation);

// FAILED_PRECONDITION with reason EVALUATION_PUBLISHED where it is published;
// `what` is what cannot change.
absl::Status CheckNotPublished(const v1::Evaluation& evaluation, std::string_view what);

// Checks a submission's figures against the evaluation: each is of an indicator
// that it has, and none there twice. INVALID_ARGUMENT names fields relative to
// the submission.
absl::Status CheckValues(const v1::Evaluation& evaluation, const v1::Submission& submission);

// FAILED_PRECONDITION with reason SUBMISSION_INCOMPLETE, naming them, where
// indicators have no value.
absl::Status CheckComplete(const v1::Evaluation& evaluation, const v1::Submission& submission);

}  // namespace caravan::zones
