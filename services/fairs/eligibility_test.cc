#include "services/fairs/eligibility.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/testing/status_matchers.h"
#include "services/fairs/testing/messages.h"

namespace caravan::fairs {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Parse;
using v1::Application;
using v1::Sanction;
using zones::v1::ComplianceStanding;
using zones::v1::Enterprise;
using Response = v1::CheckApplicationResponse;

constexpr char kFirm[] = "enterprises/e";
constexpr char kPartner[] = "enterprises/p";

// A producer's application that meets every condition, to be spoilt.
class EligibilityTest : public ::testing::Test {
 protected:
  EligibilityTest() {
    facts_.today = 20261123;
    facts_.fair = &fair_;
    facts_.section = &section_;
    facts_.firms = {{.name = kFirm,
                     .state = Enterprise::ACTIVE,
                     .roles = {Enterprise::PRODUCER},
                     .standing = ComplianceStanding::GOOD}};
  }

  // Makes it a distributor's with one joint partner.
  void Host() {
    application_.set_trade(Application::DISTRIBUTOR);
    application_.set_prior_year_exports_usd(1'500'000);
    application_.add_joint_partners(kPartner);
    facts_.firms[0].roles = {Enterprise::DISTRIBUTOR};
    facts_.firms.push_back({.name = kPartner,
                            .state = Enterprise::ACTIVE,
                            .roles = {Enterprise::SELLER, Enterprise::PRODUCER},
                            .standing = ComplianceStanding::GOOD});
  }

  Sanction& AddSanction(const std::string& text, const std::string& firm = kFirm) {
    Sanction& sanction = facts_.sanctions.emplace_back(Parse<Sanction>(text));
    sanction.set_name("sanctions/x");
    sanction.set_enterprise(firm);
    return sanction;
  }

  // The reasons of what is not met.
  std::vector<std::string> Failed() const {
    std::vector<std::string> failed;
    const Response checked = CheckEligibility(application_, facts_);
    for (const auto& condition : checked.conditions()) {
      EXPECT_FALSE(condition.explanation().empty());
      if (!condition.met()) failed.push_back(condition.reason());
    }
    EXPECT_EQ(checked.eligible(), failed.empty());
    return failed;
  }

