#include "services/fairs/sanction.h"

#include <string>
#include <vector>

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
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Parse;
using ::testing::SizeIs;
using v1::Application;
using v1::Inspection;
using v1::Sanction;

constexpr int64_t kToday = 20241017;

Inspection TheInspection() {
  return Parse<Inspection>(R"pb(
    name: "fairs/canton-136/inspections/1"
    application: "fairs/canton-136/applications/a"
    inspect_date { year: 2024 month: 10 day: 17 }
    violation: TRANSFER
    user_seen: "Another firm"
    documents: "documents/photo"
    inspector: "users/inspector")pb");
}

Application TheApplication() {
  return Parse<Application>(R"pb(
    name: "fairs/canton-136/applications/a"
    section: "fairs/canton-136/sections/toys"
    enterprise: "enterprises/x"
    state: POSITIONED)pb");
}

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

auto Refused(const char* reason) { return Fails(StatusCode::kFailedPrecondition, reason); }

TEST(SanctionTest, IsOnOne) {
  EXPECT_THAT(CheckSanction(Parse<Sanction>("delegation: 'delegations/d' scope: FAIR")), IsOk());
  EXPECT_THAT(CheckSanction(Parse<Sanction>("scope: FAIR")), Invalid({"enterprise"}));
  EXPECT_THAT(CheckSanction(Parse<Sanction>(
                  "enterprise: 'enterprises/x' delegation: 'delegations/d' scope: FAIR")),
              Invalid({"delegation"}));
}

TEST(SanctionTest, NamesASectionWhereItsScopeIsOne) {
  EXPECT_THAT(CheckSanction(Parse<Sanction>("enterprise: 'enterprises/x' scope: SECTION")),
              Invalid({"section_id"}));
  EXPECT_THAT(CheckSanction(Parse<Sanction>(
                  "enterprise: 'enterprises/x' scope: BRAND_BOOTHS section_id: 'toys'")),
              Invalid({"section_id"}));
}

TEST(SanctionTest, IsLiftedOnce) {
  Sanction sanction = Parse<Sanction>("name: 'sanctions/1'");
  ASSERT_THAT(Lift("a mistake", "users/chief", sanction), IsOk());
  EXPECT_TRUE(sanction.lifted());
  EXPECT_EQ(sanction.lift_reason(), "a mistake");
  EXPECT_EQ(sanction.lifter(), "users/chief");
  EXPECT_THAT(Lift("again", "users/other", sanction), Refused("SANCTION_LIFTED"));
  EXPECT_EQ(sanction.lifter(), "users/chief");
}

TEST(InspectionTest, HasEvidenceOfAViolation) {
  EXPECT_THAT(CheckInspection(TheInspection(), kToday), IsOk());
  Inspection inspection = TheInspection();
  inspection.clear_documents();
  EXPECT_THAT(CheckInspection(inspection, kToday), Invalid({"documents"}));
  inspection.clear_violation();
  EXPECT_THAT(CheckInspection(inspection, kToday), IsOk());
}

TEST(InspectionTest, IsOfItsEditionAndNotToCome) {
  EXPECT_THAT(CheckInspection(TheInspection(), kToday - 1), Invalid({"inspect_date"}));
  Inspection inspection = TheInspection();
  inspection.set_application("fairs/canton-135/applications/a");
  EXPECT_THAT(CheckInspection(inspection, kToday), Invalid({"application"}));
}

TEST(InspectionTest, IsOfAStand) {
  Application application = TheApplication();
  for (const auto state : {Application::POSITIONED, Application::USED, Application::VIOLATED}) {
    application.set_state(state);
    EXPECT_THAT(CheckInspected(TheInspection(), application), IsOk());
  }
  application.set_state(Application::CONFIRMED);
  EXPECT_THAT(CheckInspected(TheInspection(), application), Refused("NOT_POSITIONED"));
}

TEST(InspectionTest, IsChangedByItsInspectorUntilItIsSanctioned) {
  Inspection inspection = TheInspection();
  EXPECT_THAT(CheckInspectionOpen(inspection, "users/inspector"), IsOk());
  EXPECT_THAT(CheckInspectionOpen(inspection, "users/other"), Refused("OTHER_INSPECTOR"));
  inspection.set_sanctioned(true);
  EXPECT_THAT(CheckInspectionOpen(inspection, "users/inspector"), Refused("SANCTIONED"));
}

TEST(InspectionTest, IsSanctionedByAnotherOnceForAViolation) {
  Inspection inspection = TheInspection();
  const Application application = TheApplication();
  EXPECT_THAT(CheckSanctionable(inspection, application, "users/chief"), IsOk());
  EXPECT_THAT(CheckSanctionable(inspection, application, "users/inspector"), Refused("FOUR_EYES"));
  inspection.clear_violation();
  EXPECT_THAT(CheckSanctionable(inspection, application, "users/chief"), Refused("NO_VIOLATION"));
  inspection = TheInspection();
  inspection.set_sanctioned(true);
  EXPECT_THAT(CheckSanctionable(inspection, application, "users/chief"), Refused("SANCTIONED"));
}

TEST(SanctionRulesTest, CountEditionsFromTheNextOneOn) {
  v1::Fair fair = Parse<v1::Fair>(R"pb(
    edition: 136
    rules {
      sanctions { violation: ABSENCE section_editions: 1 }
      sanctions { violation: TRANSFER section_editions: 4 brand_editions: 15 }
    })pb");
  const std::vector<Sanction> both = SanctionsFor(TheInspection(), TheApplication(), fair);
  ASSERT_THAT(both, SizeIs(2));
  EXPECT_EQ(both[0].scope(), Sanction::SECTION);
  EXPECT_EQ(both[0].section_id(), "toys");
  EXPECT_EQ(both[0].first_edition(), 137);
  EXPECT_EQ(both[0].editions(), 4);
  EXPECT_EQ(both[0].enterprise(), "enterprises/x");
  EXPECT_EQ(both[0].inspection(), "fairs/canton-136/inspections/1");
  EXPECT_THAT(both[0].reason(), HasSubstr("TRANSFER"));
  EXPECT_EQ(both[1].scope(), Sanction::BRAND_BOOTHS);
  EXPECT_EQ(both[1].section_id(), "");
  EXPECT_EQ(both[1].editions(), 15);
  for (const Sanction& sanction : both) EXPECT_THAT(CheckSanction(sanction), IsOk());

  Inspection absence = TheInspection();
  absence.set_violation(v1::ABSENCE);
  EXPECT_THAT(SanctionsFor(absence, TheApplication(), fair), SizeIs(1));
  absence.set_violation(v1::INFRINGEMENT);
  EXPECT_THAT(SanctionsFor(absence, TheApplication(), fair), IsEmpty());
  Application zone = TheApplication();
  zone.clear_enterprise();
  EXPECT_THAT(SanctionsFor(TheInspection(), zone, fair), IsEmpty());
}

}  // namespace
}  // namespace caravan::fairs
