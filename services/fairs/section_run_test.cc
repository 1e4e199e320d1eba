#include "services/fairs/section_run.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/testing/made_up_section.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using caravan::testing::FailsAt;
using caravan::testing::Fields;
using ::testing::ElementsAre;
using testing::KnownRules;
using ::testing::Pair;
using testing::Parse;
using v1::SectionInputs;
using v1::SectionResult;

const std::string kSeed(64, '5');

SectionResult ResultOf(const v1::Rules& rules, const SectionInputs& inputs) {
  absl::StatusOr<SectionResult> result = RunSection(rules, inputs, kSeed);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : SectionResult();
}

// `pseudonym pool rank booths reason`, a line for each decision.
std::vector<std::string> Decisions(const SectionResult& result) {
  std::vector<std::string> lines;
  for (const SectionResult::Decision& d : result.decisions()) {
    lines.push_back(absl::StrCat(d.pseudonym(), " ",
                                 v1::ExplainApplicationResponse::Pool_Name(d.pool()), " ", d.rank(),
                                 " ", d.booths(), " ", d.reason()));
  }
  return lines;
}

// `pool delegation booths left applications step`, a line for each pool.
std::vector<std::string> Pools(const SectionResult& result) {
  std::vector<std::string> lines;
  for (const SectionResult::Pool& p : result.pools()) {
    lines.push_back(absl::StrCat(v1::ExplainApplicationResponse::Pool_Name(p.pool()), " ",
                                 p.delegation(), " ", p.booths(), " ", p.left(), " ",
                                 p.applications(), " ", p.step()));
  }
  return lines;
}

std::string Totals(const SectionResult& result) {
  return absl::StrCat(result.firms(), " firms, ", result.booths(), " booths, ",
                      result.left_booths(), " left");
}

SectionInputs Brand() {
  return Parse<SectionInputs>(R"pb(
    name: "fairs/136/snapshots/1/sectionInputs/lamps"
    stage: BRAND
    brand_booths: 17
    brand_minimum: 4
    applications { pseudonym: "a" kind: BRAND score: "90" minimum_booths: 1 maximum_booths: 6 }
    applications { pseudonym: "b" kind: BRAND score: "80" minimum_booths: 1 maximum_booths: 12 }
    applications { pseudonym: "c" kind: BRAND score: "70" minimum_booths: 1 maximum_booths: 6 }
    applications { pseudonym: "d" kind: BRAND score: "60" minimum_booths: 1 maximum_booths: 3 }
    applications {
      pseudonym: "e"
      kind: BRAND
      score: "99"
      minimum_booths: 1
      maximum_booths: 6
      exclusion: "UNDER_SANCTION"
    }
  )pb");
}

TEST(BrandStage, GivesByRankFromTheMinimumToTheCap) {
  // c could have one, and d may have three: fewer than the section's minimum of four.
  const SectionResult result = ResultOf(KnownRules(), Brand());
  EXPECT_THAT(Decisions(result),
              ElementsAre("a BRAND_BOOTHS 1 6 MAXIMUM_REACHED",
                          "b BRAND_BOOTHS 2 10 MAXIMUM_REACHED", "c BRAND_BOOTHS 3 0 BELOW_MINIMUM",
                          "d BRAND_BOOTHS 4 0 BELOW_MINIMUM", "e BRAND_BOOTHS 0 0 EXCLUDED"));
  EXPECT_THAT(Pools(result), ElementsAre("BRAND_BOOTHS  17 1 4 "));
  EXPECT_EQ(Totals(result), "2 firms, 16 booths, 1 left");
  EXPECT_EQ(result.digest(), DigestOfResult("lamps", result));
}

TEST(BrandStage, TheSectionsCapGoesBeforeTheEditions) {
  SectionInputs inputs = Brand();
  inputs.set_firm_cap(5);
  EXPECT_THAT(
      Decisions(ResultOf(KnownRules(), inputs)),
      ElementsAre("a BRAND_BOOTHS 1 5 MAXIMUM_REACHED", "b BRAND_BOOTHS 2 5 MAXIMUM_REACHED",
                  "c BRAND_BOOTHS 3 5 MAXIMUM_REACHED", "d BRAND_BOOTHS 4 0 BELOW_MINIMUM",
                  "e BRAND_BOOTHS 0 0 EXCLUDED"));
}

