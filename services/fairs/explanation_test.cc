#include "services/fairs/explanation.h"

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/lottery.h"
#include "services/fairs/points.h"
#include "services/fairs/section_run.h"
#include "services/fairs/testing/made_up_section.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using caravan::testing::Fails;
using testing::KnownRules;
using testing::Parse;
using testing::Random;
using v1::ExplainApplicationResponse;
using v1::SectionInputs;
using v1::SectionResult;

const std::string kSeed(64, '5');

ExplainApplicationResponse Explained(const v1::Rules& rules, const SectionInputs& inputs,
                                     const std::string& pseudonym) {
  const SectionResult result = RunSection(rules, inputs, kSeed).value();
  absl::StatusOr<ExplainApplicationResponse> explained =
      Explain(rules, inputs, result, kSeed, pseudonym);
  EXPECT_TRUE(explained.ok()) << explained.status();
  return explained.ok() ? *explained : ExplainApplicationResponse();
}

SectionInputs Lamps() {
  return Parse<SectionInputs>(R"pb(
    name: "fairs/136/snapshots/1/sectionInputs/lamps"
    stage: GENERAL
    general_booths: 7
    newcomer_booths: 2
    general_firms: 6
    quotas { delegation: "guangdong" booths: 7 }
    applications {
      pseudonym: "a"
      kind: GENERAL
      delegation: "guangdong"
      score: "60"
      minimum_booths: 1
      maximum_booths: 9
    }
    applications {
      pseudonym: "b"
      kind: GENERAL
      delegation: "guangdong"
      score: "40"
      minimum_booths: 1
      maximum_booths: 3
    }
    applications {
      pseudonym: "c"
      kind: GENERAL
      delegation: "guangdong"
      score: "29.5"
      minimum_booths: 1
      maximum_booths: 3
    }
    applications {
      pseudonym: "d"
      kind: GENERAL
      delegation: "guangdong"
      score: "99"
      minimum_booths: 1
      maximum_booths: 3
      exclusion: "STANDING_NOT_GOOD"
    }
    applications {
      pseudonym: "m"
      kind: GENERAL
      delegation: "guangdong"
      score: "10"
      minimum_booths: 1
      maximum_booths: 2
      newcomer: true
    }
    applications {
      pseudonym: "n"
      kind: GENERAL
      delegation: "guangdong"
      score: "10"
      minimum_booths: 1
      maximum_booths: 2
      newcomer: true
    }
  )pb");
}

TEST(Explain, SaysWhatCameOfPointsByTheStep) {
  // 8 points a booth: 5 for a, with the left-over; b has 2, and with two further points
  // (102 - 60) / 5 = 8.4 its fraction, 12 / 8.4, is the greater one.
  const ExplainApplicationResponse b = Explained(KnownRules(), Lamps(), "b");
  EXPECT_EQ(b.pseudonym(), "b");
  EXPECT_EQ(b.score(), "40");
  EXPECT_EQ(b.pool(), ExplainApplicationResponse::QUOTA);
  EXPECT_EQ(b.delegation(), "delegations/guangdong");
  EXPECT_EQ(b.pool_booths(), 7);
  EXPECT_EQ(b.pool_size(), 3);
  EXPECT_EQ(b.rank(), 2);
  EXPECT_FALSE(b.tie());
  EXPECT_EQ(b.lottery_key(), LotteryKey(kSeed, "lamps", "b"));
  EXPECT_EQ(b.booths(), 2);
  EXPECT_EQ(b.cut_off(), "40");
  EXPECT_EQ(b.reason(), "POOL_EXHAUSTED");
  EXPECT_EQ(b.points_to_next_booth(), "2.858");
  EXPECT_EQ(b.explanation(),
            "The booths of its delegation in the section, 7 booths, were divided by steps: one for "
            "reaching the base of 30 points, one more for every 8 points above it. With 40 points "
            "this application had rank 2 of 3. It got 2 booths, of 3 that it could have at the "
            "most. All others went to applications with a better claim. The lowest score with a "
            "booth was 40. 2.858 further points would have given it more, all others as they are.");
}

