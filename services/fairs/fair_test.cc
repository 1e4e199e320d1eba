#include "services/fairs/fair.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/lottery.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::HasSubstr;
using testing::Parse;
using v1::Fair;

constexpr char kSecret[] = "a secret of the organiser";

Fair TheFair() {
  return Parse<Fair>(R"pb(
    name: "fairs/canton-136"
    edition: 136
    state: PLANNED
    phases {
      id: "1"
      title: "Electronics"
      start_date { year: 2024 month: 10 day: 15 }
      end_date { year: 2024 month: 10 day: 19 }
    }
    phases {
      id: "2"
      title: "Gifts"
      start_date { year: 2024 month: 10 day: 23 }
      end_date { year: 2024 month: 10 day: 27 }
    }
    application_due_date { year: 2024 month: 6 day: 30 }
    screening_due_date { year: 2024 month: 7 day: 20 }
    renewal_due_date { year: 2024 month: 6 day: 20 }
    rules {
      brand_criteria { id: "marks" title: "Trademarks" maximum: "10" }
      general_criteria { id: "exports" title: "Exports" maximum: "35" }
      general_criteria { id: "research" title: "Research" maximum: "12.5" }
      brand_quantity { method: RANKED }
      general_quantity { method: SCORE_STEP base: "20" }
      quota_method: D_HONDT
      newcomer_divisor: 4
      newcomer_maximum: 2
      firm_cap: 10
      host_booths: 3
      host_partners: 2
      tiers: [ "80", "60.5", "60.499" ]
      sanctions { violation: TRANSFER section_editions: 4 brand_editions: 15 }
      confirmation_days: 10
      objection_days: 5
      report_days: 90
    })pb");
}

absl::Status Check(void (*change)(Fair& fair)) {
  Fair fair = TheFair();
  change(fair);
  return CheckFair(fair);
}

auto Invalid(std::initializer_list<std::string> fields) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields(fields));
}

auto Refused(const char* reason) { return Fails(StatusCode::kFailedPrecondition, reason); }

TEST(FairTest, OfPhasesInOrderIsFine) { EXPECT_THAT(CheckFair(TheFair()), IsOk()); }

TEST(FairTest, PhasesAreInOrderAndApart) {
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_phases()->SwapElements(0, 1); }),
              Invalid({"phases[1].start_date"}));
  const absl::Status s = Check([](Fair& fair) {
    fair.mutable_phases(1)->mutable_start_date()->set_day(19);
    fair.mutable_phases(1)->set_id("1");
  });
  EXPECT_THAT(s, Invalid({"phases[1].id", "phases[1].start_date"}));
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_phases(1)->mutable_end_date()->set_day(22); }),
              Invalid({"phases[1].end_date"}));
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_phases(0)->mutable_end_date()->set_day(0); }),
              Invalid({"phases[0].end_date"}));
}

TEST(FairTest, DueDatesAreInOrderAndBeforeTheFair) {
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_screening_due_date()->set_month(6); }),
              Invalid({"screening_due_date"}));
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_renewal_due_date()->set_month(11); }),
              Invalid({"renewal_due_date"}));
  EXPECT_THAT(
      Check([](Fair& fair) { *fair.mutable_screening_due_date() = fair.phases(0).start_date(); }),
      Invalid({"screening_due_date"}));
}

TEST(RulesTest, CriteriaHaveIdsAndPoints) {
  EXPECT_THAT(Check([](Fair& fair) {
                fair.mutable_rules()->mutable_general_criteria(1)->set_id("exports");
                fair.mutable_rules()->mutable_brand_criteria(0)->set_maximum("0.000");
              }),
              Invalid({"rules.brand_criteria[0].maximum", "rules.general_criteria[1].id"}));
  // What both kinds of applications are scored by may go by one id.
  EXPECT_THAT(
      Check([](Fair& fair) { fair.mutable_rules()->mutable_brand_criteria(0)->set_id("exports"); }),
      IsOk());
}

TEST(RulesTest, TiersDescend) {
  const absl::Status s = Check([](Fair& fair) { fair.mutable_rules()->set_tiers(1, "80.000"); });
  EXPECT_THAT(s, Invalid({"rules.tiers[1]"}));
  EXPECT_THAT(std::string(s.message()), HasSubstr("80.000"));
}

TEST(RulesTest, NumbersGoTogether) {
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_rules()->set_newcomer_maximum(0); }),
              Invalid({"rules.newcomer_maximum"}));
  EXPECT_THAT(Check([](Fair& fair) {
                fair.mutable_rules()->set_newcomer_maximum(0);
                fair.mutable_rules()->set_newcomer_divisor(0);
              }),
              IsOk());
  EXPECT_THAT(Check([](Fair& fair) { fair.mutable_rules()->set_host_booths(0); }),
              Invalid({"rules.host_booths"}));
  EXPECT_THAT(Check([](Fair& fair) {
                fair.mutable_rules()->mutable_brand_quantity()->set_base("1");
                *fair.mutable_rules()->add_sanctions() = fair.rules().sanctions(0);
              }),
              Invalid({"rules.brand_quantity.base", "rules.sanctions[1].violation"}));
}

TEST(RulesTest, ChangeUntilApplicationsAreClosed) {
  Fair before = TheFair(), after = TheFair();
  after.mutable_rules()->set_firm_cap(9);
  EXPECT_THAT(CheckRulesChange(before, after), IsOk());
  before.set_state(Fair::OPEN);
  EXPECT_THAT(CheckRulesChange(before, after), IsOk());
  before.set_state(Fair::SCORING);
  EXPECT_THAT(CheckRulesChange(before, after),
              FailsAt(StatusCode::kFailedPrecondition, "RULES_IN_FORCE", Fields({"rules"})));
  after = before;
  after.set_title("Another");
  EXPECT_THAT(CheckRulesChange(before, after), IsOk());
}

