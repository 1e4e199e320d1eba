#include "services/fairs/verify_bundle.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/fairs/digest.h"
#include "services/fairs/lottery.h"
#include "services/fairs/names.h"
#include "services/fairs/testing/made_up_section.h"

namespace caravan::fairs {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using testing::MadeUpSection;
using testing::Random;
using v1::Bundle;

std::vector<Bundle> MakeUp(v1::Stage stage, bool waiting_list = false) {
  Random random(136);
  std::vector<v1::SectionInputs> sections;
  for (const char* id : {"bulbs", "lamps", "tiles"}) {
    sections.push_back(
        testing::MakeUpSection({.stage = stage, .waiting_list = waiting_list}, id, random));
  }
  return testing::MakeUpRun(testing::KnownRules(), sections);
}

std::vector<std::string> Subjects(const std::vector<Finding>& findings) {
  std::vector<std::string> subjects;
  for (const Finding& finding : findings) {
    EXPECT_NE(finding.message, "") << finding.subject;
    subjects.push_back(finding.subject);
  }
  return subjects;
}

TEST(VerifyBundle, FindsNothingInWhatWasNotChanged) {
  for (const v1::Stage stage : {v1::BRAND, v1::GENERAL, v1::PLACEMENT}) {
    for (const bool waiting_list : {false, true}) {
      for (const Bundle& bundle : MakeUp(stage, waiting_list)) {
        EXPECT_THAT(Subjects(VerifyBundle(bundle)), IsEmpty());
      }
      EXPECT_THAT(Subjects(VerifyBundles(MakeUp(stage, waiting_list))), IsEmpty());
    }
  }
}

TEST(VerifyBundle, AnEmptyBundleIsNoProof) {
  EXPECT_THAT(Subjects(VerifyBundle(Bundle())), Contains("draw.seed"));
}

// The first decision with booths.
v1::SectionResult::Decision& Served(Bundle& bundle) {
  for (v1::SectionResult::Decision& decision : *bundle.mutable_result()->mutable_decisions()) {
    if (decision.booths() > 0) return decision;
  }
  ADD_FAILURE() << "nobody has booths";
  return *bundle.mutable_result()->add_decisions();
}

// Makes up the digests that follow from what was tampered with, as who tampers would.
void Redigest(Bundle& bundle) {
  const std::string id(LastSegment(bundle.inputs().name()));
  int index = 0;
  while (LastSegment(bundle.allocation().sections(index)) != id) ++index;
  bundle.mutable_inputs()->set_digest(DigestOfInputs(bundle.inputs()).value());
  bundle.set_inputs_digests(index, bundle.inputs().digest());
  bundle.mutable_result()->set_digest(DigestOfResult(id, bundle.result()));
  bundle.set_result_digests(index, bundle.result().digest());
  const std::vector<std::string> inputs(bundle.inputs_digests().begin(),
                                        bundle.inputs_digests().end());
  const std::vector<std::string> results(bundle.result_digests().begin(),
                                         bundle.result_digests().end());
  bundle.mutable_snapshot()->set_digest(DigestOfSnapshot(inputs));
  v1::Allocation& allocation = *bundle.mutable_allocation();
  allocation.set_inputs_digest(bundle.snapshot().digest());
  allocation.set_rules_digest(DigestOfRules(allocation.rules()).value());
  allocation.set_digest(DigestOfAllocation(bundle.snapshot().digest(), allocation.rules_digest(),
                                           allocation.seed(), results));
}

struct Tampering {
  std::string subject;  // that a finding names
  std::function<void(Bundle&)> change;
};

TEST(VerifyBundle, NamesWhatWasTamperedWith) {
  const std::vector<Tampering> tamperings = {
      {"draw.stage", [](Bundle& b) { b.mutable_draw()->set_stage(v1::PLACEMENT); }},
      {"draw.commitment",
       [](Bundle& b) { b.mutable_draw()->set_commitment(std::string(64, '0')); }},
      {"draw.commitment", [](Bundle& b) { b.mutable_draw()->set_secret("another secret"); }},
      {"draw.seed", [](Bundle& b) { b.mutable_draw()->set_public_value("1 2 3"); }},
      {"draw.seed", [](Bundle& b) { b.mutable_draw()->set_seed(std::string(64, '0')); }},
      {"draw.inputs_digest",
       [](Bundle& b) { b.mutable_draw()->set_inputs_digest(std::string(64, '0')); }},
      {"draw.public_time",
       [](Bundle& b) { b.mutable_draw()->mutable_public_time()->set_seconds(1'723'000'000); }},
      {"draw.public_time",
       [](Bundle& b) { b.mutable_draw()->mutable_commit_time()->set_seconds(1'725'000'000); }},
      {"allocation.seed",
       [](Bundle& b) { b.mutable_allocation()->set_seed(std::string(64, '0')); }},
      {"allocation.snapshot",
       [](Bundle& b) { b.mutable_allocation()->set_snapshot("fairs/136/snapshots/2"); }},
      {"allocation.inputs_digest",
       [](Bundle& b) { b.mutable_allocation()->set_inputs_digest(std::string(64, '0')); }},
      {"allocation.rules_digest",
       [](Bundle& b) { b.mutable_allocation()->mutable_rules()->set_firm_cap(9); }},
      {"snapshot.rules", [](Bundle& b) { b.mutable_snapshot()->mutable_rules()->set_firm_cap(9); }},
      {"allocation.rules",
       [](Bundle& b) { b.mutable_allocation()->mutable_rules()->set_tiers(0, "x"); }},
      {"allocation.digest",
       [](Bundle& b) { b.mutable_allocation()->set_digest(std::string(64, '0')); }},
      {"snapshot.stage", [](Bundle& b) { b.mutable_snapshot()->set_stage(v1::PLACEMENT); }},
      {"snapshot.digest", [](Bundle& b) { b.set_inputs_digests(2, std::string(64, '0')); }},
      {"allocation.digest", [](Bundle& b) { b.set_result_digests(2, std::string(64, '0')); }},
      {"inputs_digests", [](Bundle& b) { b.clear_inputs_digests(); }},
      {"result_digests", [](Bundle& b) { b.clear_result_digests(); }},
      {"inputs.stage", [](Bundle& b) { b.mutable_inputs()->set_stage(v1::PLACEMENT); }},
      {"inputs.waiting_list", [](Bundle& b) { b.mutable_inputs()->set_waiting_list(true); }},
      {"inputs.name", [](Bundle& b) { b.mutable_inputs()->set_name("other/lamps"); }},
      {"snapshot.sections", [](Bundle& b) { b.mutable_snapshot()->set_sections(1, "x"); }},
      {"allocation.sections", [](Bundle& b) { b.mutable_allocation()->set_sections(1, "x"); }},
      {"inputs.digest",
       [](Bundle& b) { b.mutable_inputs()->mutable_applications(3)->set_score("99.999"); }},
      {"inputs.digest",
       [](Bundle& b) { b.mutable_inputs()->mutable_applications(3)->set_exclusion("BARRED"); }},
      {"inputs.digest",
       [](Bundle& b) { b.mutable_inputs()->mutable_applications()->RemoveLast(); }},
      {"inputs", [](Bundle& b) { b.mutable_inputs()->mutable_applications(3)->set_score("?"); }},
      {"result.name", [](Bundle& b) { b.mutable_result()->set_name("bulbs"); }},
      {"result.digest", [](Bundle& b) { Served(b).set_booths(9); }},
      {"result", [](Bundle& b) { b.mutable_inputs()->mutable_applications(3)->set_score("?"); }},
  };
  const std::vector<Bundle> bundles = MakeUp(v1::GENERAL);
  for (size_t i = 0; i < tamperings.size(); ++i) {
    Bundle bundle = bundles[1];
    tamperings[i].change(bundle);
    EXPECT_THAT(Subjects(VerifyBundle(bundle)), Contains(tamperings[i].subject)) << i;
  }
}

TEST(VerifyBundle, SeesThroughDigestsThatWereTamperedWithToo) {
  const std::vector<Bundle> bundles = MakeUp(v1::GENERAL);
  Bundle bundle = bundles[1];
  v1::SectionResult::Decision& decision = Served(bundle);
  decision.set_booths(decision.booths() + 1);
  Redigest(bundle);
  std::vector<Finding> findings = VerifyBundle(bundle);
  ASSERT_EQ(findings.size(), 1);
  EXPECT_THAT(findings[0].subject,
              ::testing::MatchesRegex("result\\.decisions\\[[0-9]+\\]\\.booths"));
  EXPECT_EQ(findings[0].message, absl::StrCat("bundle -> recomputed: ", decision.booths(), " -> ",
                                              decision.booths() - 1));

  // An application that is left out of the inputs changes the digest that the seed was
  // drawn with.
  bundle = bundles[1];
  bundle.mutable_inputs()->mutable_applications()->DeleteSubrange(2, 1);
  Redigest(bundle);
  EXPECT_THAT(Subjects(VerifyBundle(bundle)),
              IsSupersetOf({"draw.inputs_digest", "result.decisions[2]"}));

  // The order of decisions counts.
  bundle = bundles[1];
  bundle.mutable_result()->mutable_decisions()->SwapElements(0, 1);
  Redigest(bundle);
  EXPECT_THAT(Subjects(VerifyBundle(bundle)), ElementsAre("result.decisions"));

  // So do totals and counts.
  bundle = bundles[1];
  bundle.mutable_result()->mutable_pools(0)->set_applications(99);
  bundle.mutable_result()->set_firms(99);
  Redigest(bundle);
  EXPECT_THAT(Subjects(VerifyBundle(bundle)),
              ElementsAre("result.pools[0].applications", "result.firms"));
}

TEST(VerifyBundle, ManyDifferencesAreCounted) {
  Bundle bundle = MakeUp(v1::GENERAL)[1];
  bundle.mutable_result()->clear_decisions();
  bundle.mutable_result()->clear_pools();
  Redigest(bundle);
  std::vector<Finding> findings = VerifyBundle(bundle);
  ASSERT_EQ(findings.size(), 21);
  EXPECT_EQ(findings[0].subject, "result.pools[0]");
  EXPECT_EQ(findings.back().subject, "result");
  EXPECT_EQ(findings.back().message, "5 further differences");
}

TEST(VerifyBundle, ARerunIsCheckedWithTheSeedOfTheFirstSnapshot) {
  Bundle bundle = MakeUp(v1::GENERAL)[0];
  bundle.mutable_draw()->set_snapshot("fairs/136/snapshots/0");
  EXPECT_THAT(Subjects(VerifyBundle(bundle)), IsEmpty());
}

TEST(VerifyBundle, ASimulationAppliesOtherRules) {
  Bundle bundle = MakeUp(v1::GENERAL)[0];
  bundle.mutable_snapshot()->mutable_rules()->set_firm_cap(9);
  EXPECT_THAT(Subjects(VerifyBundle(bundle)), ElementsAre("snapshot.rules"));
  bundle.mutable_allocation()->set_simulation_of("fairs/136/allocations/0");
  EXPECT_THAT(Subjects(VerifyBundle(bundle)), IsEmpty());
}

TEST(VerifyBundles, AreAWholeRun) {
  EXPECT_THAT(Subjects(VerifyBundles({})), ElementsAre("bundles"));
  std::vector<Bundle> bundles = MakeUp(v1::GENERAL);
  bundles.pop_back();
  EXPECT_THAT(
      Subjects(VerifyBundles(bundles)),
      ElementsAre("tiles", "allocation.firms", "allocation.booths", "allocation.left_booths"));
  bundles = MakeUp(v1::GENERAL);
  bundles.push_back(bundles[0]);
  EXPECT_THAT(Subjects(VerifyBundles(bundles)), Contains("bulbs: inputs.name"));
  bundles = MakeUp(v1::GENERAL);
  for (Bundle& bundle : bundles) bundle.mutable_allocation()->set_booths(1);
  EXPECT_THAT(Subjects(VerifyBundles(bundles)), ElementsAre("allocation.booths"));
  // One of another run of the same sections.
  bundles[1] = MakeUp(v1::BRAND)[1];
  EXPECT_THAT(Subjects(VerifyBundles(bundles)), Contains("lamps: allocation"));
}

}  // namespace
}  // namespace caravan::fairs