TEST(BrandStage, OwnMinimumCountsWhereItIsHigher) {
  SectionInputs inputs = Brand();
  inputs.set_brand_booths(10);
  inputs.mutable_applications(1)->set_minimum_booths(5);
  // Four are left for b; c takes them.
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ElementsAre("a BRAND_BOOTHS 1 6 MAXIMUM_REACHED", "b BRAND_BOOTHS 2 0 BELOW_MINIMUM",
                          "c BRAND_BOOTHS 3 4 POOL_EXHAUSTED", "d BRAND_BOOTHS 4 0 BELOW_MINIMUM",
                          "e BRAND_BOOTHS 0 0 EXCLUDED"));
}

TEST(BrandStage, TheLotteryRanksEqualScores) {
  std::map<std::string, std::string> keys;
  SectionInputs inputs = Brand();
  inputs.clear_applications();
  for (const char* pseudonym : {"p", "q", "r"}) {
    SectionInputs::Entry& entry = *inputs.add_applications();
    entry.set_pseudonym(pseudonym);
    entry.set_kind(v1::Application::BRAND);
    entry.set_score("50");
    entry.set_minimum_booths(4);
    entry.set_maximum_booths(4);
    keys[LotteryKey(kSeed, "lamps", pseudonym)] = pseudonym;
  }
  const SectionResult result = ResultOf(KnownRules(), inputs);
  int rank = 0;
  for (const auto& [key, pseudonym] : keys) {
    ++rank;
    for (const SectionResult::Decision& decision : result.decisions()) {
      if (decision.pseudonym() != pseudonym) continue;
      EXPECT_EQ(decision.rank(), rank);
    }
  }
  EXPECT_EQ(rank, 3);
}

TEST(BrandStage, AWaitingListGoesByRankWhateverTheRule) {
  SectionInputs inputs = Brand();
  inputs.set_waiting_list(true);
  v1::Rules rules = KnownRules();
  rules.mutable_brand_quantity()->set_method(v1::SCORE_STEP);
  const SectionResult result = ResultOf(rules, inputs);
  EXPECT_THAT(Decisions(result),
              ElementsAre("a WAITING_LIST 1 6 MAXIMUM_REACHED",
                          "b WAITING_LIST 2 10 MAXIMUM_REACHED", "c WAITING_LIST 3 0 BELOW_MINIMUM",
                          "d WAITING_LIST 4 0 BELOW_MINIMUM", "e WAITING_LIST 0 0 EXCLUDED"));
  EXPECT_THAT(Pools(result), ElementsAre("WAITING_LIST  17 1 4 "));
}

// Two delegations; of six firms, four are no newcomers.
SectionInputs General() {
  return Parse<SectionInputs>(R"pb(
    name: "fairs/136/snapshots/1/sectionInputs/lamps"
    stage: GENERAL
    general_booths: 12
    newcomer_booths: 3
    quotas { delegation: "zhejiang" booths: 5 }
    quotas { delegation: "guangdong" booths: 7 }
    applications {
      pseudonym: "g1"
      kind: GENERAL
      delegation: "guangdong"
      score: "60"
      minimum_booths: 1
      maximum_booths: 5
    }
    applications {
      pseudonym: "g2"
      kind: GENERAL
      delegation: "guangdong"
      score: "40"
      minimum_booths: 1
      maximum_booths: 3
    }
    applications {
      pseudonym: "g3"
      kind: GENERAL
      delegation: "guangdong"
      score: "29.999"
      minimum_booths: 1
      maximum_booths: 3
    }
    applications {
      pseudonym: "z1"
      kind: GENERAL
      delegation: "zhejiang"
      score: "50"
      minimum_booths: 1
      maximum_booths: 4
    }
    applications {
      pseudonym: "z2"
      kind: GENERAL
      delegation: "zhejiang"
      score: "31"
      minimum_booths: 1
      maximum_booths: 4
    }
    applications {
      pseudonym: "n1"
      kind: GENERAL
      delegation: "guangdong"
      score: "20"
      minimum_booths: 1
      maximum_booths: 9
      newcomer: true
    }
    applications {
      pseudonym: "n2"
      kind: GENERAL
      delegation: "zhejiang"
      score: "25"
      minimum_booths: 1
      maximum_booths: 1
      newcomer: true
    }
  )pb");
}

