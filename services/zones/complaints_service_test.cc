// Complaints, appeals and the compliance standing, through a real server.
#include <string>

#include "caravan/zones/v1/associations.pb.h"
#include "caravan/zones/v1/complaints.pb.h"
#include "caravan/zones/v1/compliance.pb.h"
#include "gtest/gtest.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"
#include "services/zones/testing/zones_server.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::kHangzhouFirm;
using testing::kNingboFirm;
using v1::Complaint;
using v1::ComplianceStanding;

constexpr char kAssociation[] = "users/association";
constexpr char kFirm[] = "users/firm";                // about whom
constexpr char kComplainant[] = "users/complainant";  // of Ningbo
constexpr char kMinistry[] = "users/ministry";
constexpr char kFairs[] = "services/fairs";

constexpr char kFinding[] =
    "finding { statement: 's' measure: SUSPENSION decision_date { year: 2026 month: 3 day: 1 } "
    "end_date { year: 2027 } }";
constexpr char kDismissal[] =
    "finding { statement: 's' decision_date { year: 2026 month: 3 day: 1 } }";
constexpr char kAppealed[] =
    "appeal { grounds: 'g' appeal_date { year: 2026 month: 4 day: 1 } appellant: 'users/x' }";

std::string DecisionOf(const std::string& outcome) {
  return "appeal_decision { statement: 's' decision_date { year: 2026 month: 5 day: 1 } outcome: " +
         outcome + " }";
}

// The association has the firm of Hangzhou among its members.
class ComplaintsTest : public testing::ZonesServer {
 protected:
  ComplaintsTest()
      : ZonesServer({{kAssociation, "*", "associations/hz"},
                     {kFirm, "zones.complaints.*", kHangzhouFirm},
                     {kFirm, "zones.enterprises.*", kHangzhouFirm},
                     {kComplainant, "zones.complaints.*", kNingboFirm},
                     {kMinistry, "zones.complaints.*"},
                     {kFairs, "zones.enterprises.computeComplianceStanding"}}) {
    EXPECT_THAT(
        (Call<v1::Association, v1::CreateAssociationRequest>(
            "AssociationService/CreateAssociation",
            "association_id: 'hz' association { display_name: 'A' pilot_zone: "
            "'pilotZones/hangzhou' establishment_date { year: 2016 } members { enterprise: '" +
                std::string(kHangzhouFirm) + "' join_date { year: 2024 } } }")),
        IsOk());
  }

  absl::StatusOr<Complaint> File(const std::string& id, const std::string& rest,
                                 const std::string& principal,
                                 const std::string& firm = kHangzhouFirm) {
    return Call<Complaint, v1::CreateComplaintRequest>(
        "ComplaintService/CreateComplaint",
        "complaint_id: '" + id + "' complaint { enterprise: '" + firm +
            "' subject: FAIR_COMPETITION title: 'T' filing_date { year: 2026 } " + rest + " }",
        principal);
  }

  template <class Request>
  absl::StatusOr<Complaint> Move(const std::string& verb, const std::string& rest,
                                 const std::string& principal, const std::string& id = "c") {
    return Call<Complaint, Request>("ComplaintService/" + verb,
                                    "name: 'complaints/" + id + "' " + rest, principal);
  }

  absl::StatusOr<Complaint> Accept(const std::string& principal, const std::string& id = "c") {
    return Move<v1::AcceptComplaintRequest>(
        "AcceptComplaint", "acceptance_date { year: 2026 month: 2 }", principal, id);
  }
  absl::StatusOr<Complaint> Investigate(const std::string& principal, const std::string& id = "c") {
    return Move<v1::InvestigateComplaintRequest>("InvestigateComplaint", "", principal, id);
  }
  absl::StatusOr<Complaint> Uphold(const std::string& finding, const std::string& principal,
                                   const std::string& id = "c") {
    return Move<v1::UpholdComplaintRequest>("UpholdComplaint", finding, principal, id);
  }
  absl::StatusOr<Complaint> Dismiss(const std::string& finding, const std::string& principal,
                                    const std::string& id = "c") {
    return Move<v1::DismissComplaintRequest>("DismissComplaint", finding, principal, id);
  }
  absl::StatusOr<Complaint> Appeal(const std::string& appeal, const std::string& principal,
                                   const std::string& id = "c") {
    return Move<v1::AppealComplaintRequest>("AppealComplaint", appeal, principal, id);
  }
  absl::StatusOr<Complaint> Decide(const std::string& decision, const std::string& principal,
                                   const std::string& id = "c") {
    return Move<v1::DecideComplaintAppealRequest>("DecideComplaintAppeal", decision, principal, id);
  }
  absl::StatusOr<Complaint> Close(const std::string& principal, const std::string& id = "c") {
    return Move<v1::CloseComplaintRequest>("CloseComplaint", "close_date { year: 2026 month: 11 }",
                                           principal, id);
  }

