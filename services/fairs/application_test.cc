#include "services/fairs/application.h"

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using testing::Parse;
using v1::Application;

v1::Fair Edition() {
  return Parse<v1::Fair>(
      "name: 'fairs/f' edition: 136 rules { "
      "  brand_criteria { id: 'marks' title: 'M' maximum: '10' } "
      "  general_criteria { id: 'exports' title: 'E' maximum: '35' } "
      "  general_criteria { id: 'research' title: 'R' maximum: '12.5' } "
      "  host_booths: 3 host_partners: 2 } "
      "screening_due_date { year: 2026 month: 12 day: 1 } "
      "renewal_due_date { year: 2026 month: 12 day: 5 }");
}

v1::Section Section() {
  return Parse<v1::Section>(
      "name: 'fairs/f/sections/s' phase: '1' kind: REGULAR product_groups { id: 'lamps' }");
}

// An application that is as it should be, with more.
Application General(const std::string& more = "") {
  Application application = Parse<Application>(
      "name: 'fairs/f/applications/a' section: 'fairs/f/sections/s' kind: GENERAL "
      "enterprise: 'enterprises/e' delegation: 'delegations/d' trade: PRODUCER "
      "minimum_booths: 1 maximum_booths: 3 stand_type: STANDARD state: DRAFT");
  application.MergeFrom(Parse<Application>(more));
  return application;
}

Application Special(const std::string& more) {
  return Parse<Application>(
      "name: 'fairs/f/applications/a' section: 'fairs/f/sections/s' kind: SPECIAL "
      "minimum_booths: 1 maximum_booths: 3 " +
      more);
}

absl::Status Check(const Application& application) {
  return CheckApplication(application, Edition(), Section());
}

TEST(Application, PseudonymsAre128BitsAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const auto pseudonym = NewPseudonym();
    ASSERT_THAT(pseudonym, IsOk());
    EXPECT_THAT(*pseudonym, ::testing::MatchesRegex("[0-9a-f]{32}"));
    seen.insert(*pseudonym);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

TEST(Application, KindsHaveTheirExhibitors) {
  EXPECT_THAT(Check(General()), IsOk());
  Application bare = General();
  bare.clear_enterprise();
  bare.clear_delegation();
  bare.clear_trade();
  EXPECT_THAT(Check(bare), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                                   Fields({"enterprise", "delegation", "trade"})));
  EXPECT_THAT(Check(General("pilot_zone: 'pilotZones/hangzhou'")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"pilot_zone"})));
  EXPECT_THAT(Check(Special("")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"enterprise"})));
  EXPECT_THAT(Check(Special("warehouse: 'warehouses/w'")), IsOk());
  EXPECT_THAT(
      Check(Special("warehouse: 'warehouses/w' platform: 'platforms/p'")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"platform", "warehouse"})));
  EXPECT_EQ(ExhibitorOf(Special("warehouse: 'warehouses/w'")), "warehouses/w");
  EXPECT_EQ(ExhibitorOf(General()), "enterprises/e");
}

TEST(Application, PlacesAndNumbersFit) {
  EXPECT_THAT(Check(General("product_group: 'lamps'")), IsOk());
  EXPECT_THAT(Check(General("product_group: 'toys'")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"product_group"})));
  EXPECT_THAT(Check(General("minimum_booths: 4")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"minimum_booths"})));
  v1::Section other = Section();
  other.set_name("fairs/g/sections/s");
  EXPECT_THAT(CheckApplication(General(), Edition(), other),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"section"})));
  EXPECT_THAT(
      Check(General("joint_partners: 'enterprises/p' joint_partners: 'enterprises/e'")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"joint_partners[1]"})));
  EXPECT_THAT(Check(General("renewal: true state: ALLOTTED")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"renewal"})));
  EXPECT_THAT(Check(General("kind: BRAND renewal: true")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"renewal"})));
  EXPECT_THAT(Check(General("kind: BRAND renewal: true state: ALLOTTED")), IsOk());
}

TEST(Application, ClaimsAreOfTheKindsCriteriaWithinTheirMaxima) {
  EXPECT_THAT(Check(General("claimed_points { criterion: 'research' points: '12.5' }")), IsOk());
  EXPECT_THAT(Check(General("claimed_points { criterion: 'research' points: '12.501' } "
                            "claimed_points { criterion: 'marks' points: '1' } "
                            "claimed_points { criterion: 'exports' points: '35' } "
                            "claimed_points { criterion: 'exports' points: '0' }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"claimed_points[0].points", "claimed_points[1].criterion",
                              "claimed_points[3].criterion"})));
  EXPECT_THAT(Check(General("verified_points { criterion: 'exports' points: '36' }")),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"verified_points[0].points"})));
  EXPECT_THAT(
      Check(Special("platform: 'platforms/p' claimed_points { criterion: 'exports' points: '1' }")),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
              Fields({"claimed_points[0].criterion"})));
}

