// The run of stage PLACEMENT in a section: which cells those get who have confirmed.
// placement.h says what is maximised; here is how inputs and result are put for it.
//
// Brand applications are brand stands; of all others, those of the special area too,
// the stand type says whether they are custom-built or standard. Runs are ordered by
// hall, row and first number. An application's rank is its place in the order of the
// section: by class, tier and lottery key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"
#include "services/fairs/placement.h"

namespace caravan::fairs {

// The class of a stand.
StandClass StandClassOf(const v1::SectionInputs::Entry& entry);

// The tier of a score in thousandths, from 1: see Rules.tiers.
int32_t TierOf(const v1::Rules& rules, int64_t score);

// A cell of a section.
struct SectionCell {
  const v1::SectionInputs::Run* run = nullptr;
  int32_t number = 0;
};

// What PlaceSection takes for a section. Cells of `section` go by their index in
// `cells`; `section.applications` are in the order of `entries`. Refers to the inputs.
struct PlacementInputs {
  PlacementSection section;
  std::vector<SectionCell> cells;
  std::vector<const v1::SectionInputs::Entry*> entries;   // who take part
  std::vector<const v1::SectionInputs::Entry*> excluded;  // who do not
};

// INVALID_ARGUMENT with reason SECTION_INPUTS_INVALID and the field where the inputs
// could not have been made by FreezeSnapshot.
absl::StatusOr<PlacementInputs> ReadPlacementInputs(const v1::Rules& rules,
                                                    const v1::SectionInputs& inputs,
                                                    std::string_view seed);

// The result, but for its digest and the order of its decisions. Errors as above.
absl::StatusOr<v1::SectionResult> RunPlacement(const v1::Rules& rules,
                                               const v1::SectionInputs& inputs,
                                               std::string_view seed);

}  // namespace caravan::fairs
