// What holds of an edition whatever happens in its course, its server's crashes included:
// no booth is given twice, quotas and caps are kept, what is confirmed stays, every
// decision can be explained, and outsiders can verify every run.
//
// CARAVAN_TEST_COURSES says how many courses there are on each engine, instead of one.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/random.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/application.h"
#include "services/fairs/names.h"
#include "services/fairs/testing/edition_server.h"

namespace caravan::fairs {
namespace {

using caravan::testing::Fails;
using caravan::testing::IsOk;
using google::longrunning::Operation;
using google::protobuf::util::MessageDifferencer;
using testing::EditionServer;
using ::testing::IsEmpty;
using v1::Allocation;
using v1::Application;

constexpr int kDrafts = 12;
constexpr int kConsents = 99;
// Of the decisions by SCORE_STEP, whose explanations take a long search.
constexpr uint64_t kExplainedOneIn = 3;

std::vector<uint64_t> Seeds() {
  int count = 1;
  const char* wanted = std::getenv("CARAVAN_TEST_COURSES");
  if (wanted != nullptr && !absl::SimpleAtoi(wanted, &count)) std::abort();
  std::vector<uint64_t> seeds;
  for (int i = 1; i <= count; ++i) seeds.push_back(i);
  return seeds;
}

testing::Edition TinyEdition(uint64_t seed) {
  testing::Edition edition = testing::MakeEdition(
      {.seed = seed, .sections = 2, .booths = 90, .applications = 60, .delegations = 3});
  testing::AddSpecialArea(edition);
  for (int i = 1; i <= kConsents; ++i) {
    edition.documents.push_back(edition.documents.front());
    edition.documents.back().set_name(absl::StrCat("documents/consent-", i));
  }
  return edition;
}

// The states to which a state may lead, by any one method or publication.
const std::set<std::pair<Application::State, Application::State>>& LegalSteps() {
  using A = Application;
  static const auto* const steps = new std::set<std::pair<A::State, A::State>>{
      {A::DRAFT, A::SUBMITTED},     {A::DRAFT, A::WITHDRAWN},      {A::SUBMITTED, A::SCREENED},
      {A::SUBMITTED, A::REJECTED},  {A::SUBMITTED, A::WITHDRAWN},  {A::SCREENED, A::SCORED},
      {A::SCREENED, A::REJECTED},   {A::SCREENED, A::WITHDRAWN},   {A::SCORED, A::ALLOTTED},
      {A::SCORED, A::REJECTED},     {A::SCORED, A::WITHDRAWN},     {A::SCORED, A::WAITLISTED},
      {A::WAITLISTED, A::ALLOTTED}, {A::WAITLISTED, A::WITHDRAWN}, {A::ALLOTTED, A::CONFIRMED},
      {A::ALLOTTED, A::RETURNED},   {A::ALLOTTED, A::FORFEITED},   {A::ALLOTTED, A::WAITLISTED},
      {A::CONFIRMED, A::RETURNED},  {A::CONFIRMED, A::POSITIONED}, {A::POSITIONED, A::RETURNED},
  };
  return *steps;
}

class EditionPropertiesTest
    : public ::testing::TestWithParam<std::tuple<store::TestStore, uint64_t>> {
 protected:
  EditionPropertiesTest()
      : random_(std::get<1>(GetParam())),
        database_(std::get<0>(GetParam()).Create()),
        server_(TinyEdition(std::get<1>(GetParam())), database_->url()) {}

  // A declared transition of an application; what is not legal is refused.
  template <class Request>
  absl::StatusOr<Application> Do(const std::string& verb, Request request, const std::string& name,
                                 const std::string& principal = "users/admin") {
    request.set_name(name);
    return server_.Call<Application>(absl::StrCat("ApplicationService/", verb, "Application"),
                                     request, principal);
  }

  void Screen(const Application& application) {
    v1::ScreenApplicationRequest request;
    for (const auto& criterion : CriteriaOf(server_.edition().fair.rules(), application.kind())) {
      auto& points = *request.add_verified_points();
      points.set_criterion(criterion.id());
      points.set_points(absl::StrCat(random_.Below(6)));
    }
    (void)Do("Screen", request, application.name());
  }

  void Reject(const Application& application) {
    v1::RejectApplicationRequest request;
    request.set_rejection_reason("r");
    (void)Do("Reject", request, application.name());
  }

  void Return(const Application& application) {
    v1::ReturnApplicationRequest request;
    request.set_return_reason("r");
    (void)Do("Return", request, application.name());
  }

  std::string Consent() { return absl::StrCat("documents/consent-", 1 + random_.Below(kConsents)); }

  void Move(const Application& application) {
    const v1::FloorPlan& plan = random_.Pick(server_.edition().floor_plans);
    const v1::FloorPlan::Span& span = random_.Pick(plan.spans());
    v1::MoveApplicationRequest request;
    request.set_hall(plan.hall());
    request.set_row(span.row());
    request.set_first_number(
        span.first_number() +
        static_cast<int>(random_.Below(1 + span.last_number() - span.first_number())));
    request.set_reason("r");
    request.set_consent(Consent());
    moved_ = {application.name()};
    moves_ += Do("Move", request, application.name()).ok();
  }

  void Swap(const Application& application) {
    v1::SwapApplicationRequest request;
    for (const auto& [name, other] : known_) {
      if (other.state() == Application::POSITIONED && other.section() == application.section() &&
          other.allotted_booths() == application.allotted_booths()) {
        request.set_other(name);
        if (random_.Below(3) == 0) break;
      }
    }
    request.set_name(application.name());
    request.set_reason("r");
    request.set_consent(Consent());
    request.set_other_consent(Consent());
    moved_ = {application.name(), request.other()};
    swaps_ +=
        server_.Call<v1::SwapApplicationResponse>("ApplicationService/SwapApplication", request)
            .ok();
  }

  // Of whoever takes part, so that a stage that is decided again has others in it.
  void Sanction() {
    if (sanctions_.size() > 4 || (!sanctions_.empty() && random_.Below(2) == 0)) {
      v1::LiftSanctionRequest lift;
      lift.set_name(sanctions_.back());
      lift.set_lift_reason("r");
      EXPECT_THAT(server_.Call<v1::Sanction>("SanctionService/LiftSanction", lift), IsOk());
      sanctions_.pop_back();
      return;
    }
    v1::CreateSanctionRequest create;
    v1::Sanction& sanction = *create.mutable_sanction();
    sanction.set_enterprise(random_.Pick(server_.edition().applications).enterprise());
    sanction.set_scope(random_.Below(4) == 0 ? v1::Sanction::BRAND_BOOTHS : v1::Sanction::FAIR);
    sanction.set_first_edition(136);
    sanction.set_editions(1);
    sanction.set_reason("r");
    sanctions_.push_back(
        server_.Must<v1::Sanction>("SanctionService/CreateSanction", create).name());
  }

  void Invite() {
    v1::CreateInvitationRequest create;
    create.set_parent(EditionServer::kFair);
    create.set_invitation_id(absl::StrCat("invited-", ++invitations_));
    v1::Invitation& invitation = *create.mutable_invitation();
    invitation.set_section(server_.edition().sections.back().name());
    invitation.set_warehouse(absl::StrCat("warehouses/w", invitations_));
    invitation.set_booths(1 + static_cast<int>(random_.Below(6)));
    *invitation.mutable_reply_due_date() = server_.edition().fair.phases(0).start_date();
    invitation.mutable_reply_due_date()->set_day(1);
    const auto invited = server_.Must<v1::Invitation>("InvitationService/CreateInvitation", create);
    if (random_.Below(4) == 0) return;
    v1::AcceptInvitationRequest accept;
    accept.set_name(invited.name());
    server_.Must<v1::Invitation>("InvitationService/AcceptInvitation", accept);
  }

  // What an application may meet in its state, and what it may not.
  void StepOf(const Application& application) {
    const uint64_t die = random_.Below(6);
    const std::string& name = application.name();
    switch (die == 0 ? static_cast<int>(1 + random_.Below(8)) : application.state()) {
      case Application::DRAFT:
        (void)Do("Submit", v1::SubmitApplicationRequest(), name);
        return;
      case Application::SUBMITTED:
        return die == 1 ? Reject(application) : Screen(application);
      case Application::SCREENED:
        (void)Do("Score", v1::ScoreApplicationRequest(), name, "users/second");
        return;
      case Application::SCORED:
      case Application::WAITLISTED:
        if (die == 1) (void)Do("Withdraw", v1::WithdrawApplicationRequest(), name);
        return;
      case Application::ALLOTTED:
        if (die <= 1) return Return(application);
        if (die == 2) {
          (void)Do("Forfeit", v1::ForfeitApplicationRequest(), name);
          return;
        }
        (void)Do("Confirm", v1::ConfirmApplicationRequest(), name);
        return;
      case Application::CONFIRMED:
        if (die <= 1) Return(application);
        return;
      case Application::POSITIONED:
        if (die <= 1) return Return(application);
        return die <= 3 ? Move(application) : Swap(application);
      default:
        return;
    }
  }

  static bool MayGoOn(const Application& application) {
    switch (application.state()) {
      case Application::DRAFT:
      case Application::SUBMITTED:
      case Application::SCREENED:
      case Application::ALLOTTED:
      case Application::POSITIONED:
        return true;
      default:
        return false;
    }
  }

  void Step() {
    server_.clock().Advance(absl::Minutes(1));
    moved_.clear();
    if (random_.Below(6) == 0) Sanction();
    if (random_.Below(25) == 0) Invite();
    if (random_.Below(40) == 0) {
      Look();  // with the stands of who was invited
      const auto before = known_;
      server_.Crash();
      ++crashes_;
      Look();
      ASSERT_EQ(before.size(), known_.size());
      for (const auto& [name, application] : before) {
        EXPECT_EQ(application.SerializeAsString(), known_[name].SerializeAsString()) << name;
      }
      return;
    }
    auto one = known_.begin();
    std::advance(one, random_.Below(known_.size()));
    // Rather one that is under way.
    for (int i = 0; i < 5 && !MayGoOn(one->second); ++i) {
      one = known_.begin();
      std::advance(one, random_.Below(known_.size()));
    }
    SCOPED_TRACE(absl::StrCat("step of ", one->first));
    StepOf(Application(one->second));
    Look();
  }

  void Steps(int count) {
    for (int i = 0; i < count && !HasFailure(); ++i) Step();
  }

  // What there is now must be legal after what there was before.
  void Look() {
    std::map<std::string, Application> now;
    for (Application& one : server_.Applications()) {
      const auto before = known_.find(one.name());
      if (before != known_.end()) CheckChange(before->second, one);
      now.emplace(one.name(), std::move(one));
    }
    for (const auto& [name, application] : known_) EXPECT_TRUE(now.contains(name)) << name;
    known_ = std::move(now);
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
    const bool confirmed =
        before.state() == Application::CONFIRMED || before.state() == Application::POSITIONED;
    if (!confirmed || after.state() == Application::RETURNED) return;
    EXPECT_EQ(before.allotted_booths(), after.allotted_booths());
    if (before.state() == Application::POSITIONED && !moved_.contains(after.name())) {
      EXPECT_TRUE(MessageDifferencer::Equals(before.position(), after.position()));
    }
  }

  // No cell has two stands, and applications and floor plans say the same.
  void CheckPlans() {
    std::map<std::string, int> standing;
    for (const auto& planned : server_.edition().floor_plans) {
      v1::GetFloorPlanRequest get;
      get.set_name(planned.name());
      const auto plan = server_.Must<v1::FloorPlan>("FloorPlanService/GetFloorPlan", get);
      std::set<std::string> taken;
      for (const auto& stand : plan.stands()) {
        const Application& application = known_[stand.application()];
        EXPECT_EQ(application.position().hall(), plan.hall());
        EXPECT_EQ(application.position().row(), stand.row());
        EXPECT_EQ(application.position().first_number(), stand.first_number());
        EXPECT_EQ(application.position().cells_size(), stand.booths());
        EXPECT_EQ(application.allotted_booths(), stand.booths());
        for (const std::string& cell : application.position().cells()) {
          EXPECT_TRUE(taken.insert(cell).second) << cell;
        }
        ++standing[stand.application()];
      }
    }
    for (const auto& [name, application] : known_) {
      EXPECT_EQ(standing[name], application.state() == Application::POSITIONED ? 1 : 0) << name;
    }
  }

  // What runs give is within what sections, delegations and firms may have.
  void CheckSupply() {
    std::map<std::string, int> brand, renewed, general, newcomers, of_delegations, of_firms;
    for (const auto& [name, one] : known_) {
      if (!HasBooths(one)) continue;
      EXPECT_GT(one.allotted_booths(), 0) << name;
      EXPECT_LE(one.allotted_booths(), one.maximum_booths()) << name;
      const int booths = one.allotted_booths();
      if (one.kind() == Application::SPECIAL) continue;
      of_firms[one.section() + " " + one.enterprise()] += booths;
      if (one.kind() == Application::BRAND) {
        (one.renewal() ? renewed : brand)[one.section()] += booths;
      } else if (one.newcomer()) {
        newcomers[one.section()] += booths;
      } else {
        general[one.section()] += booths;
        of_delegations[absl::StrCat(LastSegment(one.section()), ".",
                                    LastSegment(one.delegation()))] += booths;
      }
    }
    for (const auto& [firm, booths] : of_firms) {
      EXPECT_LE(booths, server_.edition().fair.rules().firm_cap()) << firm;
    }
    for (const auto& section : server_.edition().sections) {
      const std::string& name = section.name();
      EXPECT_LE(brand[name], std::max(0, section.brand_booths() - renewed[name])) << name;
      EXPECT_LE(general[name], section.general_booths()) << name;
      EXPECT_LE(newcomers[name], section.newcomer_booths()) << name;
    }
    // Only waiting lists give what another delegation has left.
    if (waited_) return;
    v1::ListQuotasRequest list;
    list.set_parent(EditionServer::kFair);
    list.set_page_size(1000);
    const auto quotas = server_.Must<v1::ListQuotasResponse>("QuotaService/ListQuotas", list);
    for (const auto& quota : quotas.quotas()) {
      EXPECT_LE(of_delegations[std::string(LastSegment(quota.name()))], quota.booths())
          << quota.name();
    }
  }

  // Everything that a run decided has come about, can be explained, and is verified.
  void CheckPublished(const Allocation& run, bool waiting_list) {
    const std::vector<v1::Bundle> bundles = server_.Bundles(run);
    EXPECT_THAT(server_.Problems(bundles), IsEmpty());
    std::map<std::string, const v1::SectionResult::Decision*> decisions;
    for (const v1::Bundle& bundle : bundles) {
      for (const auto& decision : bundle.result().decisions()) {
        decisions[decision.pseudonym()] = &decision;
      }
    }
    for (const auto& [name, application] : known_) {
      SCOPED_TRACE(name);
      const auto found = decisions.find(application.pseudonym());
      if (found == decisions.end()) continue;
      const v1::SectionResult::Decision& decision = *found->second;
      if (run.stage() != v1::PLACEMENT && decision.reason() != "EXCLUDED") {
        EXPECT_NE(application.state(), Application::SCORED);
        if (decision.booths() > 0) {
          EXPECT_NE(application.state(), Application::WAITLISTED);
        } else if (!waiting_list) {
          EXPECT_NE(application.state(), Application::ALLOTTED);
        }
      }
      if (run.stage() == v1::GENERAL && !waiting_list && random_.Below(kExplainedOneIn) != 0) {
        continue;
      }
      v1::ExplainApplicationRequest explain;
      explain.set_name(name);
      explain.set_allocation(run.name());
      const auto explained = server_.Must<v1::ExplainApplicationResponse>(
          "ApplicationService/ExplainApplication", explain);
      EXPECT_EQ(explained.booths(), decision.booths());
      EXPECT_NE(explained.explanation(), "");
      if (application.allocation() != run.name()) continue;
      if (application.state() == Application::ALLOTTED) {
        EXPECT_EQ(application.allotted_booths(), decision.booths());
      } else if (application.state() == Application::POSITIONED) {
        EXPECT_THAT(application.position().cells(), ::testing::ElementsAreArray(explained.cells()));
      }
    }
  }

  // Half of the operations lose their server before they are done.
  void MaybeCrash(const std::string& operation, int revisions) {
    if (random_.Below(2) == 0) return;
    server_.CrashAfter(static_cast<int64_t>(random_.Below(revisions)), operation);
    ++crashes_;
  }

  void Stage(v1::Stage stage, bool waiting_list) {
    SCOPED_TRACE(absl::StrCat(v1::Stage_Name(stage), waiting_list ? ", waiting list" : ""));
    waited_ |= waiting_list && stage == v1::GENERAL;
    const auto freezing = server_.StartFreeze(stage, waiting_list);
    ASSERT_THAT(freezing, IsOk());
    MaybeCrash(freezing->name(), 4);
    const auto snapshot = server_.Await<v1::Snapshot>(*freezing);
    ASSERT_THAT(snapshot, IsOk());
    if (drawn_.insert(stage).second) server_.Draw(stage);
    Steps(4);
    const auto running = server_.StartRun(snapshot->name());
    ASSERT_THAT(running, IsOk());
    MaybeCrash(running->name(), 5);
    const auto run = server_.Await<Allocation>(*running);
    ASSERT_THAT(run, IsOk());
    Steps(4);
    const auto published = server_.StartPublication(run->name());
    ASSERT_THAT(published, IsOk());
    MaybeCrash(published->publication(), 60);
    Operation publication;
    publication.set_name(published->publication());
    ASSERT_THAT(server_.Await<Allocation>(publication), IsOk());
    moved_.clear();
    Look();
    CheckPublished(*run, waiting_list);
    CheckSupply();
    CheckPlans();
    Steps(15);
    CheckSupply();
    CheckPlans();
  }

  void ApplyAndScreen() {
    std::vector<Application> scored;
    for (const Application& application : server_.edition().applications) {
      const bool draft = created_ < kDrafts && application.kind() == Application::GENERAL &&
                         !application.newcomer();
      if (!draft) {
        scored.push_back(application);
        continue;
      }
      ++created_;
      v1::CreateApplicationRequest create;
      create.set_parent(EditionServer::kFair);
      create.set_application_id(std::string(LastSegment(application.name())));
      *create.mutable_application() = testing::DraftOf(application);
      const Application made =
          server_.Must<Application>("ApplicationService/CreateApplication", create);
      known_[made.name()] = made;
    }
    Steps(4 * kDrafts);
    server_.LoadApplications(scored);
    Look();
    Steps(20);
    server_.CloseApplications();
    for (const auto& [name, application] : known_) {
      if (application.state() == Application::SUBMITTED) Screen(application);
      if (application.state() <= Application::SCREENED) {
        (void)Do("Score", v1::ScoreApplicationRequest(), name, "users/second");
      }
    }
  }

  caravan::testing::Random random_;
  const std::unique_ptr<store::TestDatabase> database_;
  EditionServer server_;
  std::map<std::string, Application> known_;
  std::map<Application::State, int> reached_;
  std::set<std::string> moved_;
  std::set<v1::Stage> drawn_;
  std::vector<std::string> sanctions_;
  int created_ = 0;
  int invitations_ = 0;
  int moves_ = 0;
  int swaps_ = 0;
  int crashes_ = 0;
  bool waited_ = false;
};

TEST_P(EditionPropertiesTest, HoldWhateverHappens) {
  server_.LoadRegisters();
  ApplyAndScreen();
  known_.clear();
  Look();
  const std::pair<v1::Stage, bool> stages[] = {
      {v1::BRAND, false},  {v1::BRAND, true},      {v1::GENERAL, false}, {v1::GENERAL, false},
      {v1::GENERAL, true}, {v1::PLACEMENT, false}, {v1::GENERAL, true},  {v1::PLACEMENT, false},
  };
  for (const auto& [stage, waiting_list] : stages) {
    Stage(stage, waiting_list);
    if (HasFailure()) return;
    // Past the day of confirmation.
    if (random_.Below(3) == 0) server_.clock().Advance(absl::Hours(11 * 24));
  }
  v1::CompleteAllocationFairRequest complete;
  complete.set_name(EditionServer::kFair);
  EXPECT_THAT(server_.Call<v1::Fair>("FairService/CompleteAllocationFair", complete), IsOk());
  // The course went far enough to say something.
  for (const auto state : {Application::ALLOTTED, Application::CONFIRMED, Application::POSITIONED,
                           Application::RETURNED, Application::WAITLISTED}) {
    EXPECT_GT(reached_[state], 0) << Application::State_Name(state);
  }
  EXPECT_GT(crashes_, 3);
  EXPECT_GT(moves_ + swaps_, 0);
}

INSTANTIATE_TEST_SUITE_P(Courses, EditionPropertiesTest,
                         ::testing::Combine(::testing::ValuesIn(store::TestStores()),
                                            ::testing::ValuesIn(Seeds())),
                         [](const auto& info) {
                           return absl::StrCat(
                               store::TestStoreName({std::get<0>(info.param), info.index}),
                               std::get<1>(info.param));
                         });

}  // namespace
}  // namespace caravan::fairs
