// Sections with made-up applications: for tests of properties and for measuring.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/rules.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"
#include "services/common/testing/random.h"

namespace caravan::fairs::testing {

using caravan::testing::Random;

// What is known of the Canton Fair's numbers, and methods that are made up: brand
// booths RANKED, general ones by SCORE_STEP.
v1::Rules KnownRules();

struct MadeUpSection {
  v1::Stage stage = v1::GENERAL;
  bool waiting_list = false;
  int delegations = 4;
  int applications = 20;
  int booths = 30;  // of the pool of the stage; newcomers have a fifth as many more
  // Scores are multiples of 100 / `score_steps` points: few of them make many ties.
  int score_steps = 20;
  int most_booths = 6;       // that a firm asks for
  int minimum_booths = 2;    // of use to a firm, at the most
  int excluded_percent = 5;  // of applications
  int newcomer_percent = 20;
};

// Inputs of the section `id`, by the numbers above; those of an application and the
// division of booths over delegations are random. For PLACEMENT, runs with `booths`
// cells.
v1::SectionInputs MakeUpSection(const MadeUpSection& shape, std::string_view id, Random& random);

// The name that the inputs of a section have in such a run.
std::string MadeUpInputsName(std::string_view section_id);

// A whole run of sections, from the secret of the lottery to the bundle of each: what a
// fair would publish. Inputs have their names and digests.
std::vector<v1::Bundle> MakeUpRun(const v1::Rules& rules,
                                  const std::vector<v1::SectionInputs>& sections);

}  // namespace caravan::fairs::testing