  // A complaint under investigation, of the firm of Ningbo about that of Hangzhou.
  void Investigated(const std::string& id = "c") {
    ASSERT_THAT(
        File(id, "complainant: '" + std::string(kNingboFirm) + "' association: 'associations/hz'",
             kComplainant),
        IsOk());
    ASSERT_THAT(Accept(kAssociation, id), IsOk());
    ASSERT_THAT(Investigate(kAssociation, id), IsOk());
  }

  absl::StatusOr<ComplianceStanding> Standing(const std::string& date,
                                              const std::string& principal = kFairs,
                                              const std::string& firm = kHangzhouFirm) {
    return Call<ComplianceStanding, v1::ComputeComplianceStandingRequest>(
        "ComplianceService/ComputeComplianceStanding",
        "name: '" + firm + "'" + (date.empty() ? "" : " effective_date {" + date + "}"), principal);
  }

  ComplianceStanding::Level LevelOn(const std::string& date) {
    auto standing = Standing(date);
    EXPECT_THAT(standing, IsOk());
    return standing.ok() ? standing->level() : ComplianceStanding::LEVEL_UNSPECIFIED;
  }
};

TEST_P(ComplaintsTest, AComplaintIsHandledWhereItBelongs) {
  auto complaint = File("c1", "", "users/hangzhou");
  EXPECT_THAT(complaint, Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  complaint = File("c1", "pilot_zone: 'pilotZones/hangzhou'", "users/hangzhou");
  ASSERT_THAT(complaint, IsOk());
  EXPECT_EQ(complaint->state(), Complaint::FILED);
  EXPECT_THAT(
      File("c2", "pilot_zone: 'pilotZones/ningbo'", "users/ningbo"),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"complaint.pilot_zone"})));
  complaint = File("c2", "association: 'associations/hz'", kAssociation);
  ASSERT_THAT(complaint, IsOk());
  EXPECT_EQ(complaint->pilot_zone(), "pilotZones/hangzhou");
  // A firm that is none of its members, with another home.
  EXPECT_THAT(File("c3", "association: 'associations/hz'", kAssociation, kNingboFirm),
              Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  EXPECT_THAT(File("c3", "association: 'associations/none'", "users/admin"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"complaint.association"})));
  EXPECT_THAT(
      (Call<Complaint, v1::CreateComplaintRequest>(
          "ComplaintService/CreateComplaint",
          "complaint { enterprise: '" + std::string(kHangzhouFirm) +
              "' subject: COMPLIANCE title: 'T' filing_date { year: 2027 } }")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"complaint.filing_date"})));
}

TEST_P(ComplaintsTest, AZonesSuccessorHandlesItsComplaints) {
  ASSERT_THAT((Call<v1::PilotZone, v1::MergePilotZoneRequest>(
                  "PilotZoneService/MergePilotZone",
                  "name: 'pilotZones/ningbo' successor: 'pilotZones/zhengzhou' "
                  "end_date { year: 2026 month: 6 }")),
              IsOk());
  const auto file = [&](const std::string& month) {
    auto complaint = Call<Complaint, v1::CreateComplaintRequest>(
        "ComplaintService/CreateComplaint",
        "complaint { enterprise: '" + std::string(kNingboFirm) +
            "' subject: COMPLIANCE title: 'T' filing_date { year: 2026 month: " + month + " } }");
    EXPECT_THAT(complaint, IsOk());
    return complaint.ok() ? complaint->pilot_zone() : "";
  };
  EXPECT_EQ(file("5"), "pilotZones/ningbo");
  EXPECT_EQ(file("6"), "pilotZones/zhengzhou");
}

