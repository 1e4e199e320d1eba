// Applications through real servers: fairs, and zones beside it.
#include "services/fairs/applications_service.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/api/v1/pending_actions.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/testing/applications_server.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using v1::Application;

constexpr char kVerified[] =
    "verified_points { criterion: 'exports' points: '30.1' note: 'n' } "
    "verified_points { criterion: 'research' points: '0.2' }";

class ApplicationsServiceTest : public testing::ApplicationsServer {
 protected:
  absl::StatusOr<v1::CheckApplicationResponse> Check(const std::string& id,
                                                     const std::string& principal = "users/admin") {
    return Call<v1::CheckApplicationResponse, v1::CheckApplicationRequest>(
        "ApplicationService/CheckApplication", absl::StrCat("name: '", NameOf(id), "'"), principal);
  }

  // The reasons of the conditions that are not met, which SubmitApplication names too.
  std::vector<std::string> Unmet(const std::string& id) {
    std::vector<std::string> unmet;
    auto checked = Check(id);
    EXPECT_THAT(checked, IsOk());
    if (!checked.ok()) return unmet;
    std::string explanations;
    for (const auto& condition : checked->conditions()) {
      if (condition.met()) continue;
      unmet.push_back(condition.reason());
      absl::StrAppend(&explanations, explanations.empty() ? "" : "; ", condition.explanation());
    }
    auto submitted = Submit(id);
    if (unmet.empty()) {
      EXPECT_THAT(submitted, IsOk());
    } else {
      EXPECT_THAT(std::string(submitted.status().message()), HasSubstr(explanations));
    }
    return unmet;
  }

  void Suspend(const std::string& firm) {
    EXPECT_THAT((CallZones<zones::v1::Enterprise, zones::v1::SuspendEnterpriseRequest>(
                    "EnterpriseService/SuspendEnterprise",
                    absl::StrCat("name: 'enterprises/de-", firm, "'"))),
                IsOk());
  }

  void Sanction(const std::string& firm, const std::string& rest) {
    EXPECT_THAT((Call<v1::Sanction, v1::CreateSanctionRequest>(
                    "SanctionService/CreateSanction",
                    absl::StrCat("sanction { enterprise: 'enterprises/de-", firm,
                                 "' first_edition: 136 editions: 1 reason: 'r' ", rest, " }"))),
                IsOk());
  }

  // The resources and methods that wait for a principal: `fairs/f/applications/a: ...`.
  std::vector<std::string> Pending(const std::string& principal) {
    const api::v1::ListPendingActionsRequest request;
    auto pending = fairs_->caller().CallPath<api::v1::ListPendingActionsResponse>(
        "/caravan.api.v1.PendingActionService/ListPendingActions", request,
        {.principal = principal});
    EXPECT_THAT(pending, IsOk());
    std::vector<std::string> actions;
    if (!pending.ok()) return actions;
    for (const auto& action : pending->pending_actions()) {
      std::string text = action.resource().substr(action.resource().rfind('/') + 1) + ":";
      for (const std::string& method : action.methods()) {
        absl::StrAppend(&text, " ", method.substr(method.rfind('/') + 1));
      }
      actions.push_back(text);
    }
    return actions;
  }
};

