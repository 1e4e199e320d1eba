// Why an application got what it got, and how two runs differ.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/application_explanations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"

namespace caravan::fairs {

// Explains what came of the application `pseudonym` in a run that RunSection made of
// these rules, inputs and seed. Everything that a run's bundle can tell: `allocation`,
// `points` (see AddPoints) and `cells` are left to whoever knows them.
//
// NOT_FOUND with reason APPLICATION_NOT_IN_RUN where the run has not had it;
// INVALID_ARGUMENT with reason RESULT_OF_OTHER_INPUTS where these inputs, rules and
// seed do not lead to the result, or as RunSection.
absl::StatusOr<v1::ExplainApplicationResponse> Explain(const v1::Rules& rules,
                                                       const v1::SectionInputs& inputs,
                                                       const v1::SectionResult& result,
                                                       std::string_view seed,
                                                       std::string_view pseudonym);

// Adds the points of an application by the criteria of its kind, in their order: what
// was claimed with which evidence, and what counts (what the chamber has put right
// instead of what the delegation had verified).
void AddPoints(const v1::Rules& rules, const v1::Application& application,
               v1::ExplainApplicationResponse& response);

// Compares a section in two runs of one snapshot and adds what differs: differences
// are counted all, and added while there are fewer than `limit` in the response.
// `section` is its name. Decisions are by pseudonym, as those of RunSection.
void CompareSection(std::string_view section, const v1::SectionResult& run,
                    const v1::SectionResult& other, int limit,
                    v1::CompareAllocationsResponse& response);

}  // namespace caravan::fairs
