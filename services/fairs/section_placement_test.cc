#include "services/fairs/section_placement.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/section_run.h"
#include "services/fairs/testing/made_up_section.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using caravan::testing::FailsAt;
using caravan::testing::Fields;
using ::testing::ElementsAre;
using testing::Parse;
using testing::Random;
using v1::SectionInputs;
using v1::SectionResult;

const std::string kSeed(64, '7');

v1::Rules RulesWithTiers(const std::vector<std::string>& tiers) {
  v1::Rules rules = testing::KnownRules();
  *rules.mutable_tiers() = {tiers.begin(), tiers.end()};
  return rules;
}

SectionResult Place(const SectionInputs& inputs,
                    const v1::Rules& rules = RulesWithTiers({"80", "60", "40"})) {
  absl::StatusOr<SectionResult> result = RunSection(rules, inputs, kSeed);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : SectionResult();
}

// A row of six cells and one of three.
SectionInputs Lamps() {
  return Parse<SectionInputs>(R"pb(
    name: "fairs/136/snapshots/3/sectionInputs/lamps"
    stage: PLACEMENT
    runs { hall: "11.2" row: "c" first_number: 2 number_step: 2 cells: 3 }
    runs {
      hall: "11.2"
      row: "b"
      first_number: 11
      number_step: 1
      cells: 6
      corner_numbers: [ 11 ]
    }
    applications { pseudonym: "brand" kind: BRAND stand_type: CUSTOM_BUILT booths: 4 score: "80" }
    applications {
      pseudonym: "custom"
      kind: GENERAL
      stand_type: CUSTOM_BUILT
      booths: 3
      score: "80"
    }
    applications {
      pseudonym: "excluded"
      kind: GENERAL
      stand_type: STANDARD
      booths: 1
      exclusion: "BARRED"
    }
    applications { pseudonym: "large" kind: GENERAL stand_type: STANDARD booths: 7 score: "60" }
    applications { pseudonym: "special" kind: SPECIAL stand_type: STANDARD booths: 2 score: "40" }
    applications { pseudonym: "third" kind: GENERAL stand_type: STANDARD booths: 2 }
  )pb");
}

// `pseudonym rank booths row first_number reason`, a line for each decision.
std::vector<std::string> Lines(const SectionResult& result) {
  std::vector<std::string> lines;
  for (const SectionResult::Decision& d : result.decisions()) {
    lines.push_back(absl::StrCat(d.pseudonym(), " ", d.rank(), " ", d.booths(), " ", d.row(), " ",
                                 d.first_number(), " ", d.reason()));
  }
  return lines;
}

TEST(PlacementStage, PlacesByClassInRowsAndStatesTheBound) {
  const SectionResult result = Place(Lamps());
  std::vector<std::string> lines = Lines(result);
  ASSERT_EQ(lines.size(), 6);
  EXPECT_EQ(lines[0], "brand 1 4 b 11 ");  // at the corner
  EXPECT_EQ(lines[1], "custom 2 3 c 2 ");
  EXPECT_EQ(lines[2], "excluded 0 0  0 EXCLUDED");
  EXPECT_EQ(lines[3], "large 3 0  0 NO_RUN_LONG_ENOUGH");
  EXPECT_EQ(lines[4], "special 4 2 b 15 ");
  EXPECT_EQ(lines[5], "third 5 0  0 RUNS_TAKEN");
  std::vector<std::string> bounds;
  for (const SectionResult::Bound& b : result.bounds()) {
    bounds.push_back(absl::StrCat(SectionResult::StandClass_Name(b.stand_class()), " ", b.booths(),
                                  " ", b.bound(), " ", b.demand()));
  }
  EXPECT_THAT(bounds, ElementsAre("BRAND_STAND 4 4 4", "CUSTOM_BUILT_STAND 3 3 3",
                                  "STANDARD_STAND 2 2 11"));
  EXPECT_EQ(result.firms(), 3);
  EXPECT_EQ(result.booths(), 9);
  EXPECT_EQ(result.left_booths(), 0);
  EXPECT_EQ(result.pools_size(), 0);
}

TEST(PlacementStage, TiersAreThoseOfTheRulesThatTheRunApplies) {
  SectionInputs inputs = Lamps();
  inputs.mutable_applications(4)->set_score("30");
  inputs.mutable_applications(5)->set_score("50");
  EXPECT_THAT(Lines(Place(inputs, RulesWithTiers({"40"}))),
              ::testing::Contains("special 5 0  0 RUNS_TAKEN"));
  // In one tier the lottery decides.
  EXPECT_THAT(Lines(Place(inputs, RulesWithTiers({}))),
              ::testing::Contains("third 5 0  0 RUNS_TAKEN"));
}