TEST_F(ApplicationsServiceTest, RunsItsCourseUpToTheScore) {
  auto created =
      Create("a", Entry("1", "pseudonym: 'mine' state: SCORED newcomer: true"), "users/firm1");
  ASSERT_THAT(created, IsOk());
  EXPECT_EQ(created->state(), Application::DRAFT);
  EXPECT_THAT(created->pseudonym(), MatchesRegex("[0-9a-f]{32}"));
  EXPECT_FALSE(created->newcomer());
  ASSERT_THAT(Update("a", "maximum_booths: 2", "users/firm1"), IsOk());
  auto submitted = Submit("a", "users/firm1");
  ASSERT_THAT(submitted, IsOk());
  EXPECT_EQ(submitted->state(), Application::SUBMITTED);
  EXPECT_EQ(submitted->screening_due_date().day(), 20);
  EXPECT_EQ(submitted->pseudonym(), created->pseudonym());
  EXPECT_THAT(Submit("a", "users/firm1"),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_THAT(Update("a", "maximum_booths: 3", "users/firm1"),
              FailsAt(StatusCode::kFailedPrecondition, "APPLICATION_SUBMITTED",
                      Fields({"application.maximum_booths"})));
  EXPECT_THAT(Update("a", "fascia: 'Demo'", "users/firm1"), IsOk());

  EXPECT_THAT(Step<v1::ScreenApplicationRequest>("Screen", "a", "users/zhejiang", ""),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"verified_points"})));
  auto screened = Step<v1::ScreenApplicationRequest>("Screen", "a", "users/zhejiang", kVerified);
  ASSERT_THAT(screened, IsOk());
  EXPECT_EQ(screened->screener(), "users/zhejiang");
  EXPECT_EQ(screened->verified_points(0).points(), "30.1");
  EXPECT_EQ(screened->score(), "");

  ASSERT_THAT(Create("b", Entry("2")), IsOk());
  ASSERT_THAT(Submit("b"), IsOk());
  ASSERT_THAT(Step<v1::ScreenApplicationRequest>("Screen", "b", "users/admin", kVerified), IsOk());
  EXPECT_THAT(Step<v1::ScoreApplicationRequest>("Score", "b", "users/admin"),
              Fails(StatusCode::kFailedPrecondition, "FOUR_EYES"));
  auto scored = Step<v1::ScoreApplicationRequest>("Score", "b", "users/chamber");
  ASSERT_THAT(scored, IsOk());
  EXPECT_EQ(scored->score(), "30.3");
  scored = Step<v1::ScoreApplicationRequest>(
      "Score", "a", "users/chamber", "rechecked_points { criterion: 'exports' points: '20' }");
  ASSERT_THAT(scored, IsOk());
  EXPECT_EQ(scored->score(), "20.2");
  EXPECT_EQ(scored->verified_points(0).points(), "20");
  EXPECT_EQ(scored->rechecked_points_size(), 1);

  EXPECT_THAT(
      Step<v1::RejectApplicationRequest>("Reject", "a", "users/zhejiang"),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"rejection_reason"})));
  auto rejected = Step<v1::RejectApplicationRequest>("Reject", "a", "users/zhejiang",
                                                     "rejection_reason: 'false papers'");
  ASSERT_THAT(rejected, IsOk());
  EXPECT_EQ(rejected->rejection_reason(), "false papers");
  EXPECT_THAT(Step<v1::WithdrawApplicationRequest>("Withdraw", "a"),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_THAT(Step<v1::WithdrawApplicationRequest>("Withdraw", "b", "users/firm2"), IsOk());
}

TEST_F(ApplicationsServiceTest, WhatIsWrittenIsChecked) {
  EXPECT_THAT(Create("a", Entry("1", "product_group: 'toys'")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"application.product_group"})));
  EXPECT_THAT(
      Create("a", Entry("1", "renewal: true kind: BRAND")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"application.renewal"})));
  EXPECT_THAT(Create("a", Entry("1", "section: 'fairs/f/sections/none'")),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"application.section"})));
  EXPECT_THAT(Create("a", Entry("1", "export_documents: 'documents/none'")),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"application.export_documents[1]"})));
  ASSERT_THAT(Create("a", Entry("1", "product_group: 'lamps'")), IsOk());
  EXPECT_THAT(Update("a", "minimum_booths: 4"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"application.minimum_booths"})));
  EXPECT_THAT(
      Update("a", "section: 'fairs/f/sections/t'"),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"application.section"})));
}

