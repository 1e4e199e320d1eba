#include "services/zones/ranking.h"

#include <openssl/sha.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/evaluation.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Parse;
using v1::Evaluation;
using v1::Ranking;
using v1::Submission;

// One indicator of weight 1 whose value is the score: held against 0 and 100.
Evaluation ByScore(const std::string& tiers) {
  return Parse<Evaluation>(
      "name: 'evaluations/e' reference_date { year: 2021 month: 12 day: 31 } "
      "indicators { id: 'x' title: 'X' weight: '100' direction: HIGHER_IS_BETTER "
      "normalisation: TARGET target: '100' } " +
      tiers);
}

// Entrants z0, z1, ... with values of the indicators x, y, ...
std::vector<Entrant> Entrants(const std::vector<std::vector<std::string>>& values) {
  std::vector<Entrant> entrants;
  for (size_t i = 0; i < values.size(); ++i) {
    Entrant& entrant = entrants.emplace_back();
    entrant.pilot_zone = absl::StrCat("pilotZones/z", i);
    entrant.submission.emplace();
    entrant.submission->set_name(SubmissionName("evaluations/e", entrant.pilot_zone));
    entrant.submission->set_state(Submission::VERIFIED);
    for (size_t j = 0; j < values[i].size(); ++j) {
      auto* value = entrant.submission->add_values();
      value->set_indicator(std::string(1, static_cast<char>('x' + j)));
      value->set_value(values[i][j]);
    }
  }
  return entrants;
}

Ranking MustRank(const Evaluation& evaluation, const std::vector<Entrant>& entrants) {
  auto ranking = Rank(evaluation, entrants);
  EXPECT_THAT(ranking, IsOk());
  return ranking.value_or(Ranking());
}

// `z0 1 12.5 a` for each standing.
std::vector<std::string> Standings(const Ranking& ranking) {
  std::vector<std::string> lines;
  for (const auto& s : ranking.standings()) {
    lines.push_back(
        absl::StrCat(s.pilot_zone().substr(11), " ", s.rank(), " ", s.score(), " ", s.tier()));
  }
  return lines;
}

const char kTwoTiers[] = "tier_rule: COUNT tiers { id: 'a' bound: '1' } tiers { id: 'b' }";

TEST(Rank, NormalisesByLeastAndGreatest) {
  Evaluation evaluation =
      Parse<Evaluation>(std::string("name: 'evaluations/e' "
                                    "indicators { id: 'x' weight: '60' direction: HIGHER_IS_BETTER "
                                    "normalisation: MIN_MAX } "
                                    "indicators { id: 'y' weight: '40' direction: LOWER_IS_BETTER "
                                    "normalisation: MIN_MAX } ") +
                        kTwoTiers);
  const Ranking ranking = MustRank(evaluation, Entrants({{"-10", "4"}, {"20", "2.5"}, {"5", "1"}}));
  // z0: 0 and 0; z1: 60 and 40 * 1.5 / 3; z2: 60 * 15 / 30 and 40.
  EXPECT_THAT(Standings(ranking), ElementsAre("z1 1 80 a", "z2 2 70 b", "z0 3 0 b"));
  ASSERT_EQ(ranking.ranges_size(), 2);
  EXPECT_EQ(ranking.ranges(0).min(), "-10");
  EXPECT_EQ(ranking.ranges(0).max(), "20");
  EXPECT_EQ(ranking.ranges(1).indicator(), "y");
  EXPECT_EQ(ranking.ranges(1).min(), "1");
}

TEST(Rank, EqualValuesAreAllWorthOne) {
  Evaluation evaluation =
      Parse<Evaluation>(std::string("name: 'evaluations/e' indicators { id: 'x' weight: '7' "
                                    "direction: LOWER_IS_BETTER normalisation: MIN_MAX } ") +
                        kTwoTiers);
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"3"}, {"3.0"}}))),
              ElementsAre("z0 1 7 a", "z1 1 7 a"));
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"0"}}))), ElementsAre("z0 1 7 a"));
}