TEST(TierOf, IsReachedFromItsScoreOn) {
  const v1::Rules rules = RulesWithTiers({"70", "50"});
  EXPECT_EQ(TierOf(rules, 70'000), 1);
  EXPECT_EQ(TierOf(rules, 69'999), 2);
  EXPECT_EQ(TierOf(rules, 50'000), 2);
  EXPECT_EQ(TierOf(rules, 0), 3);
}

TEST(PlacementStage, StandsAreWithinRunsAndDoNotOverlap) {
  int placed = 0;
  for (uint64_t number = 0; number < 300; ++number) {
    SCOPED_TRACE(number);
    Random random(number);
    const SectionInputs inputs =
        testing::MakeUpSection({.stage = v1::PLACEMENT,
                                .applications = 1 + static_cast<int>(random.Below(15)),
                                .booths = 1 + static_cast<int>(random.Below(40))},
                               "lamps", random);
    std::map<std::string, int> booths;
    for (const SectionInputs::Entry& entry : inputs.applications()) {
      if (entry.exclusion().empty()) booths[entry.pseudonym()] = entry.booths();
    }
    std::set<std::tuple<std::string, std::string, int>> taken;
    int cells = 0;
    for (const SectionInputs::Run& run : inputs.runs()) cells += run.cells();
    const SectionResult result = Place(inputs);
    for (const SectionResult::Decision& decision : result.decisions()) {
      if (decision.booths() == 0) {
        EXPECT_NE(decision.reason(), "");
        continue;
      }
      ++placed;
      EXPECT_EQ(decision.booths(), booths[decision.pseudonym()]);
      const auto run = std::find_if(inputs.runs().begin(), inputs.runs().end(), [&](const auto& r) {
        return r.hall() == decision.hall() && r.row() == decision.row();
      });
      ASSERT_NE(run, inputs.runs().end());
      const int first = (decision.first_number() - run->first_number()) / run->number_step();
      EXPECT_GE(first, 0);
      EXPECT_LE(first + decision.booths(), run->cells());
      for (int k = 0; k < decision.booths(); ++k) {
        EXPECT_TRUE(taken
                        .emplace(decision.hall(), decision.row(),
                                 decision.first_number() + k * run->number_step())
                        .second);
      }
    }
    EXPECT_EQ(result.booths() + result.left_booths(), cells);
    // The order of entries and runs is of no consequence.
    SectionInputs reversed = inputs;
    std::reverse(reversed.mutable_applications()->pointer_begin(),
                 reversed.mutable_applications()->pointer_end());
    std::reverse(reversed.mutable_runs()->pointer_begin(), reversed.mutable_runs()->pointer_end());
    EXPECT_EQ(Place(reversed).SerializeAsString(), result.SerializeAsString());
  }
  EXPECT_GT(placed, 500);
}

TEST(PlacementStage, NamesWhatIsWrongWithTheInputs) {
  const std::vector<std::pair<std::string, void (*)(SectionInputs&)>> wrong = {
      {"runs[0].cells", [](SectionInputs& i) { i.mutable_runs(0)->set_cells(0); }},
      {"runs[0].number_step", [](SectionInputs& i) { i.mutable_runs(0)->set_number_step(0); }},
      {"runs[0].first_number", [](SectionInputs& i) { i.mutable_runs(0)->set_first_number(-1); }},
      {"runs[0].first_number",
       [](SectionInputs& i) { i.mutable_runs(0)->set_cells(2'000'000'000); }},
      {"runs[0].corner_numbers",
       [](SectionInputs& i) { i.mutable_runs(0)->add_corner_numbers(3); }},
      {"runs[1].corner_numbers",
       [](SectionInputs& i) { i.mutable_runs(1)->add_corner_numbers(17); }},
      {"runs",
       [](SectionInputs& i) {
         i.mutable_runs(0)->set_row("b");
         i.mutable_runs(0)->set_first_number(8);
       }},
      {"applications[1].booths",
       [](SectionInputs& i) { i.mutable_applications(1)->set_booths(0); }},
      {"applications[1].score",
       [](SectionInputs& i) { i.mutable_applications(1)->set_score("many"); }},
      {"applications[1].pseudonym",
       [](SectionInputs& i) { i.mutable_applications(1)->set_pseudonym("brand"); }},
  };
  for (const auto& [field, change] : wrong) {
    SectionInputs inputs = Lamps();
    change(inputs);
    EXPECT_THAT(
        RunSection(testing::KnownRules(), inputs, kSeed),
        FailsAt(absl::StatusCode::kInvalidArgument, "SECTION_INPUTS_INVALID", Fields({field})))
        << field;
  }
}

TEST(StandClassOf, ABrandStandIsOneHoweverItIsBuilt) {
  SectionInputs::Entry entry;
  entry.set_kind(v1::Application::BRAND);
  entry.set_stand_type(v1::Application::CUSTOM_BUILT);
  EXPECT_EQ(StandClassOf(entry), StandClass::kBrand);
  for (const v1::Application::Kind kind : {v1::Application::GENERAL, v1::Application::SPECIAL}) {
    entry.set_kind(kind);
    entry.set_stand_type(v1::Application::CUSTOM_BUILT);
    EXPECT_EQ(StandClassOf(entry), StandClass::kCustomBuilt);
    entry.set_stand_type(v1::Application::STANDARD);
    EXPECT_EQ(StandClassOf(entry), StandClass::kStandard);
  }
}

}  // namespace
}  // namespace caravan::fairs