TEST_F(ApplicationsServiceTest, AFirmHasOneApplicationOfAKindInASection) {
  ASSERT_THAT(Create("a", Entry("1")), IsOk());
  EXPECT_THAT(Create("b", Entry("1")), Fails(StatusCode::kAlreadyExists, "APPLICATION_EXISTS"));
  EXPECT_THAT(Create("b", Entry("1", "kind: BRAND")), IsOk());
  EXPECT_THAT(Create("c", Entry("1", "section: 'fairs/f/sections/t'")), IsOk());
  EXPECT_THAT(Create("d", Entry("2")), IsOk());
  EXPECT_THAT(Load("e", Entry("2")), Fails(StatusCode::kAlreadyExists, "APPLICATION_EXISTS"));
  EXPECT_THAT(Load("d", Entry("2")), IsOk());
  // Neither is one that was withdrawn in the way, nor one that was deleted.
  ASSERT_THAT(Step<v1::WithdrawApplicationRequest>("Withdraw", "a"), IsOk());
  ASSERT_THAT(Create("a2", Entry("1")), IsOk());
  EXPECT_THAT(Create("a3", Entry("1")), Fails(StatusCode::kAlreadyExists, "APPLICATION_EXISTS"));
  const auto remove = [&](const std::string& id) {
    return Call<google::protobuf::Empty, v1::DeleteApplicationRequest>(
        "ApplicationService/DeleteApplication", absl::StrCat("name: '", NameOf(id), "'"));
  };
  ASSERT_THAT(remove("a2"), IsOk());
  EXPECT_THAT(remove("a2"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  ASSERT_THAT(Create("a3", Entry("1")), IsOk());
  ASSERT_THAT(Submit("a3"), IsOk());
  EXPECT_THAT(remove("a3"), Fails(StatusCode::kFailedPrecondition, "APPLICATION_SUBMITTED"));
  // Nor does one batch have two.
  EXPECT_THAT((Call<v1::BatchCreateApplicationsResponse, v1::BatchCreateApplicationsRequest>(
                  "ApplicationService/BatchCreateApplications",
                  absl::StrCat(
                      "requests { parent: 'fairs/f' application_id: 'x' application { ", Entry("3"),
                      " } } requests { parent: 'fairs/f' application_id: 'y' application { ",
                      Entry("3"), " } }"))),
              Fails(StatusCode::kAlreadyExists, "APPLICATION_EXISTS"));
  EXPECT_THAT(Get("x"), Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_F(ApplicationsServiceTest, OfTwoAtOnceOneSucceeds) {
  constexpr int kCallers = 8;
  std::vector<absl::Status> statuses(kCallers);
  std::vector<std::thread> threads;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back(
        [&, i] { statuses[i] = Create(absl::StrCat("a", i), Entry("1")).status(); });
  }
  for (std::thread& thread : threads) thread.join();
  int created = 0;
  for (const absl::Status& status : statuses) {
    if (status.ok()) {
      ++created;
    } else {
      EXPECT_THAT(status, Fails(StatusCode::kAlreadyExists, "APPLICATION_EXISTS"));
    }
  }
  EXPECT_EQ(created, 1);
}

TEST_F(ApplicationsServiceTest, EligibilityIsAskedOfZones) {
  ASSERT_THAT(Create("a", Entry("1", "trade: DISTRIBUTOR")), IsOk());
  EXPECT_THAT(Unmet("a"), ElementsAre("TRADE_ROLE_MISSING"));
  Suspend("1");
  EXPECT_THAT(Unmet("a"),
              ElementsAre("ENTERPRISE_NOT_ACTIVE", "TRADE_ROLE_MISSING", "STANDING_NOT_GOOD"));
  EXPECT_THAT(Submit("a"), Fails(StatusCode::kFailedPrecondition, "NOT_ELIGIBLE"));
  EXPECT_EQ(Get("a")->state(), Application::DRAFT);

  ASSERT_THAT(Create("b", Entry("2")), IsOk());
  Sanction("2", "scope: SECTION section_id: 's'");
  EXPECT_THAT(Unmet("b"), ElementsAre("SANCTIONED"));
  ASSERT_THAT(Create("b2", Entry("2", "section: 'fairs/f/sections/t'")), IsOk());
  EXPECT_THAT(Unmet("b2"), IsEmpty());

  ASSERT_THAT(Create("c", Entry("3", "prior_year_exports_usd: 749999")), IsOk());
  EXPECT_THAT(Unmet("c"), IsEmpty());
  EXPECT_TRUE(Get("c")->newcomer());
  ASSERT_THAT(Create("d", Entry("4", "section: 'fairs/f/sections/special'")), IsOk());
  EXPECT_THAT(Unmet("d"), ElementsAre("SECTION_CLOSED"));
  EXPECT_THAT(Submit("d"), Fails(StatusCode::kFailedPrecondition, "SECTION_CLOSED"));
  ASSERT_THAT(Create("e", Entry("5",
                                "maximum_booths: 11 claimed_points { criterion: 'exports' "
                                "points: '1' }")),
              IsOk());
  EXPECT_THAT(Unmet("e"), ElementsAre("EVIDENCE_MISSING", "ABOVE_CAP"));
  ASSERT_THAT(Create("f", Entry("6")), IsOk());
  clock_.Advance(absl::Hours(24 * 18));  // the day after the last
  EXPECT_THAT(Unmet("f"), ElementsAre("FAIR_NOT_OPEN"));
}

TEST_F(ApplicationsServiceTest, ThoseOfTheSpecialAreaNeedNoFirm) {
  ASSERT_THAT(Create("z",
                     "section: 'fairs/f/sections/special' kind: SPECIAL warehouse: "
                     "'warehouses/w' minimum_booths: 1 maximum_booths: 2 stand_type: STANDARD"),
              IsOk());
  ASSERT_THAT(Submit("z"), IsOk());
  ASSERT_THAT(Step<v1::ScreenApplicationRequest>("Screen", "z", "users/organiser"), IsOk());
  auto scored = Step<v1::ScoreApplicationRequest>("Score", "z", "users/chamber");
  ASSERT_THAT(scored, IsOk());
  EXPECT_EQ(scored->score(), "0");
  EXPECT_THAT(Create("z2",
                     "section: 'fairs/f/sections/special' kind: SPECIAL warehouse: "
                     "'warehouses/w' minimum_booths: 1 maximum_booths: 2 "
                     "stand_type: STANDARD"),
              Fails(StatusCode::kAlreadyExists, "APPLICATION_EXISTS"));
}

TEST_F(ApplicationsServiceTest, PartnersTakePartOnce) {
  // de-7 hosts de-1 and de-2.
  ASSERT_THAT(Create("h", Entry("7",
                                "joint_partners: 'enterprises/de-1' "
                                "joint_partners: 'enterprises/de-2'")),
              IsOk());
  ASSERT_THAT(Create("own", Entry("1")), IsOk());
  ASSERT_THAT(Submit("own"), IsOk());
  EXPECT_THAT(Unmet("h"), ElementsAre("PARTNER_EXHIBITS"));
  ASSERT_THAT(Step<v1::WithdrawApplicationRequest>("Withdraw", "own"), IsOk());
  EXPECT_THAT(Unmet("h"), IsEmpty());
  // And now the other way round.
  ASSERT_THAT(Create("own2", Entry("1")), IsOk());
  EXPECT_THAT(Unmet("own2"), ElementsAre("PARTNER_EXHIBITS"));
  ASSERT_THAT(Create("h2", Entry("8", "joint_partners: 'enterprises/de-2'")), IsOk());
  EXPECT_THAT(Unmet("h2"), ElementsAre("PARTNER_EXHIBITS"));
  // Whose application it is that a partner takes part by, is not said.
  EXPECT_THAT(std::string(Submit("h2", "users/firm8").status().message()),
              Not(HasSubstr("applications/h ")));
  // A partner that is taken off is free.
  auto update = Call<Application, v1::UpdateApplicationRequest>(
      "ApplicationService/UpdateApplication",
      "application { name: 'fairs/f/applications/h' joint_partners: 'enterprises/de-2' } "
      "update_mask { paths: 'joint_partners' }",
      "users/firm7");
  ASSERT_THAT(update, IsOk());
  EXPECT_THAT(Unmet("own2"), IsEmpty());
  EXPECT_THAT(Unmet("h2"), ElementsAre("PARTNER_EXHIBITS"));
  // Producers host nobody.
  ASSERT_THAT(Create("p", Entry("3", "joint_partners: 'enterprises/de-4'")), IsOk());
  EXPECT_THAT(Unmet("p"), ElementsAre("HOST_NOT_ENTITLED"));
  // Partners answer for themselves.
  ASSERT_THAT(Create("h3", Entry("9", "joint_partners: 'enterprises/de-5'")), IsOk());
  Suspend("5");
  EXPECT_THAT(Unmet("h3"), ElementsAre("PARTNER_NOT_ELIGIBLE"));
}

TEST_F(ApplicationsServiceTest, HoldersOfBrandBoothsGetNoGeneralOnes) {
  ASSERT_THAT(Load("r", Entry("1",
                              "kind: BRAND renewal: true state: ALLOTTED "
                              "allotted_booths: 4 maximum_booths: 4")),
              IsOk());
  ASSERT_THAT(Create("g", Entry("1")), IsOk());
  EXPECT_THAT(Unmet("g"), ElementsAre("BRAND_HOLDER"));
  ASSERT_THAT(Step<v1::ReturnApplicationRequest>("Return", "r", "users/firm1"), IsOk());
  EXPECT_THAT(Unmet("g"), IsEmpty());
  // And what it has counts for the cap.
  ASSERT_THAT(Load("g", Entry("1", "state: CONFIRMED score: '3' allotted_booths: 3")), IsOk());
  ASSERT_THAT(Load("r", Entry("1", "kind: BRAND state: WITHDRAWN maximum_booths: 8")), IsOk());
  ASSERT_THAT(Create("r2", Entry("1", "kind: BRAND maximum_booths: 8")), IsOk());
  EXPECT_THAT(Unmet("r2"), ElementsAre("ABOVE_CAP"));
}

TEST_F(ApplicationsServiceTest, WithoutZonesNothingIsSubmitted) {
  ASSERT_THAT(Create("a", Entry("1")), IsOk());
  auto before = Get("a");
  ASSERT_THAT(before, IsOk());
  const int64_t revision = store_->revision();
  zones_.reset();
  EXPECT_THAT(Submit("a"), Fails(StatusCode::kUnavailable, "SERVICE_UNAVAILABLE"));
  EXPECT_THAT(Check("a"), Fails(StatusCode::kUnavailable, "SERVICE_UNAVAILABLE"));
  EXPECT_EQ(store_->revision(), revision);
  EXPECT_EQ(Get("a")->etag(), before->etag());
  // What needs nobody else goes on, and those who may not submit learn nothing.
  EXPECT_THAT(Update("a", "fascia: 'F'"), IsOk());
  EXPECT_THAT(Submit("a", "users/firm2"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

TEST_F(ApplicationsServiceTest, BoothsAreConfirmedReturnedAndForfeited) {
  const std::string allotted =
      "state: ALLOTTED score: '20' allotted_booths: 3 "
      "confirmation_due_date { year: 2026 month: 11 day: 24 }";
  ASSERT_THAT(Load("a", Entry("1", allotted)), IsOk());
  ASSERT_THAT(Load("b", Entry("2", allotted)), IsOk());
  ASSERT_THAT(Load("c", Entry("3", allotted)), IsOk());
  EXPECT_THAT(Step<v1::ForfeitApplicationRequest>("Forfeit", "b"),
              Fails(StatusCode::kFailedPrecondition, "CONFIRMATION_NOT_DUE"));
  clock_.Advance(absl::Hours(24));
  ASSERT_THAT(Step<v1::ConfirmApplicationRequest>("Confirm", "a", "users/firm1"), IsOk());
  auto returned =
      Step<v1::ReturnApplicationRequest>("Return", "c", "users/firm3", "return_reason: 'r'");
  ASSERT_THAT(returned, IsOk());
  EXPECT_EQ(returned->return_reason(), "r");
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(Step<v1::ConfirmApplicationRequest>("Confirm", "b", "users/firm2"),
              Fails(StatusCode::kFailedPrecondition, "CONFIRMATION_LATE"));
  ASSERT_THAT(Step<v1::ForfeitApplicationRequest>("Forfeit", "b", "users/organiser"), IsOk());
  EXPECT_EQ(Get("b")->state(), Application::FORFEITED);
  // Renewals are confirmed until the edition's day.
  ASSERT_THAT(Load("r", Entry("4",
                              "kind: BRAND renewal: true state: ALLOTTED "
                              "allotted_booths: 4 maximum_booths: 4")),
              IsOk());
  EXPECT_EQ(Get("r")->confirmation_due_date().month(), 12);
  ASSERT_THAT(Step<v1::ConfirmApplicationRequest>("Confirm", "r", "users/firm4"), IsOk());
}

TEST_F(ApplicationsServiceTest, ARegisterIsLoadedWithItsStates) {
  v1::LoadApplicationsRequest request;
  request.set_parent("fairs/f");
  const auto base = testing::Parse<Application>(Entry("1", "state: SCORED score: '12.5'"));
  for (int i = 0; i < 1000; ++i) {
    Application& one = *request.add_applications();
    one = base;
    one.set_name(NameOf(absl::StrCat("x", i)));
    // Warehouses need no register of firms.
    one.clear_enterprise();
    one.clear_delegation();
    one.set_kind(Application::SPECIAL);
    one.set_section("fairs/f/sections/special");
    one.set_warehouse(absl::StrCat("warehouses/w", i));
  }
  auto loaded =
      fairs_->Call<v1::LoadApplicationsResponse>("ApplicationService/LoadApplications", request);
  ASSERT_THAT(loaded, IsOk());
  ASSERT_EQ(loaded->applications_size(), 1000);
  const Application& first = loaded->applications(0);
  EXPECT_EQ(first.state(), Application::SCORED);
  EXPECT_THAT(first.pseudonym(), MatchesRegex("[0-9a-f]{32}"));
  // Loaded anew, it stays who it is.
  request.mutable_applications()->DeleteSubrange(1, 999);
  request.mutable_applications(0)->set_pseudonym("another");
  request.mutable_applications(0)->set_score("13");
  auto again =
      fairs_->Call<v1::LoadApplicationsResponse>("ApplicationService/LoadApplications", request);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->applications(0).pseudonym(), first.pseudonym());
  EXPECT_EQ(again->applications(0).score(), "13");
  EXPECT_THAT(
      Load("y", Entry("1", "state: POSITIONED score: '1' allotted_booths: 1")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"applications[0].state"})));
}

TEST_F(ApplicationsServiceTest, OthersLearnNothing) {
  ASSERT_THAT(Create("a", Entry("1"), "users/firm1"), IsOk());
  EXPECT_THAT(Create("b", Entry("1"), "users/firm2"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  for (const char* other : {"users/firm2", "users/guangdong"}) {
    const absl::Status there = Get("a", other).status();
    EXPECT_THAT(there, Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
    std::string message(Get("z", other).status().message());
    EXPECT_THAT(message, HasSubstr("applications/z"));
    message.replace(message.find("applications/z"), 14, "applications/a");
    EXPECT_EQ(there.message(), message);
  }
  EXPECT_THAT(Update("a", "fascia: 'F'", "users/firm2"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Submit("a", "users/firm2"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Check("a", "users/firm2"), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Check("a", "users/firm1"), IsOk());
  // An exhibitor does not screen, and a delegation only its own.
  ASSERT_THAT(Submit("a", "users/firm1"), IsOk());
  EXPECT_THAT(Step<v1::ScreenApplicationRequest>("Screen", "a", "users/firm1", kVerified),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Step<v1::ScreenApplicationRequest>("Screen", "a", "users/guangdong", kVerified),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  ASSERT_THAT(Create("b", Entry("2", "delegation: 'delegations/guangdong'"), "users/firm2"),
              IsOk());
  const auto list = [&](const std::string& principal) {
    auto listed = Call<v1::ListApplicationsResponse, v1::ListApplicationsRequest>(
        "ApplicationService/ListApplications", "parent: 'fairs/f'", principal);
    EXPECT_THAT(listed, IsOk());
    std::vector<std::string> names;
    if (!listed.ok()) return names;
    for (const auto& one : listed->applications()) names.push_back(one.name());
    return names;
  };
  EXPECT_THAT(list("users/firm1"), ElementsAre(NameOf("a")));
  EXPECT_THAT(list("users/guangdong"), ElementsAre(NameOf("b")));
  EXPECT_THAT(list("users/admin"), ElementsAre(NameOf("a"), NameOf("b")));
  EXPECT_THAT(list("users/firm3"), IsEmpty());
}

TEST_F(ApplicationsServiceTest, EachHasItsOwnTasks) {
  ASSERT_THAT(Create("a", Entry("1")), IsOk());
  EXPECT_THAT(Pending("users/firm1"), ElementsAre("a: SubmitApplication"));
  EXPECT_THAT(Pending("users/firm2"), IsEmpty());
  ASSERT_THAT(Submit("a"), IsOk());
  EXPECT_THAT(Pending("users/firm1"), IsEmpty());
  EXPECT_THAT(Pending("users/zhejiang"), ElementsAre("a: ScreenApplication"));
  EXPECT_THAT(Pending("users/guangdong"), IsEmpty());
  ASSERT_THAT(Step<v1::ScreenApplicationRequest>("Screen", "a", "users/zhejiang", kVerified),
              IsOk());
  EXPECT_THAT(Pending("users/zhejiang"), IsEmpty());
  EXPECT_THAT(Pending("users/chamber"), ElementsAre("a: ScoreApplication"));
  ASSERT_THAT(Load("b", Entry("1",
                              "section: 'fairs/f/sections/t' state: ALLOTTED score: '20' "
                              "allotted_booths: 3 "
                              "confirmation_due_date { year: 2026 month: 11 day: 24 }")),
              IsOk());
  EXPECT_THAT(Pending("users/firm1"), ElementsAre("b: ConfirmApplication"));
}

TEST_F(ApplicationsServiceTest, StandsAreMovedWithConsent) {
  ASSERT_THAT(Position("a", "1", "a", 1, 3), IsOk());
  ASSERT_THAT(Position("b", "2", "a", 7, 2), IsOk());
  EXPECT_THAT(Stands(), ElementsAre("a: a 1 3", "b: a 7 2"));
  EXPECT_THAT(Move("a", "a", 5, "d1"), Fails(StatusCode::kFailedPrecondition, "CELLS_TAKEN"));
  EXPECT_THAT(Move("a", "a", 11, "d1"),
              Fails(StatusCode::kFailedPrecondition, "CELLS_NOT_CONTIGUOUS"));
  EXPECT_THAT(Move("a", "b", 1, "d1"), Fails(StatusCode::kFailedPrecondition, "CELLS_BLOCKED"));
  EXPECT_THAT(Move("a", "b", 7, "d1"),
              Fails(StatusCode::kFailedPrecondition, "CELLS_OF_ANOTHER_SECTION"));
  EXPECT_THAT(Move("a", "z", 1, "d1"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"row"})));
  EXPECT_THAT(Move("a", "b", 4, "none"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"consent"})));
  EXPECT_THAT(Move("a", "b", 4, "d1", "users/firm1"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Stands(), ElementsAre("a: a 1 3", "b: a 7 2"));

  auto moved = Move("a", "a", 2, "d1");  // onto cells of its own, too
  ASSERT_THAT(moved, IsOk());
  EXPECT_THAT(moved->position().cells(), ElementsAre("1.1A02", "1.1A03", "1.1A04"));
  ASSERT_EQ(moved->changes_size(), 1);
  EXPECT_EQ(moved->changes(0).from().first_number(), 1);
  EXPECT_EQ(moved->changes(0).actor(), "users/organiser");
  EXPECT_EQ(moved->changes(0).consent(), "documents/d1");
  EXPECT_TRUE(moved->changes(0).has_time());
  EXPECT_THAT(Move("a", "b", 4, "d1"), Fails(StatusCode::kFailedPrecondition, "CONSENT_MISSING"));
  ASSERT_THAT(Move("a", "b", 4, "d2"), IsOk());
  EXPECT_THAT(Stands(), ElementsAre("b: a 7 2", "a: b 4 3"));

  // What was confirmed and not placed has no stand to be moved.
  ASSERT_THAT(Load("c", Entry("3", "state: CONFIRMED score: '1' allotted_booths: 1")), IsOk());
  EXPECT_THAT(Move("c", "a", 1, "d3"), Fails(StatusCode::kFailedPrecondition, "NOT_POSITIONED"));
}

TEST_F(ApplicationsServiceTest, StandsAreSwappedWithBothConsents) {
  ASSERT_THAT(Position("a", "1", "a", 1, 2), IsOk());
  ASSERT_THAT(Position("b", "2", "b", 4, 2), IsOk());
  ASSERT_THAT(Position("c", "3", "a", 4, 3), IsOk());
  EXPECT_THAT(Swap("a", "c", "d1", "d2"), Fails(StatusCode::kFailedPrecondition, "STANDS_DIFFER"));
  EXPECT_THAT(Swap("a", "a", "d1", "d2"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"other"})));
  EXPECT_THAT(
      Swap("a", "b", "d1", "none"),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"other_consent"})));
  auto swapped = Swap("a", "b", "d1", "d2");
  ASSERT_THAT(swapped, IsOk());
  EXPECT_EQ(swapped->application().name(), NameOf("a"));
  EXPECT_THAT(swapped->application().position().cells(), ElementsAre("1.1B04", "1.1B05"));
  EXPECT_THAT(swapped->other().position().cells(), ElementsAre("1.1A01", "1.1A02"));
  EXPECT_EQ(swapped->other().changes(0).consent(), "documents/d2");
  EXPECT_THAT(Stands(), ElementsAre("b: a 1 2", "c: a 4 3", "a: b 4 2"));
  EXPECT_THAT(Swap("a", "b", "d3", "d2"),
              Fails(StatusCode::kFailedPrecondition, "CONSENT_MISSING"));
}

TEST_F(ApplicationsServiceTest, WhoReturnsLeavesTheStand) {
  ASSERT_THAT(Position("a", "1", "a", 1, 3), IsOk());
  auto returned = Step<v1::ReturnApplicationRequest>("Return", "a", "users/firm1");
  ASSERT_THAT(returned, IsOk());
  EXPECT_FALSE(returned->has_position());
  EXPECT_EQ(returned->allotted_booths(), 3);
  EXPECT_THAT(Stands(), IsEmpty());
  ASSERT_THAT(Position("b", "2", "a", 2, 3), IsOk());
  ASSERT_THAT(Step<v1::UseApplicationRequest>("Use", "b", "users/organiser"), IsOk());
  EXPECT_THAT(Step<v1::ReturnApplicationRequest>("Return", "b"),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_THAT(Stands(), ElementsAre("b: a 2 3"));
}

TEST_F(ApplicationsServiceTest, WhatNoRunHasHadIsNotExplained) {
  ASSERT_THAT(Create("a", Entry("1")), IsOk());
  const auto explain = [&](const std::string& rest, const std::string& principal) {
    return Call<v1::ExplainApplicationResponse, v1::ExplainApplicationRequest>(
        "ApplicationService/ExplainApplication", absl::StrCat("name: '", NameOf("a"), "' ", rest),
        principal);
  };
  EXPECT_THAT(explain("", "users/firm1"), Fails(StatusCode::kFailedPrecondition, "NOT_ALLOCATED"));
  EXPECT_THAT(explain("allocation: 'fairs/f/allocations/1'", "users/organiser"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(explain("", "users/firm2"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

}  // namespace
}  // namespace caravan::fairs