TEST(GeneralStage, DividesEachDelegationsBoothsThenTheNewcomers) {
  const SectionResult result = ResultOf(KnownRules(), General());
  // Guangdong: base 30, two firms at it, (100 - 60) / (7 - 2) = 8 points a booth: 30 / 8
  // is 3, 10 / 8 is 1; the left-over goes to the greater remainder, of g1.
  // Zhejiang: (81 - 60) / (5 - 2) = 7 points a booth: 2 and 0; the left-over to z1.
  EXPECT_THAT(Decisions(result),
              ElementsAre("g1 QUOTA 1 5 MAXIMUM_REACHED", "g2 QUOTA 2 2 POOL_EXHAUSTED",
                          "g3 QUOTA 3 0 BELOW_BASE", "n1 NEWCOMERS 2 0 NEWCOMER_FIRMS_EXHAUSTED",
                          "n2 NEWCOMERS 1 1 MAXIMUM_REACHED", "z1 QUOTA 1 4 MAXIMUM_REACHED",
                          "z2 QUOTA 2 1 POOL_EXHAUSTED"));
  EXPECT_THAT(Pools(result), ElementsAre("QUOTA guangdong 7 0 3 40000/5",
                                         "QUOTA zhejiang 5 0 2 21000/3", "NEWCOMERS  3 2 2 "));
  EXPECT_EQ(Totals(result), "5 firms, 13 booths, 2 left");
}

TEST(GeneralStage, TheSectionsBaseGoesBeforeTheEditions) {
  SectionInputs inputs = General();
  inputs.set_base("45");
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ElementsAre("g1 QUOTA 1 5 MAXIMUM_REACHED", "g2 QUOTA 2 0 BELOW_BASE",
                          "g3 QUOTA 3 0 BELOW_BASE", "n1 NEWCOMERS 2 0 NEWCOMER_FIRMS_EXHAUSTED",
                          "n2 NEWCOMERS 1 0 NEWCOMER_FIRMS_EXHAUSTED",
                          "z1 QUOTA 1 4 MAXIMUM_REACHED", "z2 QUOTA 2 0 BELOW_BASE"));
}

TEST(GeneralStage, NewcomersAreAFifthOfTheFirmsAtTheMost) {
  // Of four others floor(4 / 4) = 1; four that hold booths already make it 2, and a
  // newcomer that does makes it 1 again.
  SectionInputs inputs = General();
  inputs.set_general_firms(4);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::IsSupersetOf(
                  {"n1 NEWCOMERS 2 2 MAXIMUM_REACHED", "n2 NEWCOMERS 1 1 MAXIMUM_REACHED"}));
  inputs.set_newcomer_firms(1);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::IsSupersetOf({"n1 NEWCOMERS 2 0 NEWCOMER_FIRMS_EXHAUSTED",
                                       "n2 NEWCOMERS 1 1 MAXIMUM_REACHED"}));
  inputs.set_newcomer_firms(9);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::Contains("n2 NEWCOMERS 1 0 NEWCOMER_FIRMS_EXHAUSTED"));
  v1::Rules rules = KnownRules();
  rules.set_newcomer_divisor(0);
  EXPECT_THAT(Decisions(ResultOf(rules, General())),
              ::testing::Contains("n2 NEWCOMERS 1 0 NEWCOMER_FIRMS_EXHAUSTED"));
}

TEST(GeneralStage, NewcomersShareTheirBoothsByRank) {
  SectionInputs inputs = General();
  inputs.set_general_firms(40);
  inputs.set_newcomer_booths(2);
  // n1 may have two, and one is left.
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::Contains("n1 NEWCOMERS 2 1 POOL_EXHAUSTED"));
  inputs.mutable_applications(5)->set_minimum_booths(2);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::Contains("n1 NEWCOMERS 2 0 BELOW_MINIMUM"));
  inputs.set_newcomer_booths(1);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::Contains("n1 NEWCOMERS 2 0 POOL_EXHAUSTED"));
  inputs.mutable_applications(5)->set_minimum_booths(3);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::Contains("n1 NEWCOMERS 2 0 BELOW_MINIMUM"));
}