TEST(Explain, SaysWhatTheBaseWouldHaveCost) {
  const ExplainApplicationResponse c = Explained(KnownRules(), Lamps(), "c");
  EXPECT_EQ(c.booths(), 0);
  EXPECT_EQ(c.reason(), "BELOW_BASE");
  EXPECT_EQ(c.points_to_next_booth(), "0.5");
  EXPECT_THAT(c.explanation(), ::testing::HasSubstr("It got none, and waits. Its points are below "
                                                    "the base of 30 points."));
}

TEST(Explain, SaysThatTheLotteryDecided) {
  // Of eight other firms, two newcomers may have booths, and one takes both.
  const ExplainApplicationResponse m = Explained(KnownRules(), Lamps(), "m");
  const ExplainApplicationResponse n = Explained(KnownRules(), Lamps(), "n");
  EXPECT_TRUE(m.tie());
  EXPECT_TRUE(n.tie());
  const ExplainApplicationResponse& last = m.rank() == 2 ? m : n;
  EXPECT_EQ(last.rank(), 2);
  EXPECT_EQ(last.booths(), 0);
  EXPECT_EQ(last.reason(), "POOL_EXHAUSTED");
  EXPECT_EQ(last.pool(), ExplainApplicationResponse::NEWCOMERS);
  EXPECT_EQ(last.delegation(), "");
  EXPECT_EQ(last.points_to_next_booth(), "0.001");
  EXPECT_THAT(last.explanation(),
              ::testing::HasSubstr("rank 2 of 2; the lottery ranked the 2 applications that had as "
                                   "many points."));
}

TEST(Explain, SaysWhyAnApplicationTookNoPart) {
  const ExplainApplicationResponse d = Explained(KnownRules(), Lamps(), "d");
  EXPECT_EQ(d.reason(), "EXCLUDED");
  EXPECT_EQ(d.rank(), 0);
  EXPECT_EQ(d.explanation(), "This application took no part in the run: STANDING_NOT_GOOD.");
}

TEST(Explain, SaysThatMoreThanTheCriteriaGiveWouldBeNeeded) {
  v1::Rules rules = KnownRules();
  rules.mutable_general_quantity()->set_method(v1::HIGHEST_AVERAGES);
  SectionInputs inputs = Lamps();
  inputs.mutable_applications(0)->set_score("100");
  inputs.mutable_applications(1)->set_score("90");
  inputs.mutable_applications(2)->set_score("5");
  const ExplainApplicationResponse a = Explained(rules, inputs, "a");
  EXPECT_EQ(a.booths(), 4);
  // 150 / 5 is 90 / 3, and the lottery favours b.
  EXPECT_EQ(a.points_to_next_booth(), "50.001");
  EXPECT_THAT(a.explanation(), ::testing::HasSubstr("; the criteria give 100 points at the most."));
}

TEST(Explain, KnowsWhoWasNotThere) {
  const SectionResult result = RunSection(KnownRules(), Lamps(), kSeed).value();
  EXPECT_THAT(Explain(KnownRules(), Lamps(), result, kSeed, "x"),
              Fails(absl::StatusCode::kNotFound, "APPLICATION_NOT_IN_RUN"));
}

TEST(Explain, RefusesAResultOfOtherInputs) {
  SectionResult result = RunSection(KnownRules(), Lamps(), kSeed).value();
  result.mutable_decisions(1)->set_booths(3);
  EXPECT_THAT(Explain(KnownRules(), Lamps(), result, kSeed, "b"),
              Fails(absl::StatusCode::kInvalidArgument, "RESULT_OF_OTHER_INPUTS"));
  result.mutable_decisions(1)->set_reason("EXCLUDED");
  EXPECT_THAT(Explain(KnownRules(), Lamps(), result, kSeed, "b"),
              Fails(absl::StatusCode::kInvalidArgument, "RESULT_OF_OTHER_INPUTS"));
}

