// The run of a stage in a section: from its frozen inputs, the rules of the edition
// and the seed of the lottery to what each application gets. What it says here and in
// quantities.h, lottery.h and placement.h is all that an outsider needs to come to the
// same result, to the byte, whatever the order of the entries in the inputs is.
//
// Ranks. Applications are ranked by score, those of equal score by their lottery key:
// LotteryKey(seed, id of the section, pseudonym). Those with an exclusion take no part.
// Nobody gets more booths than the least of its maximum and the firm cap, nor fewer
// than are of use to it.
//
// BRAND. The brand booths are one pool, divided by `brand_quantity`; nobody gets fewer
// than `brand_minimum`.
//
// GENERAL. The booths of each delegation are a pool, divided among its applications
// but those of newcomers by `general_quantity`. Then newcomers of all delegations, by
// rank, get booths out of `newcomer_booths`: each min(maximum, left), within
// `newcomer_maximum`, or none where that is below its minimum; and at most
//   floor((general_firms + firms that got general booths) / newcomer_divisor)
//     - newcomer_firms
// of them. (That newcomers of a section are one pool, not one for each delegation,
// is a rule of ours.)
//
// Waiting lists (rules of ours). Of brand booths: by rank min(maximum, left), or none
// where that is below the minimum. Of general booths, in two rounds: first, by rank
// over the section, each gets min(maximum, left of its delegation), or none where that
// is below its minimum; then, by rank among those who got none, min(maximum, left of
// all). Nobody is in both: what a firm has got in the first round is not raised in the
// second. Newcomers stay with their booths and their limit, as above.
//
// PLACEMENT. Those who have confirmed get cells: see section_placement.h.
//
// One more point never loses a booth by RANKED, among newcomers and on the waiting list
// of brand booths. By SCORE_STEP and the apportionments it can where firms drop out
// because they get fewer booths than are of use to them, and so can it on the waiting
// list of general booths: the first round may have fewer to give than the second.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "caravan/fairs/v1/section_results.pb.h"

namespace caravan::fairs {

// What the section's applications get: all of the result but its name and etag. Pools
// are in the order in which they are divided, those of delegations by their ids;
// decisions are by pseudonym.
//
// INVALID_ARGUMENT with reason SECTION_INPUTS_INVALID or RULES_INVALID, and the field,
// where a number is out of bounds, a pseudonym is there twice or missing, an
// application is of another kind than the stage, or quotas exceed the general booths.
absl::StatusOr<v1::SectionResult> RunSection(const v1::Rules& rules,
                                             const v1::SectionInputs& inputs,
                                             std::string_view seed);

}  // namespace caravan::fairs
