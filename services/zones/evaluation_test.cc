#include "services/zones/evaluation.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::Parse;
using v1::Evaluation;
using v1::PilotZone;
using v1::Submission;

Evaluation Sound() {
  return Parse<Evaluation>(R"pb(
    name: "evaluations/2022"
    year: 2022
    reference_date { year: 2021 month: 12 day: 31 }
    batches: [ 1, 2 ]
    indicators { id: "exports" weight: "60" direction: HIGHER_IS_BETTER normalisation: MIN_MAX }
    indicators {
      id: "days"
      weight: "40"
      direction: LOWER_IS_BETTER
      normalisation: TARGET
      base: "30"
      target: "10"
    }
    tier_rule: COUNT
    tiers { id: "a" bound: "10" }
    tiers { id: "b" bound: "50" }
    tiers { id: "c" }
  )pb");
}

const auto Wrong = [](const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field}));
};

TEST(CheckEvaluation, PassesWhatIsSound) { EXPECT_THAT(CheckEvaluation(Sound()), IsOk()); }

TEST(CheckEvaluation, IdsDiffer) {
  Evaluation evaluation = Sound();
  evaluation.mutable_indicators(1)->set_id("exports");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[1].id"));
  evaluation = Sound();
  evaluation.mutable_tiers(2)->set_id("a");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[2].id"));
}

TEST(CheckEvaluation, WeightsAreAboveZero) {
  Evaluation evaluation = Sound();
  evaluation.mutable_indicators(0)->set_weight("0.000");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[0].weight"));
}

TEST(CheckEvaluation, TargetsAreWhereTheyBelong) {
  Evaluation evaluation = Sound();
  evaluation.mutable_indicators(0)->set_target("5");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[0].target"));
  evaluation = Sound();
  evaluation.mutable_indicators(0)->set_base("5");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[0].base"));
  evaluation = Sound();
  evaluation.mutable_indicators(1)->clear_target();
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[1].target"));
}

TEST(CheckEvaluation, TargetsLieInTheDirection) {
  Evaluation evaluation = Sound();
  for (const char* target : {"30", "30.0", "31"}) {
    evaluation.mutable_indicators(1)->set_target(target);
    EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[1].target")) << target;
  }
  evaluation.mutable_indicators(1)->set_direction(Evaluation::HIGHER_IS_BETTER);
  EXPECT_THAT(CheckEvaluation(evaluation), IsOk());
  // Without a base, that is 0.
  evaluation.mutable_indicators(1)->clear_base();
  evaluation.mutable_indicators(1)->set_target("-1");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("indicators[1].target"));
}

TEST(CheckEvaluation, TiersHaveBoundsButForTheLast) {
  Evaluation evaluation = Sound();
  evaluation.mutable_tiers(1)->clear_bound();
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[1].bound"));
  evaluation = Sound();
  evaluation.mutable_tiers(2)->set_bound("5");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[2].bound"));
  evaluation = Sound();
  evaluation.mutable_tiers(0)->set_bound("0");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[0].bound"));
}

TEST(CheckEvaluation, BoundsFitTheirRule) {
  Evaluation evaluation = Sound();
  evaluation.mutable_tiers(0)->set_bound("10.5");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[0].bound"));
  evaluation.mutable_tiers(0)->set_bound("10.0");
  EXPECT_THAT(CheckEvaluation(evaluation), IsOk());

  evaluation.set_tier_rule(Evaluation::SHARE);
  evaluation.mutable_tiers(0)->set_bound("0.6");
  evaluation.mutable_tiers(1)->set_bound("0.400001");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[1].bound"));
  evaluation.mutable_tiers(1)->set_bound("0.4");
  EXPECT_THAT(CheckEvaluation(evaluation), IsOk());

  evaluation.set_tier_rule(Evaluation::THRESHOLD);
  EXPECT_THAT(CheckEvaluation(evaluation), IsOk());
  evaluation.mutable_tiers(1)->set_bound("0.6");
  EXPECT_THAT(CheckEvaluation(evaluation), Wrong("tiers[1].bound"));
}

TEST(MustSubmit, TellsByDayAndBatch) {
  const auto zone = [](int batch, int year, int end) {
    PilotZone zone;
    zone.set_batch(batch);
    zone.mutable_approval_date()->set_year(year);
    if (end > 0) zone.mutable_end_date()->set_year(end);
    return zone;
  };
  Evaluation evaluation = Sound();
  EXPECT_TRUE(MustSubmit(evaluation, zone(2, 2016, 0)));
  EXPECT_TRUE(MustSubmit(evaluation, zone(2, 2016, 2025)));  // it was there on the day
  EXPECT_FALSE(MustSubmit(evaluation, zone(2, 2016, 2021)));
  EXPECT_FALSE(MustSubmit(evaluation, zone(2, 2022, 0)));
  EXPECT_FALSE(MustSubmit(evaluation, zone(3, 2016, 0)));
  evaluation.clear_batches();
  EXPECT_TRUE(MustSubmit(evaluation, zone(3, 2016, 0)));
}

TEST(CheckValues, KnowsTheIndicators) {
  const auto check = [](const std::string& values) {
    return CheckValues(Sound(), Parse<Submission>(values));
  };
  EXPECT_THAT(check("values { indicator: 'days' value: '1' }"), IsOk());
  const absl::Status unknown =
      check("values { indicator: 'days' value: '1' } values { indicator: 'export' value: '1' }");
  EXPECT_THAT(unknown, Wrong("values[1].indicator"));
  EXPECT_THAT(std::string(unknown.message()), ::testing::HasSubstr("did you mean exports"));
  EXPECT_THAT(
      check("values { indicator: 'days' value: '1' } values { indicator: 'days' value: '2' }"),
      Wrong("values[1].indicator"));
}

TEST(CheckComplete, NamesWhatLacks) {
  const auto check = [](const std::string& values) {
    return CheckComplete(Sound(), Parse<Submission>("name: 's' " + values));
  };
  EXPECT_THAT(check("values { indicator: 'days' value: '1' } "
                    "values { indicator: 'exports' value: '0' }"),
              IsOk());
  const absl::Status incomplete = check("values { indicator: 'days' value: '1' }");
  EXPECT_THAT(incomplete, Fails(StatusCode::kFailedPrecondition, "SUBMISSION_INCOMPLETE"));
  EXPECT_THAT(std::string(incomplete.message()), ::testing::HasSubstr("no value of exports"));
}

TEST(SubmissionName, IsThatOfTheZoneBelowTheEvaluation) {
  const std::string name = SubmissionName("evaluations/2022", "pilotZones/hangzhou");
  EXPECT_EQ(name, "evaluations/2022/submissions/hangzhou");
  EXPECT_EQ(EvaluationOf(name), "evaluations/2022");
}

}  // namespace
}  // namespace caravan::zones