TEST(GeneralStage, ADelegationWithoutAQuotaHasNoBooths) {
  SectionInputs inputs = General();
  inputs.mutable_quotas()->DeleteSubrange(0, 1);  // of zhejiang
  const SectionResult result = ResultOf(KnownRules(), inputs);
  EXPECT_THAT(Pools(result), ElementsAre("QUOTA guangdong 7 0 3 40000/5", "QUOTA zhejiang 0 0 2 ",
                                         "NEWCOMERS  3 3 2 "));
  EXPECT_THAT(Decisions(result), ::testing::Contains("z1 QUOTA 1 0 POOL_EXHAUSTED"));
}

TEST(GeneralStage, ProportionsGiveNothingForNoPoints) {
  SectionInputs inputs = General();
  inputs.mutable_applications(4)->clear_score();  // z2
  for (const v1::QuantityMethod method : {v1::HIGHEST_AVERAGES, v1::LARGEST_REMAINDER_OF_SCORES}) {
    v1::Rules rules = KnownRules();
    rules.mutable_general_quantity()->set_method(method);
    const SectionResult result = ResultOf(rules, inputs);
    EXPECT_THAT(Decisions(result), ::testing::IsSupersetOf(
                                       {"z1 QUOTA 1 4 MAXIMUM_REACHED", "z2 QUOTA 2 0 NO_POINTS"}));
    EXPECT_THAT(Pools(result), ::testing::Contains("QUOTA zhejiang 5 1 2 "));
  }
}

// Six of ten booths are left of two delegations; who waits ranks g1, z1, g2, z2, g3.
SectionInputs Waiting() {
  SectionInputs inputs = General();
  inputs.set_waiting_list(true);
  inputs.set_general_booths(6);
  inputs.set_newcomer_booths(1);
  inputs.mutable_quotas(0)->set_booths(1);  // zhejiang
  inputs.mutable_quotas(1)->set_booths(5);  // guangdong
  inputs.mutable_applications(0)->set_maximum_booths(2);
  inputs.mutable_applications(3)->set_minimum_booths(2);
  inputs.set_general_firms(8);
  inputs.set_newcomer_firms(2);
  return inputs;
}

TEST(WaitingList, ADelegationsBoothsGoToItsOwnThenToAll) {
  // Guangdong's five: g1 has 2, g2 has 3. Zhejiang's one is of no use to z1, but to z2.
  // Nothing is left for all; newcomers: floor((8 + 3) / 4) - 2 is none.
  SectionResult result = ResultOf(KnownRules(), Waiting());
  EXPECT_THAT(
      Decisions(result),
      ElementsAre("g1 QUOTA 1 2 MAXIMUM_REACHED", "g2 QUOTA 2 3 MAXIMUM_REACHED",
                  "g3 WAITING_LIST 2 0 POOL_EXHAUSTED", "n1 NEWCOMERS 2 0 NEWCOMER_FIRMS_EXHAUSTED",
                  "n2 NEWCOMERS 1 0 NEWCOMER_FIRMS_EXHAUSTED", "z1 WAITING_LIST 1 0 POOL_EXHAUSTED",
                  "z2 QUOTA 2 1 POOL_EXHAUSTED"));
  EXPECT_THAT(Pools(result), ElementsAre("QUOTA guangdong 5 0 3 ", "QUOTA zhejiang 1 0 2 ",
                                         "WAITING_LIST  0 0 2 ", "NEWCOMERS  1 1 2 "));
  // Where g2 wants one only, two are left for all: z1 has them, and z2 keeps its one.
  SectionInputs inputs = Waiting();
  inputs.mutable_applications(1)->set_maximum_booths(1);
  inputs.mutable_applications(2)->set_exclusion("STANDING_NOT_GOOD");
  result = ResultOf(KnownRules(), inputs);
  EXPECT_THAT(
      Decisions(result),
      ::testing::IsSupersetOf({"z1 WAITING_LIST 1 2 POOL_EXHAUSTED", "z2 QUOTA 2 1 POOL_EXHAUSTED",
                               "n2 NEWCOMERS 1 1 MAXIMUM_REACHED",
                               "n1 NEWCOMERS 2 0 NEWCOMER_FIRMS_EXHAUSTED"}));
  EXPECT_THAT(Pools(result), ElementsAre("QUOTA guangdong 5 2 2 ", "QUOTA zhejiang 1 0 2 ",
                                         "WAITING_LIST  2 0 1 ", "NEWCOMERS  1 0 2 "));
  EXPECT_EQ(Totals(result), "5 firms, 7 booths, 0 left");
}