TEST(EditionTest, ChangesWhileTheFairIsPlanned) {
  Fair before = TheFair(), after = TheFair();
  after.set_edition(before.edition() + 1);
  EXPECT_THAT(CheckEditionChange(before, after), IsOk());
  before.set_state(Fair::OPEN);
  EXPECT_THAT(CheckEditionChange(before, after),
              FailsAt(StatusCode::kFailedPrecondition, "EDITION_IN_FORCE", Fields({"edition"})));
  after = before;
  after.set_title("Another");
  EXPECT_THAT(CheckEditionChange(before, after), IsOk());
}

v1::CommitLotteryRequest CommitRequest(v1::Stage stage) {
  v1::CommitLotteryRequest request;
  request.set_stage(stage);
  request.set_commitment(LotteryCommitment(kSecret));
  return request;
}

TEST(LotteryTest, IsCommittedToOnceForEachStageBeforeTheFairOpens) {
  Fair fair = TheFair();
  EXPECT_THAT(CheckOpening(fair), Refused("LOTTERY_NOT_COMMITTED"));
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  ASSERT_THAT(Commit(CommitRequest(v1::BRAND), now, fair), IsOk());
  EXPECT_EQ(fair.draws(0).commit_time().seconds(), 1'700'000'000);
  EXPECT_THAT(Commit(CommitRequest(v1::BRAND), now, fair), Refused("LOTTERY_COMMITTED"));
  ASSERT_THAT(Commit(CommitRequest(v1::PLACEMENT), now, fair), IsOk());
  const absl::Status s = CheckOpening(fair);
  EXPECT_THAT(s, Refused("LOTTERY_NOT_COMMITTED"));
  EXPECT_THAT(std::string(s.message()), HasSubstr("lacks for GENERAL"));
  ASSERT_THAT(Commit(CommitRequest(v1::GENERAL), now, fair), IsOk());
  EXPECT_THAT(CheckOpening(fair), IsOk());
  fair.set_state(Fair::OPEN);
  EXPECT_THAT(Commit(CommitRequest(v1::BRAND), now, fair), Refused("FAIR_NOT_PLANNED"));
}

class RevealTest : public ::testing::Test {
 protected:
  RevealTest() {
    EXPECT_THAT(Commit(CommitRequest(v1::GENERAL), now_ - absl::Hours(99), fair_), IsOk());
    first_ = Parse<v1::Snapshot>(R"pb(name: "fairs/canton-136/snapshots/1"
                                      digest: "00ff"
                                      freeze_time { seconds: 1720000000 })pb");
    request_ = Parse<v1::RevealLotteryRequest>(R"pb(stage: GENERAL
                                                    public_value: "4 7 1"
                                                    public_source: "3D, draw 2024233"
                                                    public_time { seconds: 1720000001 })pb");
    request_.set_secret(kSecret);
  }

  absl::Status Draw() { return Reveal(request_, &first_, now_, fair_); }

  const absl::Time now_ = absl::FromUnixSeconds(1'720'000'002);
  Fair fair_ = TheFair();
  v1::Snapshot first_;
  v1::RevealLotteryRequest request_;
};

TEST_F(RevealTest, MakesTheSeedThatAnybodyCanCheck) {
  ASSERT_THAT(Draw(), IsOk());
  const Fair::Draw& draw = *FindDraw(fair_, v1::GENERAL);
  EXPECT_EQ(draw.seed(), LotterySeed(kSecret, "00ff", "4 7 1"));
  EXPECT_EQ(draw.secret(), kSecret);
  EXPECT_EQ(draw.snapshot(), first_.name());
  EXPECT_EQ(draw.inputs_digest(), "00ff");
  EXPECT_EQ(draw.public_source(), "3D, draw 2024233");
  EXPECT_EQ(draw.public_time().seconds(), 1'720'000'001);
  EXPECT_EQ(draw.reveal_time().seconds(), 1'720'000'002);
  EXPECT_THAT(Draw(), Refused("LOTTERY_DRAWN"));
}

TEST_F(RevealTest, NeedsACommitment) {
  request_.set_stage(v1::BRAND);
  EXPECT_THAT(Draw(), Refused("LOTTERY_NOT_COMMITTED"));
}

TEST_F(RevealTest, NeedsFrozenInputs) {
  EXPECT_THAT(Reveal(request_, nullptr, now_, fair_), Refused("INPUTS_NOT_FROZEN"));
}

TEST_F(RevealTest, TakesTheSecretThatWasCommittedTo) {
  request_.set_secret("another secret of the organiser");
  EXPECT_THAT(Draw(),
              FailsAt(StatusCode::kFailedPrecondition, "SECRET_MISMATCH", Fields({"secret"})));
  EXPECT_EQ(FindDraw(fair_, v1::GENERAL)->seed(), "");
}

TEST_F(RevealTest, TakesAValueThatNobodyKnewAtTheFreeze) {
  request_.mutable_public_time()->set_seconds(1'720'000'000);
  EXPECT_THAT(Draw(), FailsAt(StatusCode::kFailedPrecondition, "PUBLIC_VALUE_TOO_EARLY",
                              Fields({"public_time"})));
  request_.mutable_public_time()->set_seconds(1'720'000'003);
  EXPECT_THAT(Draw(), Invalid({"public_time"}));
}

}  // namespace
}  // namespace caravan::fairs
