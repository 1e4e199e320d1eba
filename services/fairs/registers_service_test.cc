// The registers of an edition through real servers: fairs, and zones beside it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/api/v1/pending_actions.pb.h"
#include "caravan/fairs/v1/delegations.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/inspections.pb.h"
#include "caravan/fairs/v1/invitations.pb.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
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
using ::testing::SizeIs;
using ::testing::StartsWith;
using v1::Application;
using v1::Fair;
using v1::FloorPlan;
using v1::Hall;
using v1::Inspection;
using v1::Invitation;
using v1::Quota;
using v1::Sanction;
using v1::Section;

constexpr char kOrganiser[] = "users/organiser";

auto Refused(const char* reason) { return Fails(StatusCode::kFailedPrecondition, reason); }

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

class RegistersTest : public testing::ApplicationsServer {
 protected:
  void Pass(int days) { clock_.Advance(absl::Hours(24 * days)); }

  absl::StatusOr<Fair> UpdateFair(const std::string& fields) {
    return Call<Fair, v1::UpdateFairRequest>("FairService/UpdateFair",
                                             absl::StrCat("fair { name: 'fairs/f' ", fields, " }"));
  }
  absl::StatusOr<Fair> CloseApplications() {
    return Call<Fair, v1::CloseApplicationsFairRequest>("FairService/CloseApplicationsFair",
                                                        "name: 'fairs/f'");
  }

  absl::StatusOr<Hall> CreateHall(const std::string& id, const std::string& fields) {
    return Call<Hall, v1::CreateHallRequest>(
        "HallService/CreateHall",
        absl::StrCat("parent: 'fairs/f' hall_id: '", id, "' hall { ", HallOf(fields), " }"));
  }
  static std::string HallOf(const std::string& fields) {
    return absl::StrCat(
        "width_meters: 30 depth_meters: 30 rows { id: 'a' aisle: 'A' first_number: 1 "
        "number_step: 1 cells: 4 direction: EAST } ",
        fields);
  }

  absl::StatusOr<FloorPlan> CreateFloorPlan(const std::string& id, const std::string& fields) {
    return Call<FloorPlan, v1::CreateFloorPlanRequest>(
        "FloorPlanService/CreateFloorPlan",
        absl::StrCat("parent: 'fairs/f' floor_plan_id: '", id, "' floor_plan { ", fields, " }"));
  }

  absl::StatusOr<Quota> CreateQuota(const std::string& id, const std::string& fields) {
    return Call<Quota, v1::CreateQuotaRequest>(
        "QuotaService/CreateQuota",
        absl::StrCat("parent: 'fairs/f' quota_id: '", id, "' quota { ", fields, " }"));
  }
  absl::StatusOr<Quota> CreateQuota(const std::string& section, const std::string& delegation,
                                    const std::string& fields) {
    return CreateQuota(section + "." + delegation,
                       absl::StrCat("section: 'fairs/f/sections/", section,
                                    "' delegation: 'delegations/", delegation, "' ", fields));
  }
  absl::StatusOr<v1::DivideQuotasResponse> Divide(const std::string& section) {
    return Call<v1::DivideQuotasResponse, v1::DivideQuotasRequest>(
        "SectionService/DivideQuotas", absl::StrCat("name: 'fairs/f/sections/", section, "'"),
        kOrganiser);
  }
  static std::vector<int> Booths(const v1::DivideQuotasResponse& response) {
    std::vector<int> booths;
    for (const Quota& quota : response.quotas()) booths.push_back(quota.booths());
    return booths;
  }