TEST(WaitingList, NeverGivesMoreThanTheSectionHasLeft) {
  // Guangdong's firms have had booths of zhejiang before.
  SectionInputs inputs = Waiting();
  inputs.set_general_booths(3);
  EXPECT_THAT(
      Decisions(ResultOf(KnownRules(), inputs)),
      ::testing::IsSupersetOf({"g1 QUOTA 1 2 MAXIMUM_REACHED", "z1 WAITING_LIST 1 0 POOL_EXHAUSTED",
                               "g2 QUOTA 2 1 POOL_EXHAUSTED"}));
}

TEST(WaitingList, WhatIsDividedAmongNoDelegationGoesToAll) {
  SectionInputs inputs = Waiting();
  inputs.set_general_booths(9);
  EXPECT_THAT(Decisions(ResultOf(KnownRules(), inputs)),
              ::testing::IsSupersetOf(
                  {"z1 WAITING_LIST 1 3 POOL_EXHAUSTED", "g3 WAITING_LIST 2 0 POOL_EXHAUSTED"}));
}

// Firms of one delegation, with points, fewest and most booths.
struct Firm {
  std::string score;
  int minimum;
  int maximum;
};

int BoothsOfFirm(size_t index, v1::QuantityMethod method, int booths, std::vector<Firm> firms) {
  SectionInputs inputs;
  inputs.set_name("lamps");
  inputs.set_stage(v1::GENERAL);
  inputs.set_general_booths(booths);
  inputs.set_base("3");
  inputs.add_quotas()->set_delegation("guangdong");
  inputs.mutable_quotas(0)->set_booths(booths);
  for (const Firm& firm : firms) {
    SectionInputs::Entry& entry = *inputs.add_applications();
    entry.set_pseudonym(absl::StrCat("p", inputs.applications_size()));
    entry.set_kind(v1::Application::GENERAL);
    entry.set_delegation("guangdong");
    entry.set_score(firm.score);
    entry.set_minimum_booths(firm.minimum);
    entry.set_maximum_booths(firm.maximum);
  }
  v1::Rules rules = KnownRules();
  rules.mutable_general_quantity()->set_method(method);
  return ResultOf(rules, inputs).decisions(static_cast<int>(index)).booths();
}

// More points take booths from another firm, which drops out below its minimum; what
// it leaves lets a third one stay that dropped out before, with more booths.
TEST(RunSection, MorePointsCanLoseABoothWhereFirmsDropOut) {
  EXPECT_EQ(BoothsOfFirm(1, v1::SCORE_STEP, 7, {{"7", 2, 6}, {"15", 5, 6}, {"14", 5, 6}}), 6);
  EXPECT_EQ(BoothsOfFirm(1, v1::SCORE_STEP, 7, {{"7", 2, 6}, {"22", 5, 6}, {"14", 5, 6}}), 5);
  EXPECT_EQ(BoothsOfFirm(0, v1::HIGHEST_AVERAGES, 6,
                         {{"20", 1, 5}, {"16", 2, 2}, {"19", 3, 6}, {"1", 2, 5}}),
            4);
  EXPECT_EQ(BoothsOfFirm(0, v1::HIGHEST_AVERAGES, 6,
                         {{"24.5", 1, 5}, {"16", 2, 2}, {"19", 3, 6}, {"1", 2, 5}}),
            3);
  EXPECT_EQ(BoothsOfFirm(3, v1::LARGEST_REMAINDER_OF_SCORES, 8,
                         {{"4", 3, 4}, {"10", 1, 3}, {"6", 2, 3}, {"14", 4, 8}}),
            5);
  EXPECT_EQ(BoothsOfFirm(3, v1::LARGEST_REMAINDER_OF_SCORES, 8,
                         {{"4", 3, 4}, {"10", 1, 3}, {"6", 2, 3}, {"17", 4, 8}}),
            4);
}

