// Why a stand is where it is, or nowhere.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "caravan/fairs/v1/application_explanations.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"

namespace caravan::fairs {

// Explains the position of an application in a result of stage PLACEMENT, without
// placing the section again: from its place in the order and from what those before
// it left free. `pseudonym` is in the inputs and in the result and is not excluded.
//
// INVALID_ARGUMENT with reason RESULT_OF_OTHER_INPUTS where the result's positions are
// no cells of the inputs, or as RunSection.
absl::StatusOr<v1::ExplainApplicationResponse> ExplainPlacement(const v1::Rules& rules,
                                                                const v1::SectionInputs& inputs,
                                                                const v1::SectionResult& result,
                                                                std::string_view seed,
                                                                std::string_view pseudonym);

}  // namespace caravan::fairs
