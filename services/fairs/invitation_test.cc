#include "services/fairs/invitation.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/date.h"
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
using v1::Fair;
using v1::Invitation;
using v1::Section;

Fair TheFair() {
  return Parse<Fair>(R"pb(
    name: "fairs/canton-136"
    phases {
      id: "1"
      start_date { year: 2024 month: 10 day: 15 }
      end_date { year: 2024 month: 10 day: 19 }
    }
    rules { report_days: 90 })pb");
}

Section TheSection() {
  return Parse<Section>(R"pb(name: "fairs/canton-136/sections/cbec" phase: "1" kind: SPECIAL)pb");
}

Invitation TheInvitation() {
  return Parse<Invitation>(R"pb(
    name: "fairs/canton-136/invitations/1"
    section: "fairs/canton-136/sections/cbec"
    pilot_zone: "pilotZones/hangzhou"
    booths: 4
    reply_due_date { year: 2024 month: 10 day: 14 }
    state: INVITED)pb");
}

absl::Status Settle(void (*change)(Invitation& invitation)) {
  Invitation invitation = TheInvitation();
  change(invitation);
  return SettleInvitation(TheFair(), TheSection(), invitation);
}

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

TEST(InvitationTest, ReportsSoManyDaysAfterThePhase) {
  Invitation invitation = TheInvitation();
  ASSERT_THAT(SettleInvitation(TheFair(), TheSection(), invitation), IsOk());
  EXPECT_EQ(api::FormatDate(invitation.report_due_date()), "2025-01-17");
}

TEST(InvitationTest, InvitesOne) {
  EXPECT_THAT(Settle([](Invitation& i) { i.clear_pilot_zone(); }), Invalid({"enterprise"}));
  EXPECT_THAT(Settle([](Invitation& i) { i.set_enterprise("enterprises/x"); }),
              Invalid({"pilot_zone"}));
  EXPECT_THAT(Settle([](Invitation& i) {
                i.clear_pilot_zone();
                i.set_warehouse("warehouses/duisburg");
              }),
              IsOk());
  for (const char* warehouse : {"warehouses/", "warehouses/a/b", "duisburg"}) {
    Invitation invitation = TheInvitation();
    invitation.clear_pilot_zone();
    invitation.set_warehouse(warehouse);
    EXPECT_THAT(SettleInvitation(TheFair(), TheSection(), invitation), Invalid({"warehouse"}));
  }
}

TEST(InvitationTest, IsToASpecialSectionOfItsEdition) {
  Section section = TheSection();
  section.set_kind(Section::REGULAR);
  Invitation invitation = TheInvitation();
  EXPECT_THAT(SettleInvitation(TheFair(), section, invitation), Invalid({"section"}));
  EXPECT_THAT(Settle([](Invitation& i) { i.set_section("fairs/canton-135/sections/cbec"); }),
              Invalid({"section"}));
}

TEST(InvitationTest, IsRepliedToBeforeThePhase) {
  EXPECT_THAT(Settle([](Invitation& i) { i.mutable_reply_due_date()->set_day(15); }),
              Invalid({"reply_due_date"}));
  EXPECT_THAT(Settle([](Invitation& i) { i.mutable_reply_due_date()->set_day(0); }),
              Invalid({"reply_due_date"}));
}

TEST(InvitationTest, OffersTheSameOnceItIsAnswered) {
  Invitation before = TheInvitation(), after = TheInvitation();
  after.set_booths(5);
  EXPECT_THAT(CheckOffer(before, after), IsOk());
  before.set_state(Invitation::ACCEPTED);
  EXPECT_THAT(CheckOffer(before, after),
              Fails(StatusCode::kFailedPrecondition, "INVITATION_ANSWERED"));
  EXPECT_THAT(CheckOffer(before, before), IsOk());
}

TEST(InvitationTest, StepsHaveTheirDays) {
  Invitation invitation = TheInvitation();
  ASSERT_THAT(SettleInvitation(TheFair(), TheSection(), invitation), IsOk());
  const auto step = [&](Invitation::State state, int64_t day) {
    invitation.set_state(state);
    return CheckInvitationStep(invitation, TheFair().phases(0), day);
  };
  const auto refused = [](const char* reason) {
    return Fails(StatusCode::kFailedPrecondition, reason);
  };
  EXPECT_THAT(step(Invitation::ACCEPTED, 20241014), IsOk());
  EXPECT_THAT(step(Invitation::ACCEPTED, 20241015), refused("INVITATION_EXPIRED"));
  EXPECT_THAT(step(Invitation::DECLINED, 20241015), IsOk());
  EXPECT_THAT(step(Invitation::LAPSED, 20241014), refused("REPLY_NOT_DUE"));
  EXPECT_THAT(step(Invitation::LAPSED, 20241015), IsOk());
  EXPECT_THAT(step(Invitation::REPORTED, 20241014), refused("REPORT_TOO_EARLY"));
  EXPECT_THAT(step(Invitation::REPORTED, 20241015), IsOk());
  EXPECT_THAT(step(Invitation::REPORTED, 20250117), IsOk());
  EXPECT_THAT(step(Invitation::REPORTED, 20250118), refused("REPORT_LATE"));
}

}  // namespace
}  // namespace caravan::fairs