TEST_P(ComplaintsTest, PartiesDoNotDecide) {
  // Not in another's name, through the firm that it is about.
  EXPECT_THAT(File("c", "complainant: '" + std::string(kNingboFirm) + "'", kFirm),
              Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
  Investigated();
  for (const char* party : {kFirm, kComplainant}) {
    EXPECT_THAT(Uphold(kFinding, party),
                Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
    EXPECT_THAT(Dismiss(kDismissal, party),
                Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
    EXPECT_THAT((Call<Complaint, v1::GetComplaintRequest>("ComplaintService/GetComplaint",
                                                          "name: 'complaints/c'", party)),
                IsOk());
  }
  const auto update = [&](const std::string& principal) {
    return Call<Complaint, v1::UpdateComplaintRequest>(
        "ComplaintService/UpdateComplaint",
        "complaint { name: 'complaints/c' description: 'by " + principal + "' }", principal);
  };
  EXPECT_THAT(update(kFirm), Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
  EXPECT_THAT(update(kComplainant), IsOk());
  // Its zone owns the complainant, not the complaint.
  EXPECT_THAT(update("users/ningbo"), Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
}

TEST_P(ComplaintsTest, RunsItsCourse) {
  ASSERT_THAT(File("c", "association: 'associations/hz'", kAssociation), IsOk());
  EXPECT_THAT(Investigate(kAssociation),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_THAT(Move<v1::AcceptComplaintRequest>("AcceptComplaint", "acceptance_date { year: 2025 }",
                                               kAssociation),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"acceptance_date"})));
  EXPECT_THAT(Move<v1::AcceptComplaintRequest>("AcceptComplaint", "", kAssociation),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"acceptance_date"})));
  ASSERT_THAT(Accept(kAssociation), IsOk());
  EXPECT_THAT(Move<v1::RefuseComplaintRequest>(
                  "RefuseComplaint", "refusal_reason: 'r' refusal_date { year: 2026 month: 2 }",
                  kAssociation),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  ASSERT_THAT(Investigate(kAssociation), IsOk());
  EXPECT_THAT(
      Uphold("finding { statement: 's' decision_date { year: 2026 month: 3 } }", kAssociation),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"finding.measure"})));
  EXPECT_THAT(
      Uphold("finding { statement: 's' measure: SUSPENSION "
             "decision_date { year: 2026 month: 3 } }",
             kAssociation),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"finding.end_date"})));
  EXPECT_THAT(
      Uphold("finding { statement: 's' measure: WARNING "
             "decision_date { year: 2026 month: 12 } }",
             kAssociation),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"finding.decision_date"})));
  EXPECT_THAT(Dismiss(kFinding, kAssociation),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"finding.measure"})));
  auto upheld = Uphold(kFinding, kAssociation);
  ASSERT_THAT(upheld, IsOk());
  EXPECT_EQ(upheld->finding().decider(), kAssociation);
  EXPECT_THAT((Call<Complaint, v1::UpdateComplaintRequest>(
                  "ComplaintService/UpdateComplaint",
                  "complaint { name: 'complaints/c' title: 'other' }", kAssociation)),
              Fails(StatusCode::kFailedPrecondition, "COMPLAINT_DECIDED"));
  EXPECT_THAT(Decide(DecisionOf("FINDING_UPHELD"), kMinistry),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  auto closed = Close(kAssociation);
  ASSERT_THAT(closed, IsOk());
  EXPECT_EQ(closed->state(), Complaint::CLOSED);
  EXPECT_THAT(Appeal(kAppealed, kFirm),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));

  ASSERT_THAT(File("r", "association: 'associations/hz'", kAssociation), IsOk());
  auto refused = Move<v1::RefuseComplaintRequest>(
      "RefuseComplaint", "refusal_reason: 'r' refusal_date { year: 2026 month: 2 }", kAssociation,
      "r");
  ASSERT_THAT(refused, IsOk());
  EXPECT_EQ(refused->refusal_reason(), "r");
}

TEST_P(ComplaintsTest, AnotherDecidesTheAppeal) {
  Investigated();
  ASSERT_THAT(Uphold(kFinding, kMinistry), IsOk());
  // The firm appeals, nobody else.
  for (const char* other : {kComplainant, kAssociation, "users/hangzhou"}) {
    EXPECT_THAT(Appeal(kAppealed, other),
                Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
  }
  EXPECT_THAT(Appeal("", kFirm),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"appeal"})));
  auto appealed = Appeal(kAppealed, kFirm);
  ASSERT_THAT(appealed, IsOk());
  EXPECT_EQ(appealed->appeal().appellant(), kFirm);  // whatever the request says
  EXPECT_THAT(Close(kAssociation), Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
  EXPECT_THAT(Decide(DecisionOf("FINDING_QUASHED"), kMinistry),
              Fails(StatusCode::kFailedPrecondition, "FOUR_EYES"));
  EXPECT_THAT(Decide(DecisionOf("FINDING_QUASHED"), kFirm),
              Fails(StatusCode::kFailedPrecondition, "FOUR_EYES"));
  EXPECT_THAT(Decide(DecisionOf("FINDING_CHANGED"), "users/admin"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"appeal_decision.changed_finding"})));
  EXPECT_THAT(Decide("appeal_decision { outcome: FINDING_UPHELD statement: 's' "
                     "decision_date { year: 2026 month: 3 day: 31 } }",
                     "users/admin"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"appeal_decision.decision_date"})));
  auto decided = Decide(DecisionOf("FINDING_QUASHED"), "users/admin");
  ASSERT_THAT(decided, IsOk());
  EXPECT_EQ(decided->state(), Complaint::CLOSED);
  EXPECT_EQ(decided->close_date().month(), 5);
  EXPECT_EQ(decided->appeal_decision().decider(), "users/admin");
  // Once.
  EXPECT_THAT(Appeal(kAppealed, kFirm),
              Fails(StatusCode::kFailedPrecondition, "ILLEGAL_TRANSITION"));
}

