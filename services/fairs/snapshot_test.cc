#include "services/fairs/snapshot.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace caravan::fairs {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using v1::Application;

class SnapshotTest : public ::testing::Test {
 protected:
  SnapshotTest() {
    fair_.set_name("fairs/f");
    fair_.mutable_rules()->set_firm_cap(10);
    section_.set_name("fairs/f/sections/toys");
    section_.set_phase("1");
    section_.set_brand_booths(20);
    section_.set_general_booths(30);
    section_.set_newcomer_booths(5);
    sources_.fair = &fair_;
    sources_.section = &section_;
  }

  Application& Add(Application::Kind kind, Application::State state, int booths = 0,
                   const std::string& delegation = "delegations/gd") {
    Application& application = sources_.applications.emplace_back();
    const size_t number = sources_.applications.size();
    application.set_name(absl::StrCat("fairs/f/applications/a", number));
    application.set_section(section_.name());
    application.set_pseudonym(absl::StrCat("p", number));
    application.set_kind(kind);
    application.set_state(state);
    application.set_delegation(delegation);
    application.set_minimum_booths(1);
    application.set_maximum_booths(4);
    application.set_allotted_booths(booths);
    application.set_score("60");
    return application;
  }

  void AddQuota(const std::string& delegation, int booths) {
    v1::Quota& quota = sources_.quotas.emplace_back();
    quota.set_delegation(delegation);
    quota.set_booths(booths);
  }

  v1::SectionInputs Make(v1::Stage stage, bool waiting_list = false) {
    sources_.stage = stage;
    sources_.waiting_list = waiting_list;
    return MakeSectionInputs(sources_);
  }

  static std::vector<std::string> Pseudonyms(const v1::SectionInputs& inputs) {
    std::vector<std::string> pseudonyms;
    for (const auto& entry : inputs.applications()) pseudonyms.push_back(entry.pseudonym());
    return pseudonyms;
  }

  static std::vector<std::pair<std::string, int>> Quotas(const v1::SectionInputs& inputs) {
    std::vector<std::pair<std::string, int>> quotas;
    for (const auto& quota : inputs.quotas())
      quotas.emplace_back(quota.delegation(), quota.booths());
    return quotas;
  }

  v1::Fair fair_;
  v1::Section section_;
  SectionSources sources_;
};

TEST_F(SnapshotTest, ARunDecidesOnWhoIsScoredAndOnWhoHasNotConfirmed) {
  Add(Application::GENERAL, Application::SCORED);
  Add(Application::GENERAL, Application::WAITLISTED);
  Add(Application::GENERAL, Application::ALLOTTED, 3);
  Add(Application::GENERAL, Application::CONFIRMED, 3);
  Add(Application::GENERAL, Application::WITHDRAWN);
  Add(Application::BRAND, Application::SCORED);
  EXPECT_THAT(Pseudonyms(Make(v1::GENERAL)), ElementsAre("p1", "p2", "p3"));
  EXPECT_THAT(Pseudonyms(Make(v1::GENERAL, true)), ElementsAre("p2"));
  EXPECT_THAT(Pseudonyms(Make(v1::BRAND)), ElementsAre("p6"));
}

TEST_F(SnapshotTest, RenewalsHoldTheirBooths) {
  Add(Application::BRAND, Application::ALLOTTED, 6).set_renewal(true);
  Add(Application::BRAND, Application::CONFIRMED, 4).set_renewal(true);
  Add(Application::BRAND, Application::FORFEITED, 8).set_renewal(true);
  const v1::SectionInputs inputs = Make(v1::BRAND);
  EXPECT_EQ(inputs.brand_booths(), 10);
  EXPECT_EQ(inputs.applications_size(), 0);
}

