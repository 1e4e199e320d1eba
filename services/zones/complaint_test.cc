#include "services/zones/complaint.h"

#include <set>
#include <string>

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
using v1::Complaint;

constexpr char kFiled[] =
    "name: 'complaints/c' enterprise: 'enterprises/a' complainant: 'enterprises/b' "
    "association: 'associations/x' pilot_zone: 'pilotZones/z' state: FILED "
    "filing_date { year: 2025 month: 1 day: 1 } ";

// A message with some fields set over.
template <class T>
T Over(const std::string& text, const std::string& rest) {
  T message = Parse<T>(text);
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(rest, &message)) << rest;
  return message;
}

Complaint Make(const std::string& rest) { return Over<Complaint>(kFiled, rest); }

constexpr char kAccepted[] = "acceptance_date { year: 2025 month: 1 day: 10 } ";

// A finding of 1 February.
std::string Finding(const std::string& rest) {
  return "finding { statement: 's' decision_date { year: 2025 month: 2 day: 1 } decider: "
         "'users/li' " +
         rest + " } ";
}

Complaint Upheld(const std::string& finding, const std::string& rest = "state: UPHELD") {
  return Make(kAccepted + Finding(finding) + rest);
}

constexpr char kAppeal[] =
    "appeal { grounds: 'g' appeal_date { year: 2025 month: 3 day: 1 } appellant: 'users/wu' } ";

// Closed by a decision of 1 April on an appeal.
Complaint Decided(const std::string& finding, const std::string& decision) {
  return Upheld(finding, std::string(kAppeal) +
                             "state: CLOSED close_date { year: 2025 month: 4 day: 1 } "
                             "appeal_decision { statement: 's' "
                             "decision_date { year: 2025 month: 4 day: 1 } " +
                             decision + " }");
}

constexpr char kWarning[] = "measure: WARNING";
constexpr char kSuspension[] = "measure: SUSPENSION end_date { year: 2025 month: 8 day: 1 }";

auto BadAt(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

TEST(CheckComplaint, WhatIsSetFitsTheState) {
  EXPECT_THAT(CheckComplaint(Make("")), IsOk());
  EXPECT_THAT(CheckComplaint(Make(kAccepted)), BadAt({"acceptance_date"}));
  EXPECT_THAT(CheckComplaint(Make("state: ACCEPTED")), BadAt({"acceptance_date"}));
  EXPECT_THAT(CheckComplaint(Make("state: REFUSED")), BadAt({"refusal_date", "refusal_reason"}));
  EXPECT_THAT(CheckComplaint(Make("state: REFUSED refusal_reason: 'no' "
                                  "refusal_date { year: 2025 month: 1 day: 2 }")),
              IsOk());
  EXPECT_THAT(CheckComplaint(Make(std::string(kAccepted) + "state: UPHELD")), BadAt({"finding"}));
  EXPECT_THAT(CheckComplaint(Upheld(kWarning)), IsOk());
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, "state: INVESTIGATING")), BadAt({"finding"}));
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, "state: APPEALED")), BadAt({"appeal"}));
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, std::string(kAppeal) + "state: UPHELD")),
              BadAt({"appeal"}));
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, std::string(kAppeal) + "state: APPEALED")), IsOk());
  EXPECT_THAT(CheckComplaint(Upheld(
                  kWarning, std::string(kAppeal) + "state: CLOSED close_date { year: 2026 }")),
              BadAt({"appeal_decision"}));
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, "state: CLOSED")), BadAt({"close_date"}));
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, "state: CLOSED close_date { year: 2026 }")), IsOk());
}

TEST(CheckComplaint, MeasuresFitTheDecision) {
  EXPECT_THAT(CheckComplaint(Upheld("")), BadAt({"finding.measure"}));
  EXPECT_THAT(CheckComplaint(Upheld("measure: DISMISSAL")), BadAt({"finding.measure"}));
  EXPECT_THAT(CheckComplaint(Upheld("measure: DISMISSAL", "state: DISMISSED")), IsOk());
  EXPECT_THAT(CheckComplaint(Upheld(kWarning, "state: DISMISSED")), BadAt({"finding.measure"}));
  EXPECT_THAT(CheckComplaint(Upheld("measure: DISMISSAL start_date { year: 2026 } "
                                    "end_date { year: 2027 }",
                                    "state: DISMISSED")),
              BadAt({"finding.start_date", "finding.end_date"}));
  EXPECT_THAT(CheckComplaint(Upheld("measure: SUSPENSION")), BadAt({"finding.end_date"}));
  EXPECT_THAT(CheckComplaint(Upheld("measure: WARNING start_date { year: 2025 }")),
              BadAt({"finding.start_date"}));
  EXPECT_THAT(CheckComplaint(Upheld("measure: WARNING end_date { year: 2025 month: 2 day: 1 }")),
              BadAt({"finding.end_date"}));
}