// Every application of sections that are made up: what is explained is what was
// decided, and so many further points give one more booth when the run is repeated.
TEST(Explain, AgreesWithTheRun) {
  int checked = 0;
  for (uint64_t number = 0; number < 60; ++number) {
    Random random(number);
    v1::Rules rules = KnownRules();
    rules.mutable_general_quantity()->set_method(number % 2 == 0 ? v1::RANKED
                                                                 : v1::HIGHEST_AVERAGES);
    const SectionInputs inputs = testing::MakeUpSection(
        {.stage = number % 3 == 0 ? v1::BRAND : v1::GENERAL, .waiting_list = number % 5 == 0},
        "lamps", random);
    const SectionResult result = RunSection(rules, inputs, kSeed).value();
    for (int i = 0; i < inputs.applications_size(); ++i) {
      const std::string& pseudonym = inputs.applications(i).pseudonym();
      const ExplainApplicationResponse explained = Explained(rules, inputs, pseudonym);
      EXPECT_EQ(explained.booths(), result.decisions(i).booths());
      EXPECT_EQ(explained.reason(), result.decisions(i).reason());
      EXPECT_NE(explained.explanation(), "");
      if (explained.points_to_next_booth().empty()) continue;
      SectionInputs other = inputs;
      other.mutable_applications(i)->set_score(FormatPoints(
          *ParsePoints(explained.score()) + *ParsePoints(explained.points_to_next_booth())));
      EXPECT_GT(RunSection(rules, other, kSeed)->decisions(i).booths(), explained.booths());
      ++checked;
    }
  }
  EXPECT_GT(checked, 200);
}

TEST(Explain, SaysWhyAStandIsWhereItIs) {
  const auto inputs = Parse<SectionInputs>(R"pb(
    name: "fairs/136/snapshots/3/sectionInputs/lamps"
    stage: PLACEMENT
    runs {
      hall: "11.2"
      row: "b"
      first_number: 11
      number_step: 2
      cells: 6
      corner_numbers: [ 11 ]
    }
    applications {
      pseudonym: "brand"
      kind: BRAND
      stand_type: CUSTOM_BUILT
      booths: 3
      score: "80"
      product_group: "bulbs"
    }
    applications {
      pseudonym: "beside"
      kind: GENERAL
      stand_type: STANDARD
      booths: 2
      score: "80"
      product_group: "bulbs"
    }
    applications { pseudonym: "large" kind: GENERAL stand_type: STANDARD booths: 9 score: "60" }
    applications { pseudonym: "late" kind: GENERAL stand_type: STANDARD booths: 2 }
  )pb");
  const ExplainApplicationResponse brand = Explained(KnownRules(), inputs, "brand");
  EXPECT_EQ(brand.booths(), 3);
  EXPECT_EQ(brand.position_explanation(),
            "Stands are placed by class (brand, custom-built, standard), then by tier, then by "
            "lottery; this brand stand of tier 1 had place 1 of 4. It has 3 cells side by side in "
            "hall 11.2, row b, from number 11. When its turn came, the longest free run was of 6 "
            "cells. It stands at a corner: corners go to the better tiers of a class. One "
            "neighbour is of its product group, bulbs.");
  const ExplainApplicationResponse beside = Explained(KnownRules(), inputs, "beside");
  EXPECT_THAT(beside.position_explanation(),
              ::testing::HasSubstr("It has 2 cells side by side in hall 11.2, row b, from number "
                                   "17. When its turn came, the longest free run was of 3 cells. "
                                   "One neighbour is of its product group, bulbs."));
  EXPECT_THAT(
      Explained(KnownRules(), inputs, "large").position_explanation(),
      ::testing::EndsWith("It needs 9 cells side by side; the longest run of the section is "
                          "of 6 cells."));
  const ExplainApplicationResponse late = Explained(KnownRules(), inputs, "late");
  EXPECT_EQ(late.reason(), "RUNS_TAKEN");
  EXPECT_THAT(late.position_explanation(),
              ::testing::EndsWith("It needs 2 cells side by side; those before it left no run that "
                                  "is longer than 1 cell."));
}

