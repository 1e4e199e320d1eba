#include "services/fairs/next_booth.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/fairs/points.h"
#include "services/fairs/section_run.h"
#include "services/fairs/testing/made_up_section.h"

namespace caravan::fairs {
namespace {

using testing::MadeUpSection;
using testing::Random;
using v1::SectionInputs;
using v1::SectionResult;

constexpr v1::QuantityMethod kMethods[] = {v1::RANKED, v1::SCORE_STEP, v1::HIGHEST_AVERAGES,
                                           v1::LARGEST_REMAINDER_OF_SCORES};

// A section, one application of it, and what another score would give that.
struct Trial {
  v1::Rules rules;
  SectionInputs inputs;
  int entry = 0;

  int64_t score() const { return *ParsePoints(inputs.applications(entry).score()); }

  int64_t Booths(int64_t score) const {
    SectionInputs changed = inputs;
    changed.mutable_applications(entry)->set_score(FormatPoints(score));
    const absl::StatusOr<SectionResult> result = RunSection(rules, changed, "seed");
    EXPECT_TRUE(result.ok()) << result.status();
    const std::string& pseudonym = inputs.applications(entry).pseudonym();
    for (const SectionResult::Decision& decision : result->decisions()) {
      if (decision.pseudonym() == pseudonym) return decision.booths();
    }
    return -1;
  }

  // Nothing where the application is excluded.
  std::optional<NextBooth> Find() const {
    const absl::StatusOr<SectionPools> pools = ReadSectionPools(rules, inputs, "seed");
    EXPECT_TRUE(pools.ok()) << pools.status();
    const SectionResult result = *RunSection(rules, inputs, "seed");
    const auto others =
        std::count_if(result.decisions().begin(), result.decisions().end(), [](const auto& d) {
          return d.pool() != v1::ExplainApplicationResponse::NEWCOMERS && d.booths() > 0;
        });
    for (const Applicant& applicant : pools->applicants) {
      if (applicant.entry != &inputs.applications(entry)) continue;
      return FindNextBooth(inputs, *pools, applicant, NewcomerFirms(rules, inputs, others));
    }
    return std::nullopt;
  }
};

Trial MakeUpTrial(uint64_t number, MadeUpSection shape, v1::QuantityMethod method) {
  Random random(number);
  Trial trial{.rules = testing::KnownRules(), .inputs = {}};
  trial.rules.mutable_brand_quantity()->set_method(method);
  trial.rules.mutable_general_quantity()->set_method(method);
  shape.stage = random.Below(2) == 0 ? v1::BRAND : v1::GENERAL;
  shape.waiting_list = random.Below(4) == 0;
  trial.inputs = MakeUpSection(shape, "lamps", random);
  trial.inputs.set_general_firms(static_cast<int32_t>(random.Below(20)));
  trial.entry =
      static_cast<int>(random.Below(static_cast<uint64_t>(trial.inputs.applications_size())));
  return trial;
}

// All scores up to some distance are tried, in thousandths.
class BruteForce : public ::testing::TestWithParam<v1::QuantityMethod> {};

TEST_P(BruteForce, AgreesThatNoFewerPointsDo) {
  constexpr int64_t kScores = 30;
  constexpr int64_t kReach = 150;
  int found = 0;
  int none = 0;
  for (uint64_t number = 0; number < 60; ++number) {
    SCOPED_TRACE(number);
    Random random(number + 1);
    const MadeUpSection shape{.delegations = 2,
                              .applications = 3 + static_cast<int>(random.Below(9)),
                              .booths = 4 + static_cast<int>(random.Below(20)),
                              .minimum_booths = 1 + static_cast<int>(random.Below(4))};
    Trial trial = MakeUpTrial(number, shape, GetParam());
    trial.rules.mutable_brand_quantity()->set_base("0.01");
    trial.rules.mutable_general_quantity()->set_base("0.01");
    for (SectionInputs::Entry& entry : *trial.inputs.mutable_applications()) {
      entry.set_score(FormatPoints(static_cast<int64_t>(random.Below(kScores))));
    }
    const std::optional<NextBooth> next = trial.Find();
    if (!next.has_value()) continue;
    const int64_t now = trial.Booths(trial.score());
    ASSERT_EQ(next->booths, now);
    std::optional<int64_t> least;
    for (int64_t points = 1; points <= kReach && !least.has_value(); ++points) {
      if (trial.Booths(trial.score() + points) > now) least = points;
    }
    if (least.has_value()) {
      ++found;
      ASSERT_EQ(next->points, least);
      EXPECT_TRUE(next->proven);
    } else {
      ++none;
      EXPECT_TRUE(!next->points.has_value() || *next->points > kReach) << *next->points;
    }
  }
  EXPECT_GT(found, 15);
  EXPECT_GT(none, 8);
}

INSTANTIATE_TEST_SUITE_P(Methods, BruteForce, ::testing::ValuesIn(kMethods),
                         [](const auto& info) { return v1::QuantityMethod_Name(info.param); });

// Of sections as large as those of a fair, the neighbours of the number are tried.
class Neighbours : public ::testing::TestWithParam<v1::QuantityMethod> {};

TEST_P(Neighbours, ThatManyPointsDoAndAThousandthFewerDoesNot) {
  int found = 0;
  int proven = 0;
  for (uint64_t number = 0; number < 16; ++number) {
    SCOPED_TRACE(number);
    const MadeUpSection shape{.delegations = 10,
                              .applications = 120,
                              .booths = 180,
                              .score_steps = 1000,
                              .minimum_booths = 1 + static_cast<int>(number % 2)};
    const Trial trial = MakeUpTrial(number, shape, GetParam());
    const std::optional<NextBooth> next = trial.Find();
    if (!next.has_value() || !next->points.has_value()) continue;
    ++found;
    if (next->proven) ++proven;
    EXPECT_GT(trial.Booths(trial.score() + *next->points), next->booths);
    EXPECT_LE(trial.Booths(trial.score() + *next->points - 1), next->booths);
    EXPECT_EQ(trial.Booths(trial.score()), next->booths);
  }
  EXPECT_GT(found, 4);
  EXPECT_GT(proven, 0);
}

INSTANTIATE_TEST_SUITE_P(Methods, Neighbours, ::testing::ValuesIn(kMethods),
                         [](const auto& info) { return v1::QuantityMethod_Name(info.param); });

}  // namespace
}  // namespace caravan::fairs