  absl::StatusOr<Invitation> Invite(const std::string& fields) {
    return Call<Invitation, v1::CreateInvitationRequest>(
        "InvitationService/CreateInvitation",
        absl::StrCat("parent: 'fairs/f' invitation_id: 'i' invitation { booths: 2 "
                     "reply_due_date { year: 2026 month: 12 day: 1 } ",
                     fields, " }"));
  }
  template <class Request>
  absl::StatusOr<Invitation> Step(const std::string& verb, const std::string& more = "") {
    return Call<Invitation, Request>(absl::StrCat("InvitationService/", verb, "Invitation"),
                                     absl::StrCat("name: 'fairs/f/invitations/i' ", more));
  }
  // What invitations wait for.
  std::vector<std::string> Pending() {
    std::vector<std::string> methods;
    auto pending = Call<caravan::api::v1::ListPendingActionsResponse,
                        caravan::api::v1::ListPendingActionsRequest>(
        "PendingActionService/ListPendingActions", "");
    EXPECT_THAT(pending, IsOk());
    if (!pending.ok()) return methods;
    for (const auto& action : pending->pending_actions()) {
      if (action.resource_type() != "caravan.dev/Invitation") continue;
      for (const std::string& method : action.methods()) {
        methods.push_back(method.substr(method.rfind('/') + 1));
      }
    }
    return methods;
  }

  absl::StatusOr<Inspection> Inspect(const std::string& application, const std::string& fields) {
    return Call<Inspection, v1::CreateInspectionRequest>(
        "InspectionService/CreateInspection",
        absl::StrCat("parent: 'fairs/f' inspection_id: 'n' inspection { application: '",
                     NameOf(application), "' inspect_date { year: 2026 month: 11 day: 23 } ",
                     fields, " }"),
        kOrganiser);
  }
  absl::StatusOr<v1::SanctionInspectionResponse> SanctionIt(
      const std::string& principal = "users/admin") {
    return Call<v1::SanctionInspectionResponse, v1::SanctionInspectionRequest>(
        "InspectionService/SanctionInspection", "name: 'fairs/f/inspections/n'", principal);
  }
};

TEST_F(RegistersTest, RulesChangeUntilApplicationsAreClosed) {
  auto fair = Call<Fair, v1::GetFairRequest>("FairService/GetFair", "name: 'fairs/f'");
  ASSERT_THAT(fair, IsOk());
  v1::UpdateFairRequest request;
  *request.mutable_fair() = *fair;
  request.mutable_fair()->mutable_rules()->set_firm_cap(9);
  request.mutable_fair()->clear_etag();
  request.mutable_update_mask()->add_paths("rules");
  EXPECT_THAT(fairs_->Call<Fair>("FairService/UpdateFair", request), IsOk());
  ASSERT_THAT(CloseApplications(), IsOk());
  request.mutable_fair()->mutable_rules()->set_firm_cap(8);
  EXPECT_THAT(fairs_->Call<Fair>("FairService/UpdateFair", request),
              FailsAt(StatusCode::kFailedPrecondition, "RULES_IN_FORCE", Fields({"fair.rules"})));
  EXPECT_THAT(UpdateFair("title: 'Another'"), IsOk());
}

TEST_F(RegistersTest, APhaseWithSectionsStays) {
  const std::string other =
      "phases { id: '9' title: 'P' start_date { year: 2027 month: 4 day: 15 } "
      "end_date { year: 2027 month: 4 day: 19 } }";
  EXPECT_THAT(UpdateFair(other), Refused("PHASE_IN_USE"));
}

TEST_F(RegistersTest, AFairOpensWithItsLotteriesCommittedTo) {
  const std::string fair =
      "title: 'G' edition: 137 "
      "phases { id: '1' title: 'P' start_date { year: 2027 month: 10 day: 15 } "
      "  end_date { year: 2027 month: 10 day: 19 } } "
      "application_due_date { year: 2027 month: 6 day: 10 } "
      "screening_due_date { year: 2027 month: 6 day: 20 } "
      "renewal_due_date { year: 2027 month: 6 day: 1 } "
      "rules { brand_quantity { method: RANKED } general_quantity { method: RANKED } "
      "  quota_method: D_HONDT firm_cap: 10 confirmation_days: 10 objection_days: 5 "
      "  report_days: 90 }";
  ASSERT_THAT((Call<Fair, v1::CreateFairRequest>("FairService/CreateFair",
                                                 absl::StrCat("fair_id: 'g' fair { ", fair, " }"))),
              IsOk());
  const auto open = [&] {
    return Call<Fair, v1::OpenFairRequest>("FairService/OpenFair", "name: 'fairs/g'");
  };
  const auto commit = [&](const std::string& stage) {
    return Call<Fair, v1::CommitLotteryRequest>(
        "FairService/CommitLottery", absl::StrCat("name: 'fairs/g' stage: ", stage,
                                                  " commitment: '", std::string(64, 'a'), "'"));
  };
  EXPECT_THAT(open(), Refused("LOTTERY_NOT_COMMITTED"));
  ASSERT_THAT(commit("BRAND"), IsOk());
  EXPECT_THAT(commit("BRAND"), Refused("LOTTERY_COMMITTED"));
  ASSERT_THAT(commit("GENERAL"), IsOk());
  ASSERT_THAT(commit("PLACEMENT"), IsOk());
  EXPECT_THAT(open(), IsOk());
  // A section, a hall and a floor plan of one edition are of no use to another.
  EXPECT_THAT(CreateQuota("s.zhejiang",
                          "section: 'fairs/g/sections/s' coefficient: '1' "
                          "delegation: 'delegations/zhejiang'"),
              Invalid({"quota.section"}));
}