TEST(CheckComplaint, AnAppealUpholdsChangesOrQuashes) {
  const std::string changed =
      "outcome: FINDING_CHANGED changed_finding { statement: 's' measure: WARNING "
      "decision_date { year: 2025 month: 4 day: 1 } ";
  EXPECT_THAT(CheckComplaint(Decided(kSuspension, "outcome: FINDING_UPHELD")), IsOk());
  EXPECT_THAT(CheckComplaint(Decided(kSuspension, "outcome: FINDING_QUASHED")), IsOk());
  // A changed measure may begin when the first did.
  EXPECT_THAT(
      CheckComplaint(Decided(kSuspension, changed + "start_date { year: 2025 month: 2 } }")),
      IsOk());
  EXPECT_THAT(
      CheckComplaint(Decided(kSuspension, changed + "start_date { year: 2025 month: 1 } }")),
      BadAt({"appeal_decision.changed_finding.start_date"}));
  EXPECT_THAT(CheckComplaint(Decided(kSuspension, "outcome: FINDING_CHANGED")),
              BadAt({"appeal_decision.changed_finding"}));
  EXPECT_THAT(CheckComplaint(Decided(kSuspension, "outcome: FINDING_UPHELD changed_finding {}")),
              BadAt({"appeal_decision.changed_finding"}));
  EXPECT_THAT(CheckComplaint(Decided(kSuspension,
                                     "outcome: FINDING_CHANGED changed_finding { measure: WARNING "
                                     "decision_date { year: 2025 month: 4 day: 2 } }")),
              BadAt({"appeal_decision.changed_finding.decision_date"}));
  EXPECT_THAT(CheckComplaint(Decided("measure: DISMISSAL", "outcome: FINDING_QUASHED")),
              BadAt({"appeal_decision.outcome"}));
  EXPECT_THAT(CheckComplaint(Decided("measure: DISMISSAL", changed + "}")), IsOk());
}

TEST(CheckComplaint, DaysFollowEachOther) {
  Complaint complaint = Decided(kWarning, "outcome: FINDING_UPHELD");
  complaint.mutable_filing_date()->set_month(2);
  complaint.mutable_appeal()->mutable_appeal_date()->set_month(1);
  complaint.mutable_close_date()->set_year(2024);
  EXPECT_THAT(CheckComplaint(complaint),
              BadAt({"acceptance_date", "appeal.appeal_date", "close_date"}));
}

TEST(CheckNoFutureDays, LooksAtWhatIsNew) {
  const Complaint before = Make("state: ACCEPTED acceptance_date { year: 2025 month: 6 }");
  Complaint after = before;
  EXPECT_THAT(CheckNoFutureDays(&before, after, 20250101), IsOk());
  EXPECT_THAT(CheckNoFutureDays(nullptr, after, 20250101), BadAt({"acceptance_date"}));
  after.mutable_finding()->mutable_decision_date()->set_year(2026);
  EXPECT_THAT(CheckNoFutureDays(&before, after, 20251231), BadAt({"finding.decision_date"}));
  EXPECT_THAT(CheckNoFutureDays(&before, after, 20260101), IsOk());
}

v1::Association MakeAssociation(const std::string& rest) {
  return Over<v1::Association>("name: 'associations/x' pilot_zone: 'pilotZones/z' state: ACTIVE",
                               rest);
}

Complaint Assigned(const std::optional<v1::Association>& association, const std::string& home,
                   absl::Status* status, const std::string& zone = "") {
  Complaint complaint = Make("");
  complaint.set_pilot_zone(zone);
  *status = Assign(association, home, complaint);
  return complaint;
}