TEST(Explain, RefusesPositionsThatAreNone) {
  Random random(4);
  const SectionInputs inputs = testing::MakeUpSection(
      {.stage = v1::PLACEMENT, .applications = 5, .excluded_percent = 0}, "lamps", random);
  SectionResult result = RunSection(KnownRules(), inputs, kSeed).value();
  ASSERT_GT(result.decisions(0).booths(), 0);
  const std::string& pseudonym = result.decisions(0).pseudonym();
  result.mutable_decisions(0)->set_row("nowhere");
  EXPECT_THAT(Explain(KnownRules(), inputs, result, kSeed, pseudonym),
              Fails(absl::StatusCode::kInvalidArgument, "RESULT_OF_OTHER_INPUTS"));
  result.mutable_decisions(0)->CopyFrom(result.decisions(1));
  result.mutable_decisions(0)->set_pseudonym(pseudonym);
  EXPECT_THAT(Explain(KnownRules(), inputs, result, kSeed, pseudonym),
              Fails(absl::StatusCode::kInvalidArgument, "RESULT_OF_OTHER_INPUTS"));
}

TEST(AddPoints, TakesWhatTheChamberHasPutRight) {
  const auto application = Parse<v1::Application>(R"pb(
    kind: GENERAL
    claimed_points { criterion: "exports" points: "50" documents: "documents/d1" }
    verified_points { criterion: "exports" points: "45" note: "as customs say" }
    verified_points { criterion: "brand" points: "20" note: "one mark" }
    rechecked_points { criterion: "brand" points: "15" note: "lapsed" }
  )pb");
  ExplainApplicationResponse response;
  AddPoints(KnownRules(), application, response);
  ASSERT_EQ(response.points_size(), 2);
  EXPECT_EQ(response.points(0).criterion(), "exports");
  EXPECT_EQ(response.points(0).title(), "Points for exports");
  EXPECT_EQ(response.points(0).claimed(), "50");
  EXPECT_EQ(response.points(0).verified(), "45");
  EXPECT_EQ(response.points(0).maximum(), "60");
  EXPECT_EQ(response.points(0).note(), "as customs say");
  ASSERT_EQ(response.points(0).documents_size(), 1);
  EXPECT_EQ(response.points(0).documents(0), "documents/d1");
  EXPECT_EQ(response.points(1).claimed(), "");
  EXPECT_EQ(response.points(1).verified(), "15");
  EXPECT_EQ(response.points(1).note(), "lapsed");
}

TEST(AddPoints, TheSpecialAreaHasNone) {
  v1::Application application;
  application.set_kind(v1::Application::SPECIAL);
  ExplainApplicationResponse response;
  AddPoints(KnownRules(), application, response);
  EXPECT_EQ(response.points_size(), 0);
}

TEST(CompareSection, CountsEveryDifferenceAndShowsTheFirst) {
  const auto run = Parse<SectionResult>(R"pb(
    firms: 2
    booths: 5
    decisions { pseudonym: "a" booths: 2 }
    decisions { pseudonym: "b" booths: 3 }
    decisions { pseudonym: "d" }
  )pb");
  const auto other = Parse<SectionResult>(R"pb(
    firms: 3
    booths: 6
    decisions { pseudonym: "a" booths: 2 }
    decisions { pseudonym: "b" booths: 1 }
    decisions { pseudonym: "c" booths: 3 }
    decisions { pseudonym: "d" }
  )pb");
  v1::CompareAllocationsResponse response;
  CompareSection("fairs/136/sections/lamps", run, other, 10, response);
  EXPECT_EQ(
      response.ShortDebugString(),
      Parse<v1::CompareAllocationsResponse>(R"pb(
        sections {
          section: "fairs/136/sections/lamps"
          firms: 2
          other_firms: 3
          booths: 5
          other_booths: 6
        }
        differences { section: "fairs/136/sections/lamps" pseudonym: "b" booths: 3 other_booths: 1 }
        differences { section: "fairs/136/sections/lamps" pseudonym: "c" other_booths: 3 }
        differing_applications: 2
      )pb")
          .ShortDebugString());
  CompareSection("fairs/136/sections/tiles", other, run, 3, response);
  EXPECT_EQ(response.sections_size(), 2);
  EXPECT_EQ(response.differences_size(), 3);
  EXPECT_EQ(response.differing_applications(), 4);
}

}  // namespace
}  // namespace caravan::fairs
