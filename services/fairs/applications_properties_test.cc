// What holds of applications whatever happens to them, in whatever order.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "services/common/resources/writer.h"
#include "services/common/testing/random.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/application.h"
#include "services/fairs/eligibility.h"
#include "services/fairs/testing/applications_server.h"

namespace caravan::fairs {
namespace {

using caravan::testing::IsOk;
using google::protobuf::util::MessageDifferencer;
using v1::Application;

constexpr int kSteps = 600;
constexpr int kFirms = 9;
constexpr int kCap = 10;

// The states to which a state may lead, by any method or run.
const std::set<std::pair<Application::State, Application::State>>& LegalSteps() {
  using A = Application;
  static const auto* const steps = new std::set<std::pair<A::State, A::State>>{
      {A::DRAFT, A::SUBMITTED},    {A::DRAFT, A::WITHDRAWN},     {A::SUBMITTED, A::SCREENED},
      {A::SUBMITTED, A::REJECTED}, {A::SUBMITTED, A::WITHDRAWN}, {A::SCREENED, A::SCORED},
      {A::SCREENED, A::REJECTED},  {A::SCREENED, A::WITHDRAWN},  {A::SCORED, A::ALLOTTED},
      {A::SCORED, A::REJECTED},    {A::SCORED, A::WITHDRAWN},    {A::ALLOTTED, A::CONFIRMED},
      {A::ALLOTTED, A::RETURNED},  {A::ALLOTTED, A::FORFEITED},  {A::CONFIRMED, A::POSITIONED},
      {A::CONFIRMED, A::RETURNED}, {A::POSITIONED, A::RETURNED}, {A::POSITIONED, A::USED},
  };
  return *steps;
}

class ApplicationsPropertiesTest : public testing::ApplicationsServer,
                                   public ::testing::WithParamInterface<uint64_t> {
 protected:
  ApplicationsPropertiesTest() : random_(GetParam()) {}

  // Any that there is; empty where there is none.
  std::string Any() {
    if (known_.empty()) return "";
    auto one = known_.begin();
    std::advance(one, random_.Below(known_.size()));
    return one->first.substr(one->first.rfind('/') + 1);
  }

  std::string Firm() { return absl::StrCat(1 + random_.Below(kFirms)); }
  // A document; sometimes one that was used before.
  std::string Consent() { return absl::StrCat("d", 1 + random_.Below(99)); }

  void CreateOne() {
    const std::string firm = Firm();
    std::string more = random_.Below(3) == 0
                           ? "kind: BRAND maximum_booths: 6"
                           : absl::StrCat("maximum_booths: ", 1 + random_.Below(6));
    if (random_.Below(3) == 0) absl::StrAppend(&more, " section: 'fairs/f/sections/t'");
    if (firm >= "7" && random_.Below(2) == 0) {
      absl::StrAppend(&more, " joint_partners: 'enterprises/de-", Firm(), "'");
    }
    (void)Create(absl::StrCat("a", created_++), Entry(firm, more));
  }

  // As a run does: to one who is SCORED and not excluded, until a day that may be over.
  void Allot(const std::string& id) {
    auto checked = Call<v1::CheckApplicationResponse, v1::CheckApplicationRequest>(
        "ApplicationService/CheckApplication", absl::StrCat("name: '", NameOf(id), "'"));
    ASSERT_THAT(checked, IsOk());
    auto before = Get(id);
    if (before->state() != Application::SCORED || !ExclusionOf(*checked).empty()) return;
    const bool late = random_.Below(4) == 0;
    ASSERT_THAT(Write([&](const resources::Registry& registry, const resources::Caller& caller,
                          store::Transaction& tx) {
                  return resources::Writer(registry, caller, tx)
                      .Change<Application>(NameOf(id),
                                           [&](Application& after) {
                                             after.set_state(Application::ALLOTTED);
                                             after.set_allotted_booths(after.maximum_booths());
                                             auto& due = *after.mutable_confirmation_due_date();
                                             due.set_year(2026);
                                             due.set_month(11);
                                             due.set_day(late ? 22 : 23);
                                             return absl::OkStatus();
                                           })
                      .status();
                }),
                IsOk());
  }

  // What takes an application further, more often than not; else anything.
  int KindOf(Application::State state) {
    const int any = static_cast<int>(random_.Below(30));
    if (random_.Below(3) == 0) return any;
    switch (state) {
      case Application::DRAFT:
        return 4;
      case Application::SUBMITTED:
        return 7;
      case Application::SCREENED:
        return 9;
      case Application::SCORED:
        return 11;
      case Application::ALLOTTED:
        return 14;
      case Application::CONFIRMED:
        return random_.Below(6) == 0 ? 19 : 16;
      case Application::POSITIONED: {
        static constexpr int kKinds[] = {19, 23, 23, 24, 25, 25, 26, 27};
        return random_.Pick(kKinds);
      }
      default:
        return any;
    }
  }

  // Makes one step, which may fail: then nothing changes.
  void Step() {
    moved_ = {};
    const std::string id = Any();
    const int kind = id.empty() ? 0 : KindOf(known_[NameOf(id)].state());
    SCOPED_TRACE(absl::StrCat("kind ", kind, " on ", id));
    if (kind <= 3) return CreateOne();
    switch (kind) {
      case 4:
      case 5:
      case 6:
        (void)Submit(id);
        return;
      case 7:
      case 8:
        (void)ApplicationsServer::Step<v1::ScreenApplicationRequest>(
            "Screen", id, "users/zhejiang",
            Get(id)->kind() == Application::BRAND
                ? "verified_points { criterion: 'marks' points: '7' }"
                : "verified_points { criterion: 'exports' points: '1' } "
                  "verified_points { criterion: 'research' points: '2.5' }");
        return;
      case 9:
      case 10:
        (void)ApplicationsServer::Step<v1::ScoreApplicationRequest>("Score", id, "users/chamber");
        return;
      case 11:
      case 12:
      case 13:
        return Allot(id);
      case 14:
      case 15:
        (void)ApplicationsServer::Step<v1::ConfirmApplicationRequest>("Confirm", id);
        return;
      case 16:
      case 17:
      case 18:
        if (Get(id)->state() == Application::CONFIRMED) {
          (void)Position(id, random_.Below(2) == 0 ? "a" : "b", 1 + random_.Below(12));
        }
        return;
      case 19:
        (void)ApplicationsServer::Step<v1::ReturnApplicationRequest>("Return", id);
        return;
      case 20:
        (void)ApplicationsServer::Step<v1::ForfeitApplicationRequest>("Forfeit", id);
        return;
      case 21:
        (void)ApplicationsServer::Step<v1::WithdrawApplicationRequest>("Withdraw", id);
        return;
      case 22:
        (void)ApplicationsServer::Step<v1::RejectApplicationRequest>("Reject", id, "users/admin",
                                                                     "rejection_reason: 'r'");
        return;
      case 23:
      case 24:
        moved_ = {NameOf(id)};
        (void)Move(id, random_.Below(2) == 0 ? "a" : "b", 1 + random_.Below(12), Consent());
        return;
      case 25:
      case 26: {
        const std::string other = Any();
        moved_ = {NameOf(id), NameOf(other)};
        (void)Swap(id, other, Consent(), Consent());
        return;
      }
      case 27:
        (void)ApplicationsServer::Step<v1::UseApplicationRequest>("Use", id);
        return;
      case 28:
        (void)Update(id, absl::StrCat("maximum_booths: ", 1 + random_.Below(12)));
        return;
      default:
        if (random_.Below(8) > 0) return;
        (void)Call<v1::Sanction, v1::CreateSanctionRequest>(
            "SanctionService/CreateSanction",
            absl::StrCat("sanction { enterprise: 'enterprises/de-", Firm(),
                         "' scope: BRAND_BOOTHS first_edition: 136 editions: 1 reason: 'r' }"));
    }
  }

  // What is there now must be legal after what was there before.
  void CheckStep() {
    auto listed = Call<v1::ListApplicationsResponse, v1::ListApplicationsRequest>(
        "ApplicationService/ListApplications", "parent: 'fairs/f' page_size: 1000");
    ASSERT_THAT(listed, IsOk());
    std::map<std::string, Application> now;
    for (const Application& one : listed->applications()) {
      now[one.name()] = one;
      const auto found = known_.find(one.name());
      if (found == known_.end()) {
        EXPECT_EQ(one.state(), Application::DRAFT);
        continue;
      }
      CheckChange(found->second, one);
    }
    known_ = std::move(now);
    CheckPlaces();
    CheckPlan();
  }

  void CheckChange(const Application& before, const Application& after) {
    SCOPED_TRACE(after.name());
    EXPECT_EQ(before.pseudonym(), after.pseudonym());
    if (before.state() != after.state()) {
      EXPECT_TRUE(LegalSteps().contains({before.state(), after.state()}))
          << Application::State_Name(before.state()) << " to "
          << Application::State_Name(after.state());
      ++reached_[after.state()];
    }
    EXPECT_TRUE(before.state() == Application::DRAFT || !ChangesEntry(before, after));
    // A stand goes elsewhere only with a consent of its own.
    if (!before.has_position() || !after.has_position()) return;
    if (MessageDifferencer::Equals(before.position(), after.position())) {
      EXPECT_EQ(before.changes_size(), after.changes_size());
      return;
    }
    ++moves_;
    EXPECT_TRUE(moved_.contains(after.name()));
    ASSERT_EQ(after.changes_size(), before.changes_size() + 1);
    std::set<std::string> consents;
    for (const auto& change : after.changes()) {
      EXPECT_NE(change.consent(), "");
      EXPECT_TRUE(consents.insert(change.consent()).second);
    }
  }

  // Each firm has one application of a kind in a section, takes part there once where
  // joint partners do, and has no more than the cap.
  void CheckPlaces() {
    std::set<std::string> places;
    std::map<std::string, int> booths;
    std::map<std::string, int> hosted;
    std::map<std::string, int> own;
    for (const auto& [name, one] : known_) {
      if (one.state() != Application::WITHDRAWN) {
        EXPECT_TRUE(
            places.insert(absl::StrCat(one.section(), one.kind(), one.enterprise())).second);
      }
      if (HasBooths(one)) booths[one.section() + one.enterprise()] += one.allotted_booths();
      if (!IsUnderWay(one)) continue;
      ++own[one.section() + one.enterprise()];
      for (const std::string& partner : one.joint_partners()) ++hosted[one.section() + partner];
    }
    for (const auto& [firm, sum] : booths) EXPECT_LE(sum, kCap) << firm;
    for (const auto& [firm, times] : hosted) {
      EXPECT_EQ(times, 1) << firm;
      EXPECT_EQ(own[firm], 0) << firm;
    }
  }

  // No cell has two stands, and applications and floor plan say the same.
  void CheckPlan() {
    auto plan = Call<v1::FloorPlan, v1::GetFloorPlanRequest>("FloorPlanService/GetFloorPlan",
                                                             "name: 'fairs/f/floorPlans/1-1.1'");
    ASSERT_THAT(plan, IsOk());
    std::set<std::pair<std::string, int>> taken;
    std::set<std::string> standing;
    for (const auto& stand : plan->stands()) {
      for (int i = 0; i < stand.booths(); ++i) {
        EXPECT_TRUE(taken.insert({stand.row(), stand.first_number() + i}).second);
      }
      EXPECT_TRUE(standing.insert(stand.application()).second);
      const Application& application = known_[stand.application()];
      EXPECT_EQ(application.position().row(), stand.row());
      EXPECT_EQ(application.position().first_number(), stand.first_number());
      EXPECT_EQ(application.position().cells_size(), stand.booths());
      EXPECT_EQ(application.allotted_booths(), stand.booths());
    }
    for (const auto& [name, one] : known_) {
      const bool stands =
          one.state() == Application::POSITIONED || one.state() == Application::USED;
      EXPECT_EQ(stands, standing.contains(name)) << name;
    }
  }

  caravan::testing::Random random_;
  int created_ = 0;
  int moves_ = 0;
  std::set<std::string> moved_;
  std::map<std::string, Application> known_;
  std::map<Application::State, int> reached_;
};

TEST_P(ApplicationsPropertiesTest, HoldWhateverHappens) {
  for (int i = 0; i < kSteps && !HasFailure(); ++i) {
    SCOPED_TRACE(absl::StrCat("step ", i));
    Step();
    CheckStep();
  }
  // The course went far enough to say something.
  for (Application::State state :
       {Application::SUBMITTED, Application::SCORED, Application::ALLOTTED, Application::CONFIRMED,
        Application::POSITIONED, Application::RETURNED}) {
    EXPECT_GT(reached_[state], 0) << Application::State_Name(state);
  }
  EXPECT_GT(moves_, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ApplicationsPropertiesTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace caravan::fairs
