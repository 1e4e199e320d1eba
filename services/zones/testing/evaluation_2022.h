// The evaluation of 2022 with invented figures: the 105 zones of batches 1 to 5,
// over 40 indicators, tiers of 10, 50, 40 and the rest; three zones are missing.
// The same on every machine.
#pragma once

#include <string>
#include <vector>

#include "caravan/zones/v1/evaluations.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/submissions.pb.h"

namespace caravan::zones::testing {

// `evaluations/2022`.
v1::Evaluation Evaluation2022();

// The zones that submit nothing, by name.
const std::vector<std::string>& MissingIn2022();

// The submissions of the others, VERIFIED, by name. `zones` is the register.
std::vector<v1::Submission> SubmissionsOf2022(const std::vector<v1::PilotZone>& zones);

}  // namespace caravan::zones::testing