TEST(Application, WhatIsSubmittedStays) {
  const Application draft = General();
  Application after = draft;
  after.set_maximum_booths(2);
  EXPECT_THAT(CheckUpdate(draft, after), IsOk());
  for (const char* state : {"SUBMITTED", "SCORED", "WAITLISTED", "ALLOTTED"}) {
    const Application before =
        General(std::string("joint_partners: 'enterprises/p' joint_partners: 'enterprises/q' "
                            "fascia: 'F' state: ") +
                state);
    after = before;
    after.set_fascia("G");
    after.mutable_joint_partners()->DeleteSubrange(0, 1);
    EXPECT_THAT(CheckUpdate(before, after), IsOk()) << state;
    after.set_maximum_booths(2);
    after.set_joint_partners(0, "enterprises/r");
    EXPECT_THAT(CheckUpdate(before, after),
                FailsAt(StatusCode::kFailedPrecondition, "APPLICATION_SUBMITTED",
                        Fields({"maximum_booths", "joint_partners"})))
        << state;
  }
  for (const char* state : {"CONFIRMED", "POSITIONED", "USED", "REJECTED", "WITHDRAWN"}) {
    const Application before = General(std::string("state: ") + state);
    after = before;
    EXPECT_THAT(CheckUpdate(before, after), IsOk()) << state;
    EXPECT_FALSE(ChangesEntry(before, after));
    after.set_fascia("G");
    EXPECT_TRUE(ChangesEntry(before, after));
    EXPECT_THAT(CheckUpdate(before, after), FailsAt(StatusCode::kFailedPrecondition,
                                                    "APPLICATION_SUBMITTED", Fields({"fascia"})))
        << state;
  }
  // What the service sets is no entry.
  after = draft;
  after.set_score("3");
  EXPECT_FALSE(ChangesEntry(draft, after));
  EXPECT_THAT(CheckDelete(General()), IsOk());
  EXPECT_THAT(CheckDelete(General("state: WITHDRAWN")), IsOk());
  EXPECT_THAT(CheckDelete(General("state: SCORED")),
              Fails(StatusCode::kFailedPrecondition, "APPLICATION_SUBMITTED"));
}

TEST(Application, ScreeningCoversEveryCriterion) {
  const v1::Rules rules = Edition().rules();
  EXPECT_THAT(CheckScreening(General("verified_points { criterion: 'exports' points: '35' } "
                                     "verified_points { criterion: 'research' points: '0' }"),
                             rules),
              IsOk());
  EXPECT_THAT(
      CheckScreening(General("verified_points { criterion: 'exports' points: '35.5' }"), rules),
      FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
              Fields({"verified_points[0].points", "verified_points"})));
  EXPECT_THAT(CheckScreening(Special("platform: 'platforms/p'"), rules), IsOk());
}

TEST(Application, TheScoreIsTheExactSumOfWhatWasRechecked) {
  const v1::Rules rules = Edition().rules();
  Application application = General(
      "verified_points { criterion: 'exports' points: '0.1' } "
      "verified_points { criterion: 'research' points: '0.2' note: 'd' }");
  ASSERT_THAT(Score(rules, application), IsOk());
  EXPECT_EQ(application.score(), "0.3");
  *application.add_rechecked_points() =
      Parse<v1::VerifiedPoints>("criterion: 'research' points: '10.001' note: 'c'");
  ASSERT_THAT(Score(rules, application), IsOk());
  EXPECT_EQ(application.score(), "10.101");
  EXPECT_EQ(application.verified_points(1).note(), "c");
  application.mutable_rechecked_points(0)->set_points("12.6");
  EXPECT_THAT(Score(rules, application), FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                                                 Fields({"rechecked_points[0].points"})));
  // One that was loaded as SCREENED may lack points.
  application = General("verified_points { criterion: 'exports' points: '1' }");
  EXPECT_THAT(Score(rules, application),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"verified_points"})));
  Application special = Special("platform: 'platforms/p'");
  ASSERT_THAT(Score(rules, special), IsOk());
  EXPECT_EQ(special.score(), "0");
}