TEST(Rank, NormalisesAgainstATargetAndNoFurther) {
  Evaluation evaluation =
      Parse<Evaluation>(std::string("name: 'evaluations/e' "
                                    "indicators { id: 'x' weight: '1' direction: HIGHER_IS_BETTER "
                                    "normalisation: TARGET base: '50' target: '98' } "
                                    "indicators { id: 'y' weight: '1' direction: LOWER_IS_BETTER "
                                    "normalisation: TARGET base: '30' target: '10' } ") +
                        kTwoTiers);
  const Ranking ranking = MustRank(
      evaluation, Entrants({{"99", "9"}, {"49", "31"}, {"74", "20"}, {"999999999999999", "-1"}}));
  EXPECT_THAT(Standings(ranking), ElementsAre("z0 1 2 a", "z3 1 2 a", "z2 3 1 b", "z1 4 0 b"));
  EXPECT_EQ(ranking.ranges_size(), 0);
}

TEST(Rank, RoundsTheNormalisedValueOnly) {
  Evaluation evaluation = Parse<Evaluation>(
      std::string("name: 'evaluations/e' "
                  "indicators { id: 'x' weight: '0.000003' direction: HIGHER_IS_BETTER "
                  "normalisation: MIN_MAX } ") +
      kTwoTiers);
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"0"}, {"1"}, {"3"}}))),
              ElementsAre("z2 1 0.000003 a", "z1 2 0.000000999999999999 b", "z0 3 0 b"));
}

TEST(Rank, TiesShareTheBetterRankAndTier) {
  const Evaluation evaluation = ByScore(
      "tier_rule: COUNT tiers { id: 'a' bound: '2' } tiers { id: 'b' bound: '2' } "
      "tiers { id: 'c' }");
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"5"}, {"9"}, {"7"}, {"7"}, {"7"}, {"3"}}))),
              ElementsAre("z1 1 9 a", "z2 2 7 a", "z3 2 7 a", "z4 2 7 a", "z0 5 5 c", "z5 6 3 c"));
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"5"}, {"9"}, {"7"}, {"5"}, {"5"}}))),
              ElementsAre("z1 1 9 a", "z2 2 7 a", "z0 3 5 b", "z3 3 5 b", "z4 3 5 b"));
}

TEST(Rank, SharesAreOfTheRankedZones) {
  const Evaluation evaluation = ByScore(
      "tier_rule: SHARE tiers { id: 'a' bound: '0.1' } tiers { id: 'b' bound: '0.5' } "
      "tiers { id: 'c' }");
  // A tenth of five is none, and 0.6 of them are three.
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"5"}, {"4"}, {"3"}, {"2"}, {"1"}}))),
              ElementsAre("z0 1 5 b", "z1 2 4 b", "z2 3 3 b", "z3 4 2 c", "z4 5 1 c"));
}

TEST(Rank, ThresholdsAreReachedExactly) {
  const Evaluation evaluation = ByScore(
      "tier_rule: THRESHOLD tiers { id: 'a' bound: '80' } tiers { id: 'b' bound: '60.5' } "
      "tiers { id: 'c' }");
  EXPECT_THAT(Standings(MustRank(evaluation, Entrants({{"79.999999"}, {"80"}, {"60.5"}, {"60"}}))),
              ElementsAre("z1 1 80 a", "z0 2 79.999999 b", "z2 3 60.5 b", "z3 4 60 c"));
}

TEST(Rank, NamesWhoIsMissingAndDoesNotScoreThem) {
  std::vector<Entrant> entrants = Entrants({{"5"}, {"0"}, {"0"}, {"3"}});
  entrants[1].submission->set_state(Submission::RETURNED);
  entrants[2].submission.reset();
  const Ranking ranking = MustRank(ByScore(kTwoTiers), entrants);
  EXPECT_THAT(Standings(ranking), ElementsAre("z0 1 5 a", "z3 2 3 b"));
  ASSERT_EQ(ranking.missing_size(), 2);
  EXPECT_EQ(ranking.missing(0).pilot_zone(), "pilotZones/z1");
  EXPECT_EQ(ranking.missing(0).submission(), "evaluations/e/submissions/z1");
  EXPECT_EQ(ranking.missing(0).state(), Submission::RETURNED);
  EXPECT_EQ(ranking.missing(1).pilot_zone(), "pilotZones/z2");
  EXPECT_EQ(ranking.missing(1).submission(), "");
}

