// What holds of every run, over thousands of sections that are made up.
#include <algorithm>
#include <map>
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
using Response = v1::ExplainApplicationResponse;

constexpr v1::QuantityMethod kMethods[] = {v1::RANKED, v1::SCORE_STEP, v1::HIGHEST_AVERAGES,
                                           v1::LARGEST_REMAINDER_OF_SCORES};

struct Case {
  v1::Rules rules;
  SectionInputs inputs;
  std::string seed;
};

Case MakeUpCase(uint64_t number) {
  Random random(number);
  Case made{.rules = testing::KnownRules(), .inputs = {}, .seed = absl::StrCat("seed ", number)};
  made.rules.mutable_brand_quantity()->set_method(random.Pick(kMethods));
  made.rules.mutable_general_quantity()->set_method(random.Pick(kMethods));
  made.rules.set_newcomer_divisor(static_cast<int32_t>(random.Below(5)));
  made.rules.set_newcomer_maximum(static_cast<int32_t>(random.Below(4)));
  const auto below = [&](uint64_t bound) { return static_cast<int>(random.Below(bound)); };
  const MadeUpSection shape{.stage = random.Below(2) == 0 ? v1::BRAND : v1::GENERAL,
                            .waiting_list = random.Below(3) == 0,
                            .delegations = 1 + below(4),
                            .applications = below(25),
                            .booths = below(40),
                            .score_steps = 1 + below(25),
                            .most_booths = 1 + below(12),
                            .minimum_booths = 1 + below(4),
                            .excluded_percent = 10,
                            .newcomer_percent = 30};
  made.inputs = MakeUpSection(shape, "lamps", random);
  if (random.Below(2) == 0) made.inputs.set_firm_cap(1 + below(8));
  made.inputs.set_general_firms(below(10));
  made.inputs.set_newcomer_firms(below(3));
  if (shape.waiting_list && random.Below(2) == 0) {
    made.inputs.set_general_booths(made.inputs.general_booths() / 2 + below(20));
  }
  return made;
}

SectionResult ResultOf(const Case& made) {
  absl::StatusOr<SectionResult> result = RunSection(made.rules, made.inputs, made.seed);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : SectionResult();
}

constexpr uint64_t kCases = 5000;