TEST_F(SnapshotTest, HeldBoothsAreTakenOffTheirDelegationAndTheNewcomers) {
  AddQuota("delegations/gd", 18);
  AddQuota("delegations/zj", 12);
  Add(Application::GENERAL, Application::CONFIRMED, 5);
  Add(Application::GENERAL, Application::POSITIONED, 2, "delegations/zj");
  Add(Application::GENERAL, Application::CONFIRMED, 2).set_newcomer(true);
  Add(Application::GENERAL, Application::ALLOTTED, 4);
  const v1::SectionInputs rerun = Make(v1::GENERAL);
  EXPECT_THAT(Quotas(rerun), ElementsAre(Pair("gd", 13), Pair("zj", 10)));
  EXPECT_EQ(rerun.general_booths(), 23);
  EXPECT_EQ(rerun.newcomer_booths(), 3);
  EXPECT_EQ(rerun.general_firms(), 2);
  EXPECT_EQ(rerun.newcomer_firms(), 1);
  const v1::SectionInputs waiting = Make(v1::GENERAL, true);
  EXPECT_THAT(Quotas(waiting), ElementsAre(Pair("gd", 9), Pair("zj", 10)));
  EXPECT_EQ(waiting.general_booths(), 19);
}

TEST_F(SnapshotTest, CutsTheLargestQuotasWhereADelegationHoldsMoreThanItsOwn) {
  AddQuota("delegations/gd", 4);
  AddQuota("delegations/js", 13);
  AddQuota("delegations/zj", 13);
  Add(Application::GENERAL, Application::CONFIRMED, 7);
  const v1::SectionInputs inputs = Make(v1::GENERAL);
  EXPECT_EQ(inputs.general_booths(), 23);
  EXPECT_THAT(Quotas(inputs), ElementsAre(Pair("gd", 0), Pair("js", 12), Pair("zj", 11)));
}

TEST_F(SnapshotTest, EntriesSayWhatARunNeedsAndNobodysName) {
  Application& application = Add(Application::GENERAL, Application::SCORED);
  application.set_enterprise("enterprises/91440100000000000x");
  application.set_fascia("Toys Ltd.");
  application.set_maximum_booths(30);
  application.set_product_group("dolls");
  sources_.exclusions[application.name()] = "STANDING_NOT_GOOD";
  const v1::SectionInputs inputs = Make(v1::GENERAL);
  ASSERT_EQ(inputs.applications_size(), 1);
  const auto& entry = inputs.applications(0);
  EXPECT_EQ(entry.delegation(), "gd");
  EXPECT_EQ(entry.maximum_booths(), 30);
  EXPECT_EQ(entry.exclusion(), "STANDING_NOT_GOOD");
  EXPECT_EQ(inputs.SerializeAsString().find("enterprises/"), std::string::npos);
  EXPECT_EQ(inputs.SerializeAsString().find("Toys Ltd."), std::string::npos);
}

TEST_F(SnapshotTest, PlacementSeesTheFreeCellsAndWhoHasConfirmed) {
  PlannedFloor floor;
  floor.hall.set_name("fairs/f/halls/1.1");
  v1::Hall::Row& row = *floor.hall.add_rows();
  row.set_id("an1");
  row.set_aisle("A");
  row.set_first_number(1);
  row.set_number_step(2);
  row.set_cells(6);
  row.set_direction(v1::Hall::EAST);
  row.add_corner_numbers(1);
  v1::FloorPlan::Span& span = *floor.plan.add_spans();
  span.set_row("an1");
  span.set_first_number(1);
  span.set_last_number(11);
  span.set_section(section_.name());
  v1::FloorPlan::Stand& stand = *floor.plan.add_stands();
  stand.set_row("an1");
  stand.set_first_number(5);
  stand.set_booths(1);
  stand.set_application("fairs/f/applications/a1");
  sources_.floors.push_back(floor);
  Add(Application::GENERAL, Application::POSITIONED, 1);
  Add(Application::GENERAL, Application::CONFIRMED, 2);
  const v1::SectionInputs inputs = Make(v1::PLACEMENT);
  EXPECT_THAT(Pseudonyms(inputs), ElementsAre("p2"));
  EXPECT_EQ(inputs.applications(0).booths(), 2);
  ASSERT_EQ(inputs.runs_size(), 2);
  EXPECT_EQ(inputs.runs(0).first_number(), 1);
  EXPECT_EQ(inputs.runs(0).cells(), 2);
  EXPECT_THAT(inputs.runs(0).corner_numbers(), ElementsAre(1));
  EXPECT_EQ(inputs.runs(1).first_number(), 7);
  EXPECT_EQ(inputs.runs(1).cells(), 3);
}

}  // namespace
}  // namespace caravan::fairs