TEST(Rank, RefusesWhatNobodyHasVerified) {
  std::vector<Entrant> entrants = Entrants({{"5"}, {"4"}});
  entrants[1].submission->set_state(Submission::SUBMITTED);
  const auto refused = Rank(ByScore(kTwoTiers), entrants);
  EXPECT_THAT(refused, Fails(StatusCode::kFailedPrecondition, "SUBMISSIONS_NOT_VERIFIED"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("evaluations/e/submissions/z1"));
  EXPECT_THAT(Rank(ByScore(kTwoTiers), Entrants({{"5"}, {}})),
              Fails(StatusCode::kFailedPrecondition, "SUBMISSION_INCOMPLETE"));
  EXPECT_THAT(Rank(ByScore(kTwoTiers), {}),
              Fails(StatusCode::kFailedPrecondition, "NO_SUBMISSIONS"));
}

std::string Sha256(const std::string& text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return absl::BytesToHexString(digest);
}

TEST(Rank, DigestsAreOverTheLinesThatTheContractSays) {
  Evaluation evaluation = ByScore(kTwoTiers);
  evaluation.mutable_indicators(0)->set_weight("100.0");
  *evaluation.add_indicators() = Parse<Evaluation::Indicator>(
      "id: 'y' weight: '0.5' direction: LOWER_IS_BETTER normalisation: MIN_MAX");
  std::vector<Entrant> entrants = Entrants({{"5", "2.50"}, {"07", "-0"}, {}});
  entrants[2].submission.reset();
  const Ranking ranking = MustRank(evaluation, entrants);
  const std::string inputs = Sha256(
      "caravan evaluation inputs 1\n"
      "evaluation evaluations/e 2021-12-31\n"
      "indicator x HIGHER_IS_BETTER TARGET 100 - 100\n"
      "indicator y LOWER_IS_BETTER MIN_MAX 0.5 - -\n"
      "tiers COUNT\n"
      "tier a 1\n"
      "tier b -\n"
      "zone pilotZones/z0\n"
      "value x 5\n"
      "value y 2.5\n"
      "zone pilotZones/z1\n"
      "value x 7\n"
      "value y 0\n"
      "missing pilotZones/z2\n");
  EXPECT_EQ(ranking.inputs_digest(), inputs);
  EXPECT_EQ(ranking.digest(), Sha256(absl::StrCat("caravan evaluation result 1\n"
                                                  "inputs ",
                                                  inputs,
                                                  "\n"
                                                  "range y 0 2.5\n"
                                                  "standing pilotZones/z1 1 7.5 a\n"
                                                  "standing pilotZones/z0 2 5 b\n"
                                                  "missing pilotZones/z2\n")));
}

TEST(Rank, DoesNotDependOnTheOrderOfArrival) {
  std::vector<Entrant> entrants = Entrants({{"5"}, {"5"}, {"7"}});
  const Ranking ranking = MustRank(ByScore(kTwoTiers), entrants);
  std::swap(entrants[0], entrants[2]);
  EXPECT_EQ(MustRank(ByScore(kTwoTiers), entrants).SerializeAsString(),
            ranking.SerializeAsString());
}

TEST(CheckUnchanged, TellsWhetherWhatWasScoredIsStillThere) {
  const Evaluation evaluation = ByScore(kTwoTiers);
  const Ranking scored = MustRank(evaluation, Entrants({{"5"}, {"4"}}));
  EXPECT_THAT(CheckUnchanged(evaluation, scored, scored), IsOk());
  EXPECT_THAT(CheckUnchanged(evaluation, scored, MustRank(evaluation, Entrants({{"5"}, {"3"}}))),
              Fails(StatusCode::kFailedPrecondition, "INPUTS_CHANGED"));
  EXPECT_THAT(CheckUnchanged(evaluation, scored, Rank(evaluation, {})),
              Fails(StatusCode::kFailedPrecondition, "INPUTS_CHANGED"));
}

class ExplainTest : public ::testing::Test {
 protected:
  v1::ExplainEvaluationResponse Why(const Evaluation& evaluation,
                                    const std::vector<Entrant>& entrants, size_t zone) {
    const Ranking ranking = MustRank(evaluation, entrants);
    auto why = Explain(evaluation, ranking, entrants[zone].pilot_zone, *entrants[zone].submission);
    EXPECT_THAT(why, IsOk());
    EXPECT_EQ(why->digest(), ranking.digest());
    return why.value_or(v1::ExplainEvaluationResponse());
  }
};

TEST_F(ExplainTest, SaysWhatEachIndicatorContributed) {
  Evaluation evaluation = ByScore(kTwoTiers);
  *evaluation.add_indicators() = Parse<Evaluation::Indicator>(
      "id: 'y' title: 'Y' weight: '8' direction: LOWER_IS_BETTER normalisation: MIN_MAX");
  const auto why = Why(evaluation, Entrants({{"6", "2"}, {"7", "3"}, {"1", "6"}}), 1);
  EXPECT_EQ(why.rank(), 2);
  EXPECT_EQ(why.ranked_zones(), 3);
  EXPECT_EQ(why.score(), "13");
  EXPECT_EQ(why.tier(), "b");
  ASSERT_EQ(why.contributions_size(), 2);
  EXPECT_THAT(why.contributions(0), ::testing::Truly([](const auto& c) {
                return c.indicator() == "x" && c.title() == "X" && c.value() == "7" &&
                       c.base() == "0" && c.target() == "100" && c.min().empty() &&
                       c.normalised() == "0.07" && c.weight() == "100" && c.contribution() == "7";
              }));
  EXPECT_THAT(why.contributions(1), ::testing::Truly([](const auto& c) {
                return c.indicator() == "y" && c.value() == "3" && c.min() == "2" &&
                       c.max() == "6" && c.target().empty() && c.normalised() == "0.75" &&
                       c.direction() == Evaluation::LOWER_IS_BETTER && c.contribution() == "6";
              }));
  EXPECT_EQ(why.above().tier(), "a");
  EXPECT_EQ(why.above().score(), "14");
  EXPECT_THAT(why.explanation(), HasSubstr("13 points, rank 2 of 3"));
}

TEST_F(ExplainTest, SaysWhatSeparatesFromTheTiersAround) {
  const Evaluation evaluation = ByScore(
      "tier_rule: COUNT tiers { id: 'a' bound: '2' } tiers { id: 'b' bound: '2' } "
      "tiers { id: 'c' }");
  const auto entrants = Entrants({{"9"}, {"8"}, {"7"}, {"6.5"}, {"4"}, {"3"}});
  const auto first = Why(evaluation, entrants, 0);
  EXPECT_FALSE(first.has_above());
  EXPECT_EQ(first.below().tier(), "b");
  EXPECT_EQ(first.below().points(), "2");
  const auto third = Why(evaluation, entrants, 3);
  EXPECT_EQ(third.above().tier(), "a");
  EXPECT_EQ(third.above().score(), "8");
  EXPECT_EQ(third.above().points(), "1.5");
  EXPECT_EQ(third.below().points(), "2.5");
  const auto last = Why(evaluation, entrants, 5);
  EXPECT_EQ(last.above().tier(), "b");
  EXPECT_EQ(last.above().points(), "3.5");
  EXPECT_FALSE(last.has_below());

  // With the points that it lacks, it is there.
  auto risen = entrants;
  risen[5].submission->mutable_values(0)->set_value("6.5");
  EXPECT_EQ(Why(evaluation, risen, 5).tier(), "b");
}

TEST_F(ExplainTest, ThresholdsAndTiersWithoutPlaces) {
  const Evaluation thresholds = ByScore(
      "tier_rule: THRESHOLD tiers { id: 'a' bound: '80' } tiers { id: 'b' bound: '60' } "
      "tiers { id: 'c' }");
  const auto why = Why(thresholds, Entrants({{"59.5"}, {"10"}}), 0);
  EXPECT_EQ(why.above().tier(), "b");
  EXPECT_EQ(why.above().score(), "60");
  EXPECT_EQ(why.above().points(), "0.5");
  const Evaluation shares =
      ByScore("tier_rule: SHARE tiers { id: 'a' bound: '0.1' } tiers { id: 'b' }");
  EXPECT_FALSE(Why(shares, Entrants({{"5"}, {"4"}}), 1).has_above());
}

TEST_F(ExplainTest, SaysWhyAZoneHasNoPlace) {
  std::vector<Entrant> entrants = Entrants({{"5"}, {"0"}, {"0"}});
  entrants[1].submission->set_state(Submission::DRAFT);
  entrants[2].submission.reset();
  const Evaluation evaluation = ByScore(kTwoTiers);
  const Ranking ranking = MustRank(evaluation, entrants);
  const std::pair<const char*, const char*> expected[] = {
      {"pilotZones/z1", "was DRAFT when it was scored"},
      {"pilotZones/z2", "has not submitted anything"},
      {"pilotZones/z3", "need not submit"}};
  for (const auto& [zone, reason] : expected) {
    const auto why = Explain(evaluation, ranking, zone, Submission());
    EXPECT_THAT(why, Fails(StatusCode::kFailedPrecondition, "ZONE_MISSING"));
    EXPECT_THAT(std::string(why.status().message()), HasSubstr(reason));
  }
}

}  // namespace
}  // namespace caravan::zones