TEST(RunSectionProperties, WhatIsGivenIsWithinBounds) {
  int served = 0;
  for (uint64_t number = 0; number < kCases; ++number) {
    SCOPED_TRACE(number);
    const Case made = MakeUpCase(number);
    const SectionInputs& inputs = made.inputs;
    const SectionResult result = ResultOf(made);
    ASSERT_EQ(result.decisions_size(), inputs.applications_size());
    std::map<std::string, const SectionInputs::Entry*> entries;
    for (const SectionInputs::Entry& entry : inputs.applications()) {
      entries[entry.pseudonym()] = &entry;
    }
    const int cap = inputs.firm_cap() > 0 ? inputs.firm_cap() : made.rules.firm_cap();
    std::map<std::string, int64_t> given;  // by pool and delegation
    int64_t firms = 0;
    int64_t others = 0;
    int64_t newcomers = 0;
    auto entry_at = entries.begin();
    for (const SectionResult::Decision& decision : result.decisions()) {
      // By pseudonym, each once.
      ASSERT_EQ(decision.pseudonym(), (entry_at++)->first);
      const SectionInputs::Entry& entry = *entries[decision.pseudonym()];
      EXPECT_FALSE(decision.reason().empty());
      EXPECT_EQ(!entry.exclusion().empty(), decision.reason() == "EXCLUDED");
      EXPECT_EQ(decision.rank() == 0, decision.reason() == "EXCLUDED");
      if (decision.booths() == 0) {
        EXPECT_NE(decision.reason(), "MAXIMUM_REACHED");
        continue;
      }
      ++served;
      EXPECT_EQ(entry.exclusion(), "");
      const bool general = inputs.stage() == v1::GENERAL;
      const bool newcomer = general && entry.newcomer();
      EXPECT_GE(decision.booths(), entry.minimum_booths());
      EXPECT_GE(decision.booths(), general ? 1 : inputs.brand_minimum());
      int maximum = std::min(cap, entry.maximum_booths());
      if (newcomer) maximum = std::min(maximum, made.rules.newcomer_maximum());
      EXPECT_LE(decision.booths(), maximum);
      EXPECT_EQ(decision.booths() == maximum, decision.reason() == "MAXIMUM_REACHED");
      EXPECT_EQ(newcomer, decision.pool() == Response::NEWCOMERS);
      ++firms;
      ++(newcomer ? newcomers : others);
      given[absl::StrCat(decision.pool(),
                         decision.pool() == Response::QUOTA ? entry.delegation() : "")] +=
          decision.booths();
    }
    if (newcomers > 0) {
      ASSERT_GT(made.rules.newcomer_divisor(), 0);
      EXPECT_LE(newcomers + inputs.newcomer_firms(),
                (others + inputs.general_firms()) / made.rules.newcomer_divisor());
    }
    int64_t booths = 0;
    int64_t left = 0;
    int64_t general_booths = 0;
    for (const SectionResult::Pool& pool : result.pools()) {
      const int64_t taken = given[absl::StrCat(pool.pool(), pool.delegation())];
      EXPECT_EQ(taken + pool.left(), pool.booths());
      EXPECT_GE(pool.left(), 0);
      booths += taken;
      if (pool.pool() != Response::NEWCOMERS) general_booths += taken;
      if (!inputs.waiting_list() || pool.pool() != Response::QUOTA) left += pool.left();
    }
    EXPECT_LE(general_booths,
              inputs.stage() == v1::BRAND ? inputs.brand_booths() : inputs.general_booths());
    EXPECT_EQ(result.firms(), firms);
    EXPECT_EQ(result.booths(), booths);
    EXPECT_EQ(result.left_booths(), left);
  }
  EXPECT_GT(served, 10'000);
}

TEST(RunSectionProperties, TheOrderOfEntriesIsOfNoConsequence) {
  for (uint64_t number = 0; number < kCases; ++number) {
    Case made = MakeUpCase(number);
    const std::string before = ResultOf(made).SerializeAsString();
    Random random(number);
    auto& entries = *made.inputs.mutable_applications();
    for (int i = entries.size(); i > 1; --i) {
      entries.SwapElements(i - 1, static_cast<int>(random.Below(static_cast<uint64_t>(i))));
    }
    std::reverse(made.inputs.mutable_quotas()->pointer_begin(),
                 made.inputs.mutable_quotas()->pointer_end());
    ASSERT_EQ(ResultOf(made).SerializeAsString(), before) << number;
  }
}

TEST(RunSectionProperties, RanksGoByScore) {
  for (uint64_t number = 0; number < kCases / 5; ++number) {
    const Case made = MakeUpCase(number);
    std::map<std::string, const SectionInputs::Entry*> entries;
    for (const SectionInputs::Entry& entry : made.inputs.applications()) {
      entries[entry.pseudonym()] = &entry;
    }
    const SectionResult result = ResultOf(made);
    for (const SectionResult::Decision& a : result.decisions()) {
      for (const SectionResult::Decision& b : result.decisions()) {
        const SectionInputs::Entry& entry = *entries[a.pseudonym()];
        const SectionInputs::Entry& other = *entries[b.pseudonym()];
        if (a.pool() != b.pool() || a.rank() == 0 || b.rank() == 0) continue;
        if (a.pool() == Response::QUOTA && entry.delegation() != other.delegation()) continue;
        if (*ParsePoints(entry.score()) > *ParsePoints(other.score())) {
          ASSERT_LT(a.rank(), b.rank()) << number;
        }
        ASSERT_EQ(a.rank() == b.rank(), &a == &b) << number;
      }
    }
  }
}

// Adds a tenth of a point to one application. Returns how often it lost booths.
int Losses(uint64_t cases, auto&& applies) {
  int losses = 0;
  for (uint64_t number = 0; number < cases; ++number) {
    Case made = MakeUpCase(number);
    if (made.inputs.applications_size() == 0) continue;
    Random random(number + 1);
    SectionInputs::Entry& entry = *made.inputs.mutable_applications(
        static_cast<int>(random.Below(static_cast<uint64_t>(made.inputs.applications_size()))));
    if (!applies(made, entry)) continue;
    const std::string pseudonym = entry.pseudonym();
    const auto booths = [&] {
      const SectionResult result = ResultOf(made);
      for (const SectionResult::Decision& decision : result.decisions()) {
        if (decision.pseudonym() == pseudonym) return decision.booths();
      }
      return -1;
    };
    const int before = booths();
    entry.set_score(
        FormatPoints(*ParsePoints(entry.score()) + static_cast<int64_t>(random.Below(30'000)) + 1));
    if (booths() < before) ++losses;
  }
  return losses;
}

v1::QuantityMethod MethodOf(const Case& made) {
  return made.inputs.stage() == v1::BRAND ? made.rules.brand_quantity().method()
                                          : made.rules.general_quantity().method();
}

bool ByRank(const Case& made, const SectionInputs::Entry& entry) {
  if (made.inputs.stage() == v1::GENERAL && entry.newcomer()) return true;
  if (made.inputs.waiting_list()) return made.inputs.stage() == v1::BRAND;
  return MethodOf(made) == v1::RANKED;
}

TEST(RunSectionProperties, MorePointsNeverLoseABoothByRank) { EXPECT_EQ(Losses(5000, ByRank), 0); }

TEST(RunSectionProperties, MorePointsNeverLoseABoothWhereNobodyNeedsMoreThanOne) {
  EXPECT_EQ(Losses(5000,
                   [](Case& made, const SectionInputs::Entry&) {
                     made.inputs.clear_brand_minimum();
                     for (SectionInputs::Entry& entry : *made.inputs.mutable_applications()) {
                       entry.set_minimum_booths(1);
                     }
                     const v1::QuantityMethod method = MethodOf(made);
                     return !made.inputs.waiting_list() &&
                            (method == v1::SCORE_STEP || method == v1::HIGHEST_AVERAGES);
                   }),
            0);
}

// As the header says: section_run_test has examples of the other rules.
TEST(RunSectionProperties, MorePointsCanLoseABoothOnTheWaitingListOfGeneralBooths) {
  EXPECT_GT(Losses(5000,
                   [](const Case& made, const SectionInputs::Entry& entry) {
                     return made.inputs.waiting_list() && !ByRank(made, entry);
                   }),
            0);
}

}  // namespace
}  // namespace caravan::fairs