  v1::Fair fair_ = Parse<v1::Fair>(
      "name: 'fairs/f' edition: 136 state: OPEN "
      "application_due_date { year: 2026 month: 11 day: 23 } "
      "rules { producer_exports_usd: 750000 distributor_exports_usd: 1500000 "
      "  newcomer_divisor: 4 firm_cap: 10 host_booths: 3 host_partners: 2 }");
  v1::Section section_ =
      Parse<v1::Section>("name: 'fairs/f/sections/lighting' kind: REGULAR brand_minimum: 4");
  Application application_ = Parse<Application>(
      "name: 'fairs/f/applications/a' section: 'fairs/f/sections/lighting' kind: GENERAL "
      "enterprise: 'enterprises/e' trade: PRODUCER minimum_booths: 1 maximum_booths: 10 "
      "prior_year_exports_usd: 750000 export_documents: 'documents/d' state: DRAFT");
  EligibilityFacts facts_;
};

TEST_F(EligibilityTest, AllConditionsAreNamedInOrder) {
  const Response checked = CheckEligibility(application_, facts_);
  EXPECT_TRUE(checked.eligible());
  EXPECT_FALSE(checked.newcomer());
  std::vector<std::string> reasons;
  for (const auto& condition : checked.conditions()) reasons.push_back(condition.reason());
  EXPECT_THAT(reasons, ElementsAre("FAIR_NOT_OPEN", "SECTION_CLOSED", "ENTERPRISE_NOT_ACTIVE",
                                   "TRADE_ROLE_MISSING", "STANDING_NOT_GOOD", "SANCTIONED",
                                   "BELOW_THRESHOLD", "EVIDENCE_MISSING", "ABOVE_CAP",
                                   "PARTNER_EXHIBITS", "BRAND_HOLDER"));
  EXPECT_THAT(ToStatus(application_, checked), IsOk());
  EXPECT_EQ(ExclusionOf(checked), "");
}

TEST_F(EligibilityTest, TheFairIsOpenUntilItsDay) {
  facts_.today = 20261124;
  EXPECT_THAT(Failed(), ElementsAre("FAIR_NOT_OPEN"));
  facts_.today = 20261123;
  fair_.set_state(v1::Fair::SCORING);
  EXPECT_THAT(Failed(), ElementsAre("FAIR_NOT_OPEN"));
  // Which keeps nobody out of a run.
  EXPECT_EQ(ExclusionOf(CheckEligibility(application_, facts_)), "");
}

TEST_F(EligibilityTest, SectionsTakeTheirKind) {
  section_.set_kind(v1::Section::SPECIAL);
  EXPECT_THAT(Failed(), ElementsAre("SECTION_CLOSED"));
  application_ = Parse<Application>("kind: SPECIAL pilot_zone: 'pilotZones/hangzhou' state: DRAFT");
  EXPECT_THAT(Failed(), IsEmpty());
  // A firm there answers for itself, but needs no trade and no exports.
  application_.clear_pilot_zone();
  application_.set_enterprise(kFirm);
  EXPECT_THAT(Failed(), IsEmpty());
  facts_.firms[0].standing = ComplianceStanding::WARNED;
  EXPECT_THAT(Failed(), ElementsAre("STANDING_NOT_GOOD"));
}

TEST_F(EligibilityTest, FirmsAreActiveInTheirRoleAndOfGoodStanding) {
  facts_.firms[0].state = Enterprise::SUSPENDED;
  facts_.firms[0].standing = ComplianceStanding::BARRED;
  facts_.firms[0].roles = {Enterprise::DISTRIBUTOR};
  EXPECT_THAT(Failed(),
              ElementsAre("ENTERPRISE_NOT_ACTIVE", "TRADE_ROLE_MISSING", "STANDING_NOT_GOOD"));
  const absl::Status status = ToStatus(application_, CheckEligibility(application_, facts_));
  EXPECT_THAT(status, Fails(StatusCode::kFailedPrecondition, "NOT_ELIGIBLE"));
  for (const char* seen : {"SUSPENDED", "BARRED", "DISTRIBUTOR"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(seen));
  }
  facts_.firms.clear();
  EXPECT_THAT(Failed(),
              ElementsAre("ENTERPRISE_NOT_ACTIVE", "TRADE_ROLE_MISSING", "STANDING_NOT_GOOD"));
}

TEST_F(EligibilityTest, SanctionsAreCountedInEditions) {
  Sanction& sanction =
      AddSanction("scope: SECTION section_id: 'lighting' first_edition: 133 editions: 4");
  EXPECT_THAT(Failed(), ElementsAre("SANCTIONED"));  // the last of four
  sanction.set_editions(3);
  EXPECT_THAT(Failed(), IsEmpty());
  sanction.set_first_edition(136);
  EXPECT_THAT(Failed(), ElementsAre("SANCTIONED"));
  sanction.set_first_edition(137);
  EXPECT_THAT(Failed(), IsEmpty());
  sanction.set_first_edition(136);
  sanction.set_lifted(true);
  EXPECT_THAT(Failed(), IsEmpty());
  sanction.set_lifted(false);
  sanction.set_section_id("toys");
  EXPECT_THAT(Failed(), IsEmpty());
  sanction.set_scope(Sanction::BRAND_BOOTHS);
  EXPECT_THAT(Failed(), IsEmpty());
  application_.set_kind(Application::BRAND);
  EXPECT_THAT(Failed(), ElementsAre("SANCTIONED"));
  sanction.set_scope(Sanction::FAIR);
  EXPECT_THAT(Failed(), ElementsAre("SANCTIONED"));
  sanction.set_enterprise("enterprises/other");
  EXPECT_THAT(Failed(), IsEmpty());
}

TEST_F(EligibilityTest, NewcomersAskForGeneralBoothsAlone) {
  application_.set_prior_year_exports_usd(749'999);
  EXPECT_TRUE(CheckEligibility(application_, facts_).newcomer());
  EXPECT_THAT(Failed(), IsEmpty());
  application_.set_kind(Application::BRAND);
  EXPECT_THAT(Failed(), ElementsAre("BELOW_THRESHOLD"));
  application_.set_kind(Application::GENERAL);
  fair_.mutable_rules()->set_newcomer_divisor(0);
  EXPECT_THAT(Failed(), ElementsAre("BELOW_THRESHOLD"));
  fair_.mutable_rules()->set_newcomer_divisor(4);
  Host();
  EXPECT_THAT(Failed(), IsEmpty());
  application_.set_prior_year_exports_usd(1'499'999);  // enough for a producer
  EXPECT_THAT(Failed(), ElementsAre("BELOW_THRESHOLD"));
  // What was submitted as no newcomer's stays so.
  application_.set_state(Application::SCORED);
  EXPECT_THAT(Failed(), IsEmpty());
}

TEST_F(EligibilityTest, DistributorsWithEnoughBoothsHostProducers) {
  Host();
  EXPECT_THAT(Failed(), IsEmpty());
  application_.set_maximum_booths(2);
  EXPECT_THAT(Failed(), ElementsAre("HOST_NOT_ENTITLED"));
  application_.set_maximum_booths(3);
  EXPECT_THAT(Failed(), IsEmpty());
  fair_.mutable_rules()->set_host_partners(0);
  EXPECT_THAT(Failed(), ElementsAre("HOST_NOT_ENTITLED"));
  fair_.mutable_rules()->set_host_partners(2);
  application_.set_trade(Application::PRODUCER);
  facts_.firms[0].roles = {Enterprise::PRODUCER};
  EXPECT_THAT(Failed(), ElementsAre("HOST_NOT_ENTITLED"));
}

TEST_F(EligibilityTest, PartnersAreProducersInGoodOrder) {
  Host();
  facts_.firms[1].roles = {Enterprise::SELLER};
  EXPECT_THAT(Failed(), ElementsAre("PARTNER_NOT_ELIGIBLE"));
  facts_.firms[1].roles = {Enterprise::PRODUCER};
  facts_.firms[1].standing = ComplianceStanding::RESTRICTED;
  EXPECT_THAT(Failed(), ElementsAre("PARTNER_NOT_ELIGIBLE"));
  facts_.firms[1].standing = ComplianceStanding::GOOD;
  AddSanction("scope: FAIR first_edition: 136 editions: 1", kPartner);
  EXPECT_THAT(Failed(), ElementsAre("PARTNER_NOT_ELIGIBLE"));
  facts_.sanctions.clear();
  facts_.firms.pop_back();
  EXPECT_THAT(Failed(), ElementsAre("PARTNER_NOT_ELIGIBLE"));
}

TEST_F(EligibilityTest, PointsAndExportsComeWithEvidence) {
  application_.clear_export_documents();
  EXPECT_THAT(Failed(), ElementsAre("EVIDENCE_MISSING"));
  application_.set_prior_year_exports_usd(0);  // nothing to show
  EXPECT_THAT(Failed(), IsEmpty());
  auto& claim = *application_.add_claimed_points();
  claim.set_criterion("c");
  claim.set_points("0");
  EXPECT_THAT(Failed(), IsEmpty());
  claim.set_points("0.001");
  EXPECT_THAT(Failed(), ElementsAre("EVIDENCE_MISSING"));
  EXPECT_THAT(ToStatus(application_, CheckEligibility(application_, facts_)),
              Fails(StatusCode::kFailedPrecondition, "EVIDENCE_MISSING"));
  claim.add_documents("documents/d");
  EXPECT_THAT(Failed(), IsEmpty());
}

TEST_F(EligibilityTest, TheCapCountsWhatTheFirmHas) {
  application_.set_kind(Application::BRAND);
  facts_.others = {Parse<Application>("kind: GENERAL state: SCORED maximum_booths: 10")};
  EXPECT_THAT(Failed(), IsEmpty());
  facts_.others[0] = Parse<Application>("kind: GENERAL state: CONFIRMED allotted_booths: 1");
  EXPECT_THAT(Failed(), ElementsAre("ABOVE_CAP"));
  application_.set_maximum_booths(9);
  EXPECT_THAT(Failed(), IsEmpty());
  section_.set_firm_cap(9);
  EXPECT_THAT(Failed(), ElementsAre("ABOVE_CAP"));
  EXPECT_THAT(ToStatus(application_, CheckEligibility(application_, facts_)),
              Fails(StatusCode::kFailedPrecondition, "ABOVE_CAP"));
  facts_.others[0].set_state(Application::RETURNED);
  EXPECT_THAT(Failed(), IsEmpty());
}

TEST_F(EligibilityTest, BrandBoothsHaveAMinimumAndKeepFromGeneralOnes) {
  facts_.others = {Parse<Application>("name: 'b' kind: BRAND state: SCORED")};
  EXPECT_THAT(Failed(), IsEmpty());  // asked for, not held
  facts_.others[0] =
      Parse<Application>("name: 'b' kind: BRAND renewal: true state: ALLOTTED allotted_booths: 0");
  EXPECT_THAT(Failed(), ElementsAre("BRAND_HOLDER"));
  facts_.others[0].set_state(Application::FORFEITED);
  EXPECT_THAT(Failed(), IsEmpty());
  facts_.others.clear();
  application_.set_kind(Application::BRAND);
  application_.set_maximum_booths(3);
  EXPECT_THAT(Failed(), ElementsAre("BELOW_BRAND_MINIMUM"));
}

TEST_F(EligibilityTest, NobodyTakesPartTwice) {
  facts_.exhibits = {{.firm = kFirm, .as_partner = true}};
  EXPECT_THAT(Failed(), ElementsAre("PARTNER_EXHIBITS"));
  const Response checked = CheckEligibility(application_, facts_);
  EXPECT_THAT(ToStatus(application_, checked),
              Fails(StatusCode::kFailedPrecondition, "PARTNER_EXHIBITS"));
  EXPECT_EQ(ExclusionOf(checked), "PARTNER_EXHIBITS");
}

TEST_F(EligibilityTest, TheFirstReasonStandsForAll) {
  facts_.firms[0].standing = ComplianceStanding::WARNED;
  application_.set_maximum_booths(11);
  absl::Status status = ToStatus(application_, CheckEligibility(application_, facts_));
  EXPECT_THAT(status, Fails(StatusCode::kFailedPrecondition, "NOT_ELIGIBLE"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a firm may have 10"));
  fair_.set_state(v1::Fair::PLANNED);
  status = ToStatus(application_, CheckEligibility(application_, facts_));
  EXPECT_THAT(status, Fails(StatusCode::kFailedPrecondition, "FAIR_NOT_OPEN"));
}

}  // namespace
}  // namespace caravan::fairs
