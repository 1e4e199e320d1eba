// What one more booth would have cost: found by putting other scores to the very rules
// of the run, all other applications as they are.
#pragma once

#include <cstdint>
#include <optional>

#include "caravan/fairs/v1/section_inputs.pb.h"
#include "services/fairs/section_pools.h"

namespace caravan::fairs {

struct NextBooth {
  // What the application gets with its own score.
  int64_t booths = 0;
  // The fewest further points, in thousandths, with which it would get more; nothing
  // where none do. With one thousandth fewer it would not.
  std::optional<int64_t> points;
  // Whether still fewer cannot do. By RANKED, among newcomers, on waiting lists and by
  // HIGHEST_AVERAGES this follows from the rule. By SCORE_STEP and
  // LARGEST_REMAINDER_OF_SCORES, where more points can even lose a booth, all numbers
  // below are tried; false where they are too many for that.
  bool proven = true;
};

// `applicant` is one of `pools`; `newcomer_firms` is how many newcomers get booths at
// the most. Takes half a second in the worst
// case, mostly milliseconds.
NextBooth FindNextBooth(const v1::SectionInputs& inputs, const SectionPools& pools,
                        const Applicant& applicant, int64_t newcomer_firms);

}  // namespace caravan::fairs