TEST_F(RegistersTest, ALotteryIsDrawnFromFrozenInputs) {
  EXPECT_THAT((Call<Fair, v1::RevealLotteryRequest>(
                  "FairService/RevealLottery",
                  "name: 'fairs/f' stage: GENERAL secret: 'secret of GENERAL' public_value: '1' "
                  "public_source: 'S' public_time { seconds: 1764000000 }")),
              Refused("INPUTS_NOT_FROZEN"));
}

TEST_F(RegistersTest, TheAllocationIsCompleteOnceAllIsDecided) {
  ASSERT_THAT(CloseApplications(), IsOk());
  const auto refused = Call<Fair, v1::CompleteAllocationFairRequest>(
      "FairService/CompleteAllocationFair", "name: 'fairs/f'");
  EXPECT_THAT(refused, Refused("ALLOCATION_OPEN"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("stage PLACEMENT"));
}

TEST_F(RegistersTest, ASectionIsOfAPhaseOfItsEdition) {
  EXPECT_THAT((Call<Section, v1::CreateSectionRequest>(
                  "SectionService/CreateSection",
                  "parent: 'fairs/f' section_id: 'x' section { title: 'X' phase: '2' "
                  "kind: REGULAR }")),
              Invalid({"section.phase"}));
}

TEST_F(RegistersTest, QuotasAreThoseOfSectionAndDelegation) {
  ASSERT_THAT(CreateQuota("s", "zhejiang", "base: 1 coefficient: '1'"), IsOk());
  EXPECT_EQ(CreateQuota("s", "zhejiang", "base: 1 coefficient: '1'").status().code(),
            StatusCode::kAlreadyExists);
  EXPECT_THAT(CreateQuota("s.hebei",
                          "section: 'fairs/f/sections/s' coefficient: '1' "
                          "delegation: 'delegations/zhejiang'"),
              Invalid({"quota.name"}));
  EXPECT_THAT(CreateQuota("special", "zhejiang", "coefficient: '1'"), Invalid({"quota.section"}));
  EXPECT_THAT(CreateQuota("s", "guangdong", "coefficient: '1' floor: 2 ceiling: 1"),
              Invalid({"quota.ceiling"}));
}

TEST_F(RegistersTest, QuotasDivideTheBoothsOfASection) {
  EXPECT_THAT(Divide("s"), Refused("NO_QUOTAS"));
  ASSERT_THAT(CreateQuota("s", "zhejiang", "base: 30 coefficient: '1'"), IsOk());
  ASSERT_THAT(CreateQuota("s", "guangdong", "base: 10 coefficient: '1' floor: 2"), IsOk());
  auto divided = Divide("s");
  ASSERT_THAT(divided, IsOk());
  // By name: Guangdong, Zhejiang; 20 booths.
  EXPECT_THAT(Booths(*divided), ElementsAre(5, 15));
  EXPECT_EQ(divided->left(), 0);

  ASSERT_THAT((Call<Sanction, v1::CreateSanctionRequest>(
                  "SanctionService/CreateSanction",
                  "sanction_id: 'x' sanction { delegation: 'delegations/zhejiang' scope: SECTION "
                  "section_id: 's' first_edition: 130 editions: 7 reason: 'R' }")),
              IsOk());
  divided = Divide("s");
  ASSERT_THAT(divided, IsOk());
  EXPECT_THAT(Booths(*divided), ElementsAre(20, 0));

  ASSERT_THAT((Call<Sanction, v1::LiftSanctionRequest>(
                  "SanctionService/LiftSanction", "name: 'sanctions/x' lift_reason: 'A mistake'")),
              IsOk());
  EXPECT_THAT((Call<Sanction, v1::LiftSanctionRequest>("SanctionService/LiftSanction",
                                                       "name: 'sanctions/x' lift_reason: 'L'")),
              Refused("SANCTION_LIFTED"));
  divided = Divide("s");
  ASSERT_THAT(divided, IsOk());
  EXPECT_THAT(Booths(*divided), ElementsAre(5, 15));
}

TEST_F(RegistersTest, FloorsOfALevelLieApart) {
  EXPECT_THAT(CreateHall("1.2", "x_meters: 59"), Refused("HALLS_OVERLAP"));
  EXPECT_THAT(CreateHall("1.2", "x_meters: 59 level: 1"), IsOk());
  EXPECT_THAT(CreateHall("2.1", "x_meters: 60"), IsOk());
  // Those of one batch see each other.
  const auto batch = Call<v1::BatchCreateHallsResponse, v1::BatchCreateHallsRequest>(
      "HallService/BatchCreateHalls",
      absl::StrCat("parent: 'fairs/f' requests { parent: 'fairs/f' hall_id: '3.1' hall { ",
                   HallOf("y_meters: 100"),
                   " } } requests { parent: 'fairs/f' hall_id: '3.2' hall { ",
                   HallOf("y_meters: 120"), " } }"));
  EXPECT_THAT(batch, Refused("HALLS_OVERLAP"));
  EXPECT_THAT((Call<Hall, v1::UpdateHallRequest>(
                  "HallService/UpdateHall", "hall { name: 'fairs/f/halls/2.1' x_meters: 50 }")),
              Refused("HALLS_OVERLAP"));
  ASSERT_THAT((Call<google::protobuf::Empty, v1::DeleteHallRequest>("HallService/DeleteHall",
                                                                    "name: 'fairs/f/halls/2.1'")),
              IsOk());
  EXPECT_THAT(CreateHall("3.1", "x_meters: 61"), IsOk());
}

TEST_F(RegistersTest, AHallKeepsTheCellsThatAreInUse) {
  ASSERT_THAT(Position("p", "1", "a", 3, 2), IsOk());
  const auto update = [&](const std::string& row_a, const std::string& row_b) {
    return Call<Hall, v1::UpdateHallRequest>(
        "HallService/UpdateHall",
        absl::StrCat("hall { name: 'fairs/f/halls/1.1' rows { id: 'a' aisle: 'A' first_number: 1 "
                     "number_step: 1 direction: EAST ",
                     row_a,
                     " } rows { id: 'b' aisle: 'B' first_number: 1 number_step: 1 y_meters: 9 "
                     "direction: EAST ",
                     row_b, " } } update_mask { paths: 'rows' }"));
  };
  EXPECT_THAT(update("cells: 12 blocked_numbers: 4", "cells: 12"), Refused("STANDS_PLACED"));
  EXPECT_THAT(update("cells: 12", "cells: 11"), Refused("CELLS_PLANNED"));
  EXPECT_THAT(update("cells: 12 blocked_numbers: 5", "cells: 13"), IsOk());
}

TEST_F(RegistersTest, AFloorPlanIsOfItsPhaseAndHall) {
  const std::string hall = "hall: 'fairs/f/halls/2.1' phase: '1' ";
  ASSERT_THAT(CreateHall("2.1", "x_meters: 60"), IsOk());
  EXPECT_THAT(CreateFloorPlan("1-2.2", hall), Invalid({"floor_plan.name"}));
  EXPECT_THAT(CreateFloorPlan("2-2.1", "hall: 'fairs/f/halls/2.1' phase: '2'"),
              Invalid({"floor_plan.phase"}));
  EXPECT_THAT(CreateFloorPlan("1-2.1", "hall: 'fairs/g/halls/2.1' phase: '1'"),
              Invalid({"floor_plan.hall"}));
  EXPECT_THAT(CreateFloorPlan("1-2.1", hall + "spans { row: 'a' first_number: 1 last_number: 5 "
                                              "section: 'fairs/f/sections/s' }"),
              Invalid({"floor_plan.spans[0].last_number"}));
  EXPECT_THAT(CreateFloorPlan("1-2.1", hall + "spans { row: 'a' first_number: 1 last_number: 4 "
                                              "section: 'fairs/g/sections/s' }"),
              Invalid({"floor_plan.spans[0].section"}));
  EXPECT_THAT(CreateFloorPlan("1-2.1", hall + "spans { row: 'a' first_number: 1 last_number: 4 "
                                              "section: 'fairs/f/sections/s' }"),
              IsOk());
}

TEST_F(RegistersTest, AFloorPlanKeepsTheCellsOfStands) {
  ASSERT_THAT(Position("p", "1", "a", 3, 2), IsOk());
  const auto update = [&](const std::string& first, const std::string& last) {
    return Call<FloorPlan, v1::UpdateFloorPlanRequest>(
        "FloorPlanService/UpdateFloorPlan",
        absl::StrCat(
            "floor_plan { name: 'fairs/f/floorPlans/1-1.1' spans { row: 'a' first_number: ", first,
            " last_number: ", last, " section: 'fairs/f/sections/s' } }"));
  };
  EXPECT_THAT(update("4", "9"), Refused("STANDS_PLACED"));
  auto updated = update("3", "4");
  ASSERT_THAT(updated, IsOk());
  EXPECT_THAT(updated->stands(), SizeIs(1));
  EXPECT_THAT(updated->spans(), SizeIs(1));
}

TEST_F(RegistersTest, AFloorPlanWithStandsIsNotDeleted) {
  const auto remove = [&] {
    return Call<google::protobuf::Empty, v1::DeleteFloorPlanRequest>(
        "FloorPlanService/DeleteFloorPlan", "name: 'fairs/f/floorPlans/1-1.1'");
  };
  ASSERT_THAT(Position("p", "1", "a", 3, 2), IsOk());
  EXPECT_THAT(remove(), Refused("STANDS_PLACED"));
  ASSERT_THAT((Call<Application, v1::ReturnApplicationRequest>(
                  "ApplicationService/ReturnApplication", "name: '" + NameOf("p") + "'")),
              IsOk());
  EXPECT_THAT(remove(), IsOk());
  EXPECT_EQ(remove().status().code(), StatusCode::kNotFound);
}

TEST_F(RegistersTest, AFloorPlanIsDrawn) {
  ASSERT_THAT(Position("p", "1", "a", 3, 2), IsOk());
  const auto draw = [&](const std::string& format) {
    return Call<v1::DrawFloorPlanResponse, v1::DrawFloorPlanRequest>(
        "FloorPlanService/DrawFloorPlan",
        absl::StrCat("name: 'fairs/f/floorPlans/1-1.1' format: ", format), kOrganiser);
  };
  auto drawn = draw("SVG");
  ASSERT_THAT(drawn, IsOk());
  EXPECT_EQ(drawn->content_type(), "image/svg+xml");
  EXPECT_THAT(drawn->content(), HasSubstr("<svg"));
  drawn = draw("GEOJSON");
  ASSERT_THAT(drawn, IsOk());
  EXPECT_EQ(drawn->content_type(), "application/geo+json");
  EXPECT_THAT(drawn->content(), HasSubstr(NameOf("p")));
}

TEST_F(RegistersTest, AnInvitationTakesItsCourse) {
  EXPECT_THAT(Invite("section: 'fairs/f/sections/s' enterprise: 'enterprises/de-1'"),
              Invalid({"invitation.section"}));
  EXPECT_THAT(Invite("section: 'fairs/f/sections/special'"), Invalid({"invitation.enterprise"}));
  auto invited = Invite("section: 'fairs/f/sections/special' enterprise: 'enterprises/de-1'");
  ASSERT_THAT(invited, IsOk());
  EXPECT_EQ(invited->report_due_date().month(), 7);
  EXPECT_EQ(invited->report_due_date().day(), 18);
  EXPECT_THAT(Pending(), ElementsAre("AcceptInvitation", "LapseInvitation"));
  EXPECT_THAT(Step<v1::LapseInvitationRequest>("Lapse"), Refused("REPLY_NOT_DUE"));
  ASSERT_THAT(Step<v1::AcceptInvitationRequest>("Accept"), IsOk());
  EXPECT_THAT(Pending(), ElementsAre("ReportInvitation"));
  auto stand = Get("i");
  ASSERT_THAT(stand, IsOk());
  EXPECT_EQ(stand->kind(), Application::SPECIAL);
  EXPECT_EQ(stand->state(), Application::CONFIRMED);
  EXPECT_EQ(stand->allotted_booths(), stand->minimum_booths());
  EXPECT_EQ(stand->enterprise(), "enterprises/de-1");
  EXPECT_EQ(stand->pseudonym().size(), 32u);
  EXPECT_THAT((Call<Invitation, v1::UpdateInvitationRequest>(
                  "InvitationService/UpdateInvitation",
                  "invitation { name: 'fairs/f/invitations/i' booths: 3 }")),
              Refused("INVITATION_ANSWERED"));
  const std::string report = "leads: 30 contracts: 2 contract_value_usd: 1000000";
  EXPECT_THAT(Step<v1::ReportInvitationRequest>("Report", report), Refused("REPORT_TOO_EARLY"));
  Pass(150);
  auto reported = Step<v1::ReportInvitationRequest>("Report", report);
  ASSERT_THAT(reported, IsOk());
  EXPECT_EQ(reported->state(), Invitation::REPORTED);
  EXPECT_EQ(reported->contracts(), 2);
  EXPECT_EQ(reported->contract_value_usd(), 1'000'000);
  EXPECT_TRUE(reported->has_report_time());
  EXPECT_THAT(Step<v1::ReportInvitationRequest>("Report", report), Refused("ILLEGAL_TRANSITION"));
  EXPECT_THAT(Pending(), IsEmpty());
}

TEST_F(RegistersTest, ReportsMoveWithThePhase) {
  ASSERT_THAT(Invite("section: 'fairs/f/sections/special' enterprise: 'enterprises/de-1'"), IsOk());
  auto fair = Call<Fair, v1::GetFairRequest>("FairService/GetFair", "name: 'fairs/f'");
  ASSERT_THAT(fair, IsOk());
  v1::UpdateFairRequest later;
  *later.mutable_fair() = *fair;
  auto& phases = *later.mutable_fair()->mutable_phases();
  for (auto& phase : phases) phase.mutable_end_date()->set_day(phase.end_date().day() + 1);
  later.mutable_update_mask()->add_paths("phases");
  ASSERT_THAT((fairs_->Call<Fair>("FairService/UpdateFair", later)), IsOk());
  const auto get = [&] {
    auto invitation = Call<Invitation, v1::GetInvitationRequest>("InvitationService/GetInvitation",
                                                                 "name: 'fairs/f/invitations/i'");
    return invitation.ok() ? *invitation : Invitation();
  };
  EXPECT_EQ(get().report_due_date().day(), 19);
  EXPECT_EQ(get().state(), Invitation::INVITED);
  ASSERT_THAT(Step<v1::DeclineInvitationRequest>("Decline"), IsOk());
  later.mutable_fair()->clear_etag();
  later.mutable_fair()->mutable_rules()->set_report_days(80);
  *later.mutable_update_mask()->mutable_paths()->Mutable(0) = "rules.report_days";
  ASSERT_THAT((fairs_->Call<Fair>("FairService/UpdateFair", later)), IsOk());
  EXPECT_EQ(get().report_due_date().day(), 19);  // nobody is to report
}

TEST_F(RegistersTest, AnInvitationLapses) {
  ASSERT_THAT(Invite("section: 'fairs/f/sections/special' enterprise: 'enterprises/de-1'"), IsOk());
  Pass(9);
  EXPECT_THAT(Step<v1::AcceptInvitationRequest>("Accept"), Refused("INVITATION_EXPIRED"));
  EXPECT_THAT(Step<v1::LapseInvitationRequest>("Lapse"), IsOk());
}

TEST_F(RegistersTest, AnInspectionIsSanctionedByAnotherPerson) {
  v1::UpdateFairRequest rules;
  auto fair = Call<Fair, v1::GetFairRequest>("FairService/GetFair", "name: 'fairs/f'");
  ASSERT_THAT(fair, IsOk());
  *rules.mutable_fair() = *fair;
  auto& rule = *rules.mutable_fair()->mutable_rules()->add_sanctions();
  rule.set_violation(v1::TRANSFER);
  rule.set_section_editions(4);
  rule.set_brand_editions(15);
  ASSERT_THAT(fairs_->Call<Fair>("FairService/UpdateFair", rules), IsOk());

  ASSERT_THAT(Create("c", Entry("2")), IsOk());
  EXPECT_THAT(Inspect("c", ""), Refused("NOT_POSITIONED"));
  ASSERT_THAT(Position("p", "1", "a", 3, 2), IsOk());
  EXPECT_THAT(Inspect("p", "violation: TRANSFER"), Invalid({"inspection.documents"}));
  auto inspection = Inspect("p", "violation: TRANSFER documents: 'documents/d1'");
  ASSERT_THAT(inspection, IsOk());
  EXPECT_EQ(inspection->inspector(), kOrganiser);
  EXPECT_THAT((Call<Inspection, v1::UpdateInspectionRequest>(
                  "InspectionService/UpdateInspection",
                  "inspection { name: 'fairs/f/inspections/n' violation: ABSENCE }")),
              Refused("OTHER_INSPECTOR"));
  EXPECT_THAT(SanctionIt(kOrganiser), Refused("FOUR_EYES"));

  auto sanctioned = SanctionIt();
  ASSERT_THAT(sanctioned, IsOk());
  EXPECT_TRUE(sanctioned->inspection().sanctioned());
  ASSERT_THAT(sanctioned->sanctions(), SizeIs(2));
  const Sanction& first = sanctioned->sanctions(0);
  EXPECT_THAT(first.name(), StartsWith("sanctions/"));
  EXPECT_EQ(first.enterprise(), "enterprises/de-1");
  EXPECT_EQ(first.first_edition(), 137);
  EXPECT_EQ(first.editions(), 4);
  auto stored = Call<Sanction, v1::GetSanctionRequest>("SanctionService/GetSanction",
                                                       absl::StrCat("name: '", first.name(), "'"));
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->inspection(), "fairs/f/inspections/n");
  auto application = Get("p");
  ASSERT_THAT(application, IsOk());
  EXPECT_EQ(application->state(), Application::VIOLATED);
  EXPECT_THAT(SanctionIt(), Refused("SANCTIONED"));
  EXPECT_THAT((Call<Inspection, v1::UpdateInspectionRequest>(
                  "InspectionService/UpdateInspection",
                  "inspection { name: 'fairs/f/inspections/n' note: 'N' }", kOrganiser)),
              Refused("SANCTIONED"));
  EXPECT_THAT(
      (Call<google::protobuf::Empty, v1::DeleteInspectionRequest>(
          "InspectionService/DeleteInspection", "name: 'fairs/f/inspections/n'", kOrganiser)),
      Refused("SANCTIONED"));
}

TEST_F(RegistersTest, AnInspectionWithoutFindingsIsNotSanctioned) {
  ASSERT_THAT(Position("p", "1", "a", 3, 2), IsOk());
  ASSERT_THAT(Inspect("p", ""), IsOk());
  EXPECT_THAT(SanctionIt(), Refused("NO_VIOLATION"));
}

TEST_F(RegistersTest, ASanctionIsOnOne) {
  EXPECT_THAT((Call<Sanction, v1::CreateSanctionRequest>(
                  "SanctionService/CreateSanction",
                  "sanction_id: 'x' sanction { scope: FAIR first_edition: 1 editions: 1 "
                  "reason: 'R' }")),
              Invalid({"sanction.enterprise"}));
}

}  // namespace
}  // namespace caravan::fairs