TEST(Application, BoothsAreConfirmedInTimeAndForfeitedAfter) {
  const v1::Rules rules = Edition().rules();
  Application allotted = General(
      "state: ALLOTTED allotted_booths: 2 "
      "confirmation_due_date { year: 2026 month: 12 day: 5 }");
  EXPECT_THAT(CheckConfirmation(allotted, rules, 20261205), IsOk());
  EXPECT_THAT(CheckConfirmation(allotted, rules, 20261206),
              Fails(StatusCode::kFailedPrecondition, "CONFIRMATION_LATE"));
  EXPECT_THAT(CheckForfeit(allotted, 20261205),
              Fails(StatusCode::kFailedPrecondition, "CONFIRMATION_NOT_DUE"));
  EXPECT_THAT(CheckForfeit(allotted, 20261206), IsOk());
  allotted.add_joint_partners("enterprises/p");
  EXPECT_THAT(
      CheckConfirmation(allotted, rules, 20261205),
      FailsAt(StatusCode::kFailedPrecondition, "PARTNERS_NOT_HOSTED", Fields({"joint_partners"})));
  allotted.set_allotted_booths(3);
  EXPECT_THAT(CheckConfirmation(allotted, rules, 20261205), IsOk());
}

TEST(Application, ARegisterFitsItsStates) {
  const auto load = [](const std::string& more) {
    Application after = General(more);
    CompleteLoaded(nullptr, Edition(), after);
    return CheckLoaded(nullptr, after);
  };
  EXPECT_THAT(load("state: SCORED score: '87.5'"), IsOk());
  EXPECT_THAT(load("state: SCORED"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"score"})));
  EXPECT_THAT(load("state: SCORED score: 'x'"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"score"})));
  EXPECT_THAT(load("state: SCORED score: '3' "
                   "verified_points { criterion: 'exports' points: '2' }"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"score"})));
  EXPECT_THAT(load("state: SCORED score: '3' allotted_booths: 1"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"allotted_booths"})));
  EXPECT_THAT(load("state: ALLOTTED score: '3'"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS",
                      Fields({"allotted_booths", "confirmation_due_date"})));
  EXPECT_THAT(load("state: CONFIRMED score: '3' allotted_booths: 2"), IsOk());
  EXPECT_THAT(load("state: POSITIONED score: '3' allotted_booths: 2"),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"state"})));
  EXPECT_THAT(load("kind: BRAND renewal: true state: ALLOTTED allotted_booths: 4"), IsOk());
  Application renewal = General("kind: BRAND renewal: true state: ALLOTTED allotted_booths: 4");
  CompleteLoaded(nullptr, Edition(), renewal);
  EXPECT_EQ(renewal.confirmation_due_date().day(), 5);
}

TEST(Application, LoadingLeavesPseudonymAndStand) {
  const Application before = General(
      "state: POSITIONED allotted_booths: 2 pseudonym: 'p' allocation: 'fairs/f/allocations/1' "
      "score: '3' position { hall: 'fairs/f/halls/1.1' cells: '1.1A01' } changes { reason: 'r' }");
  Application after = General("state: POSITIONED allotted_booths: 2 score: '4'");
  CompleteLoaded(&before, Edition(), after);
  EXPECT_THAT(CheckLoaded(&before, after), IsOk());
  EXPECT_EQ(after.pseudonym(), "p");
  EXPECT_EQ(after.allocation(), "fairs/f/allocations/1");
  EXPECT_EQ(after.position().cells(0), "1.1A01");
  EXPECT_EQ(after.changes_size(), 1);
  after = General("state: RETURNED");
  CompleteLoaded(&before, Edition(), after);
  EXPECT_THAT(CheckLoaded(&before, after),
              FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({"state"})));
}

TEST(Application, EachMoveTakesAConsentOfItsOwn) {
  Application application = General(
      "state: POSITIONED changes { consent: 'documents/a' } changes { consent: 'documents/b' }");
  EXPECT_THAT(CheckMovable(application, "documents/c"), IsOk());
  EXPECT_THAT(CheckMovable(application, "documents/a"),
              Fails(StatusCode::kFailedPrecondition, "CONSENT_MISSING"));
  while (application.changes_size() < 99) application.add_changes();
  EXPECT_THAT(CheckMovable(application, "documents/c"), IsOk());
  application.add_changes();
  EXPECT_THAT(CheckMovable(application, "documents/c"),
              Fails(StatusCode::kFailedPrecondition, "CHANGES_EXHAUSTED"));
  for (const char* state : {"CONFIRMED", "USED", "RETURNED"}) {
    EXPECT_THAT(CheckMovable(General(std::string("state: ") + state), "documents/c"),
                Fails(StatusCode::kFailedPrecondition, "NOT_POSITIONED"))
        << state;
  }
}

}  // namespace
}  // namespace caravan::fairs