TEST(Assign, SetsTheZoneOfWhoHandlesIt) {
  absl::Status s;
  EXPECT_EQ(Assigned(std::nullopt, "pilotZones/h", &s).pilot_zone(), "pilotZones/h");
  EXPECT_THAT(s, IsOk());
  EXPECT_EQ(Assigned(std::nullopt, "", &s).pilot_zone(), "");
  EXPECT_THAT(s, IsOk());
  Assigned(std::nullopt, "pilotZones/h", &s, "pilotZones/z");
  EXPECT_THAT(s, BadAt({"pilot_zone"}));
  Assigned(std::nullopt, "", &s, "pilotZones/z");
  EXPECT_THAT(s, BadAt({"pilot_zone"}));
}

TEST(Assign, AnAssociationHandlesItsMembersAndTheFirmsOfItsZone) {
  absl::Status s;
  Assigned(MakeAssociation(""), "pilotZones/h", &s);
  EXPECT_THAT(s, Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  EXPECT_EQ(Assigned(MakeAssociation(""), "pilotZones/z", &s).pilot_zone(), "pilotZones/z");
  EXPECT_THAT(s, IsOk());
  const std::string member = "members { enterprise: 'enterprises/a' join_date { year: 2024 } ";
  EXPECT_EQ(Assigned(MakeAssociation(member + "}"), "pilotZones/h", &s).pilot_zone(),
            "pilotZones/z");
  EXPECT_THAT(s, IsOk());
  // Gone on the day of filing.
  Assigned(MakeAssociation(member + "leave_date { year: 2025 } }"), "pilotZones/h", &s);
  EXPECT_THAT(s, Fails(StatusCode::kFailedPrecondition, "NOT_A_MEMBER"));
  Assigned(MakeAssociation("state: DISSOLVED dissolution_date { year: 2024 }"), "pilotZones/z", &s);
  EXPECT_THAT(s, Fails(StatusCode::kFailedPrecondition, "ASSOCIATION_DISSOLVED"));
}

// Who may make a change, of the owners of a complaint.
std::set<std::string> Allowed(const Complaint* before, const Complaint& after) {
  std::set<std::string> allowed;
  for (const std::string owner :
       {"complaints/c", "enterprises/a", "enterprises/b", "associations/x", "pilotZones/z"}) {
    const absl::Status s =
        CheckParty(before, after, [&](std::string_view resource) { return resource == owner; });
    if (s.ok()) {
      allowed.insert(owner);
    } else {
      EXPECT_THAT(s, Fails(StatusCode::kPermissionDenied, "NOT_FOR_THIS_PARTY"));
    }
  }
  return allowed;
}

TEST(CheckParty, PartiesFileUpdateAndAppealOnly) {
  using Owners = std::set<std::string>;
  const Owners handlers = {"complaints/c", "associations/x", "pilotZones/z"};
  Owners with_complainant = handlers;
  with_complainant.insert("enterprises/b");
  const Complaint filed = Make("");
  EXPECT_EQ(Allowed(nullptr, filed), with_complainant);
  EXPECT_EQ(Allowed(&filed, filed), with_complainant);
  const auto moved = [&](Complaint::State from, Complaint::State to) {
    Complaint before = filed, after = filed;
    before.set_state(from);
    after.set_state(to);
    return Allowed(&before, after);
  };
  EXPECT_EQ(moved(Complaint::FILED, Complaint::ACCEPTED), handlers);
  EXPECT_EQ(moved(Complaint::INVESTIGATING, Complaint::DISMISSED), handlers);
  EXPECT_EQ(moved(Complaint::APPEALED, Complaint::CLOSED), handlers);
  EXPECT_EQ(moved(Complaint::UPHELD, Complaint::APPEALED),
            (Owners{"complaints/c", "enterprises/a"}));
  EXPECT_EQ(moved(Complaint::DISMISSED, Complaint::APPEALED),
            (Owners{"complaints/c", "enterprises/b"}));
}

TEST(CheckOpenForUpdate, ADecidedComplaintStays) {
  for (int state = Complaint::FILED; state <= Complaint::CLOSED; ++state) {
    Complaint before = Make("");
    before.set_state(static_cast<Complaint::State>(state));
    Complaint after = before;
    EXPECT_THAT(CheckOpenForUpdate(before, after), IsOk());
    after.set_description("other");
    if (state == Complaint::FILED || state == Complaint::ACCEPTED ||
        state == Complaint::INVESTIGATING) {
      EXPECT_THAT(CheckOpenForUpdate(before, after), IsOk());
    } else {
      EXPECT_THAT(CheckOpenForUpdate(before, after),
                  Fails(StatusCode::kFailedPrecondition, "COMPLAINT_DECIDED"));
    }
  }
}

TEST(CompleteDecision, NotesWhoDecided) {
  const Complaint investigating = Make(std::string(kAccepted) + "state: INVESTIGATING");
  Complaint dismissed = Upheld("", "state: DISMISSED");
  CompleteDecision(investigating, "users/zhao", dismissed);
  EXPECT_EQ(dismissed.finding().decider(), "users/zhao");
  EXPECT_EQ(dismissed.finding().measure(), Complaint::DISMISSAL);

  const Complaint upheld = Upheld(kWarning);
  Complaint appealed = Upheld(kWarning, std::string(kAppeal) + "state: APPEALED");
  CompleteDecision(upheld, "users/qian", appealed);
  EXPECT_EQ(appealed.appeal().appellant(), "users/qian");
  EXPECT_EQ(appealed.finding().decider(), "users/li");

  Complaint decided = Decided(kWarning, "outcome: FINDING_CHANGED changed_finding {}");
  decided.clear_close_date();
  CompleteDecision(appealed, "users/sun", decided);
  EXPECT_EQ(decided.appeal_decision().decider(), "users/sun");
  EXPECT_EQ(decided.appeal_decision().changed_finding().decider(), "users/sun");
  EXPECT_EQ(decided.close_date().month(), 4);
  EXPECT_EQ(decided.finding().decider(), "users/li");

  Complaint closed = Upheld(kWarning, "state: CLOSED close_date { year: 2026 }");
  CompleteDecision(upheld, "users/sun", closed);
  EXPECT_EQ(closed.close_date().year(), 2026);
  EXPECT_FALSE(closed.has_appeal_decision());
}

TEST(FindingOn, HoldsFromTheDecisionOn) {
  const Complaint upheld = Upheld(kSuspension);
  EXPECT_FALSE(FindingOn(upheld, 20250131).has_value());
  const auto held = FindingOn(upheld, 20250201);
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(held->in_force.begin, 20250201);
  EXPECT_EQ(held->in_force.end, 20250801);
  EXPECT_FALSE(held->under_appeal);
  EXPECT_FALSE(FindingOn(Make(""), 20260101).has_value());
  EXPECT_FALSE(FindingOn(Upheld("measure: DISMISSAL", "state: DISMISSED"), 20260101).has_value());
}

TEST(FindingOn, IsSuspendedByAnAppealUntilItIsDecided) {
  const Complaint upheld = Decided(kSuspension, "outcome: FINDING_UPHELD");
  EXPECT_FALSE(FindingOn(upheld, 20250228)->under_appeal);
  EXPECT_TRUE(FindingOn(upheld, 20250301)->under_appeal);
  EXPECT_TRUE(FindingOn(upheld, 20250331)->under_appeal);
  EXPECT_FALSE(FindingOn(upheld, 20250401)->under_appeal);

  const Complaint quashed = Decided(kSuspension, "outcome: FINDING_QUASHED");
  EXPECT_FALSE(FindingOn(quashed, 20250228)->under_appeal);  // what held on that day
  EXPECT_FALSE(FindingOn(quashed, 20250401).has_value());

  const Complaint changed =
      Decided(kSuspension,
              "outcome: FINDING_CHANGED changed_finding { measure: WARNING decision_date { year: "
              "2025 month: 4 day: 1 } }");
  EXPECT_EQ(FindingOn(changed, 20250331)->finding->measure(), Complaint::SUSPENSION);
  EXPECT_EQ(FindingOn(changed, 20250401)->finding->measure(), Complaint::WARNING);
  EXPECT_EQ(FindingOn(changed, 20250401)->in_force.begin, 20250401);

  const Complaint reversed =
      Decided("measure: DISMISSAL",
              "outcome: FINDING_CHANGED changed_finding { measure: GUIDANCE decision_date { year: "
              "2025 month: 4 day: 1 } }");
  EXPECT_FALSE(FindingOn(reversed, 20250331).has_value());
  EXPECT_TRUE(FindingOn(reversed, 20250401).has_value());
}

}  // namespace
}  // namespace caravan::zones