TEST_P(ComplaintsTest, TheComplainantAppealsAgainstADismissal) {
  Investigated();
  auto dismissed = Dismiss(kDismissal, kAssociation);
  ASSERT_THAT(dismissed, IsOk());
  EXPECT_EQ(dismissed->finding().measure(), Complaint::DISMISSAL);
  EXPECT_THAT(Appeal(kAppealed, kFirm), Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
  ASSERT_THAT(Appeal(kAppealed, kComplainant), IsOk());
  EXPECT_THAT(
      Decide(DecisionOf("FINDING_QUASHED"), kMinistry),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"appeal_decision.outcome"})));
  EXPECT_EQ(LevelOn("year: 2026 month: 5 day: 1"), ComplianceStanding::GOOD);
  auto changed = Decide(
      "appeal_decision { statement: 's' decision_date { year: 2026 month: 5 day: 1 } outcome: "
      "FINDING_CHANGED changed_finding { statement: 's' measure: WARNING decision_date { year: "
      "2026 month: 5 day: 1 } } }",
      kMinistry);
  ASSERT_THAT(changed, IsOk());
  EXPECT_EQ(changed->appeal_decision().changed_finding().decider(), kMinistry);
  EXPECT_EQ(LevelOn("year: 2026 month: 4 day: 30"), ComplianceStanding::GOOD);
  EXPECT_EQ(LevelOn("year: 2026 month: 5 day: 1"), ComplianceStanding::WARNED);
}