auto Wrong(const std::string& field, const std::string& reason = "SECTION_INPUTS_INVALID") {
  return FailsAt(absl::StatusCode::kInvalidArgument, reason, Fields({field}));
}

TEST(RunSection, NamesWhatIsWrongWithTheInputs) {
  const std::vector<std::pair<std::string, void (*)(SectionInputs&)>> wrong = {
      {"stage", [](SectionInputs& i) { i.clear_stage(); }},
      {"brand_booths", [](SectionInputs& i) { i.set_brand_booths(-1); }},
      {"general_booths", [](SectionInputs& i) { i.set_general_booths(2'000'000'000); }},
      {"newcomer_booths", [](SectionInputs& i) { i.set_newcomer_booths(-1); }},
      {"brand_minimum", [](SectionInputs& i) { i.set_brand_minimum(-1); }},
      {"firm_cap", [](SectionInputs& i) { i.set_firm_cap(-1); }},
      {"general_firms", [](SectionInputs& i) { i.set_general_firms(-1); }},
      {"newcomer_firms", [](SectionInputs& i) { i.set_newcomer_firms(-1); }},
      {"base", [](SectionInputs& i) { i.set_base("high"); }},
      {"quotas", [](SectionInputs& i) { i.set_general_booths(11); }},
      {"quotas[1].booths", [](SectionInputs& i) { i.mutable_quotas(1)->set_booths(-1); }},
      {"quotas[1].delegation",
       [](SectionInputs& i) { i.mutable_quotas(1)->set_delegation("zhejiang"); }},
      {"quotas[0].delegation", [](SectionInputs& i) { i.mutable_quotas(0)->clear_delegation(); }},
      {"applications[1].pseudonym",
       [](SectionInputs& i) { i.mutable_applications(1)->set_pseudonym("g1"); }},
      {"applications[1].pseudonym",
       [](SectionInputs& i) { i.mutable_applications(1)->clear_pseudonym(); }},
      {"applications[2].kind",
       [](SectionInputs& i) { i.mutable_applications(2)->set_kind(v1::Application::BRAND); }},
      {"applications[2].delegation",
       [](SectionInputs& i) { i.mutable_applications(2)->clear_delegation(); }},
      {"applications[2].score",
       [](SectionInputs& i) { i.mutable_applications(2)->set_score("-1"); }},
      {"applications[2].minimum_booths",
       [](SectionInputs& i) { i.mutable_applications(2)->set_minimum_booths(0); }},
      {"applications[2].maximum_booths",
       [](SectionInputs& i) { i.mutable_applications(2)->set_maximum_booths(-1); }},
  };
  for (const auto& [field, change] : wrong) {
    SectionInputs inputs = General();
    change(inputs);
    EXPECT_THAT(RunSection(KnownRules(), inputs, kSeed), Wrong(field)) << field;
  }
}

TEST(RunSection, NamesWhatIsWrongWithTheRules) {
  v1::Rules rules = KnownRules();
  rules.mutable_general_quantity()->clear_method();
  EXPECT_THAT(RunSection(rules, General(), kSeed),
              Wrong("general_quantity.method", "RULES_INVALID"));
  rules = KnownRules();
  rules.mutable_general_quantity()->set_base("x");
  EXPECT_THAT(RunSection(rules, General(), kSeed), Wrong("general_quantity.base", "RULES_INVALID"));
  rules = KnownRules();
  rules.mutable_brand_quantity()->clear_method();
  EXPECT_THAT(RunSection(rules, Brand(), kSeed), Wrong("brand_quantity.method", "RULES_INVALID"));
  rules = KnownRules();
  rules.clear_firm_cap();
  EXPECT_THAT(RunSection(rules, Brand(), kSeed), Wrong("firm_cap", "RULES_INVALID"));
}

TEST(RunSection, ASectionWithoutApplicationsKeepsItsBooths) {
  SectionInputs inputs = General();
  inputs.clear_applications();
  EXPECT_EQ(Totals(ResultOf(KnownRules(), inputs)), "0 firms, 0 booths, 15 left");
}

}  // namespace
}  // namespace caravan::fairs