TEST_P(ComplaintsTest, TheStandingIsThatOfTheDay) {
  Investigated();
  ASSERT_THAT(Uphold(kFinding, kAssociation), IsOk());
  EXPECT_EQ(LevelOn("year: 2026 month: 2 day: 28"), ComplianceStanding::GOOD);
  EXPECT_EQ(LevelOn("year: 2026 month: 3 day: 1"), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(LevelOn(""), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(LevelOn("year: 2027"), ComplianceStanding::GOOD);
  ASSERT_THAT(Appeal(kAppealed, kFirm), IsOk());
  EXPECT_EQ(LevelOn("year: 2026 month: 3 day: 31"), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(LevelOn("year: 2026 month: 4 day: 1"), ComplianceStanding::GOOD);
  ASSERT_THAT(Decide(DecisionOf("FINDING_UPHELD"), kMinistry), IsOk());
  EXPECT_EQ(LevelOn("year: 2026 month: 4 day: 30"), ComplianceStanding::GOOD);
  auto today = Standing("");
  ASSERT_THAT(today, IsOk());
  EXPECT_EQ(today->level(), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(today->effective_date().day(), 23);
  ASSERT_EQ(today->findings_size(), 1);
  EXPECT_EQ(today->findings(0).complaint(), "complaints/c");
  EXPECT_FALSE(today->findings(0).under_appeal());
}

TEST_P(ComplaintsTest, ASuspendedFirmIsBarredWhileItIs) {
  const std::string name = "name: '" + std::string(kHangzhouFirm) + "'";
  ASSERT_THAT((Call<v1::Enterprise, v1::SuspendEnterpriseRequest>(
                  "EnterpriseService/SuspendEnterprise", name)),
              IsOk());
  EXPECT_EQ(Standing("")->bar(), ComplianceStanding::ENTERPRISE_SUSPENDED);
  EXPECT_EQ(LevelOn("year: 2026 month: 11 day: 22"), ComplianceStanding::GOOD);
  clock_.Advance(absl::Hours(48));
  auto firm = Call<v1::Enterprise, v1::ReinstateEnterpriseRequest>(
      "EnterpriseService/ReinstateEnterprise", name);
  ASSERT_THAT(firm, IsOk());
  ASSERT_EQ(firm->suspensions_size(), 1);
  EXPECT_EQ(firm->suspensions(0).start_date().day(), 23);
  EXPECT_EQ(firm->suspensions(0).end_date().day(), 25);
  EXPECT_EQ(LevelOn("year: 2026 month: 11 day: 24"), ComplianceStanding::BARRED);
  EXPECT_EQ(LevelOn("year: 2026 month: 11 day: 25"), ComplianceStanding::GOOD);
  ASSERT_THAT((Call<v1::Enterprise, v1::CloseEnterpriseRequest>(
                  "EnterpriseService/CloseEnterprise", name + " close_date { year: 2027 }")),
              IsOk());
  EXPECT_EQ(Standing("year: 2027")->bar(), ComplianceStanding::ENTERPRISE_CLOSED);
}

TEST_P(ComplaintsTest, ManyAreAnsweredInTheirOrder) {
  Investigated();
  ASSERT_THAT(Uphold(kFinding, kAssociation), IsOk());
  const auto batch = [&](const std::string& request, const std::string& principal = kFairs) {
    return Call<v1::BatchComputeComplianceStandingsResponse,
                v1::BatchComputeComplianceStandingsRequest>(
        "ComplianceService/BatchComputeComplianceStandings", request, principal);
  };
  const std::string both =
      "names: '" + std::string(kNingboFirm) + "' names: '" + std::string(kHangzhouFirm) + "' ";
  auto standings = batch(both);
  ASSERT_THAT(standings, IsOk());
  ASSERT_EQ(standings->standings_size(), 2);
  EXPECT_EQ(standings->standings(0).enterprise(), kNingboFirm);
  EXPECT_EQ(standings->standings(0).level(), ComplianceStanding::GOOD);
  EXPECT_EQ(standings->standings(1).level(), ComplianceStanding::RESTRICTED);
  EXPECT_EQ(batch(both + "effective_date { year: 2026 }")->standings(1).level(),
            ComplianceStanding::GOOD);
  EXPECT_THAT(batch(both + "names: 'enterprises/de-hrb1'"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(batch(""),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"names"})));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "names: '" + std::string(kNingboFirm) + "' ";
  EXPECT_THAT(batch(many),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"names"})));
  // A firm asks for itself, a zone for its firms.
  EXPECT_THAT(Standing("", kFirm), IsOk());
  EXPECT_THAT(Standing("", "users/hangzhou"), IsOk());
  EXPECT_THAT(Standing("", kFirm, kNingboFirm),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(batch(both, "users/hangzhou"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(Standing("", kFairs, "enterprises/de-hrb1"),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

TEST_P(ComplaintsTest, SummarizesByAssociationAndZone) {
  Investigated();
  ASSERT_THAT(Uphold(kFinding, kAssociation), IsOk());
  ASSERT_THAT(Close(kAssociation), IsOk());
  Investigated("d");
  ASSERT_THAT(Uphold(kFinding, kAssociation, "d"), IsOk());
  ASSERT_THAT(File("e", "", "users/admin", kNingboFirm), IsOk());
  const auto summarize = [&](const std::string& rest, const std::string& principal) {
    return Call<v1::SummarizeComplaintsResponse, v1::SummarizeComplaintsRequest>(
        "ComplaintService/SummarizeComplaints",
        "start_date { year: 2026 } end_date { year: 2027 } " + rest, principal);
  };
  auto all = summarize("group_by: PILOT_ZONE", kMinistry);
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(all->total().filed_count(), 3);
  EXPECT_EQ(all->total().closed_count(), 1);
  EXPECT_DOUBLE_EQ(all->total().median_days_to_close(), 304);
  EXPECT_DOUBLE_EQ(all->total().repeat_violation_rate(), 1);
  ASSERT_EQ(all->groups_size(), 2);
  EXPECT_EQ(all->groups(1).scope(), "pilotZones/ningbo");
  EXPECT_FALSE(all->groups(1).has_repeat_violation_rate());

  auto own = summarize("scope: 'associations/hz'", kAssociation);
  ASSERT_THAT(own, IsOk());
  EXPECT_EQ(own->total().filed_count(), 2);
  EXPECT_EQ(summarize("scope: 'pilotZones/ningbo'", "users/ningbo")->total().filed_count(), 1);
  EXPECT_THAT(summarize("scope: 'associations/hz'", "users/hangzhou"), IsOk());
  EXPECT_THAT(summarize("scope: 'associations/hz'", "users/ningbo"),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(summarize("", kAssociation),
              Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"));
  EXPECT_THAT(summarize("scope: 'associations/none'", kMinistry),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_THAT(summarize("scope: '" + std::string(kHangzhouFirm) + "'", kMinistry),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"scope"})));
}

INSTANTIATE_TEST_SUITE_P(Engines, ComplaintsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
