#include "services/zones/eligibility.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/zones/policy.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using ::caravan::zones::testing::Parse;
using ::caravan::zones::testing::ZoneRegister;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using v1::Policy;

constexpr int64_t kDay = 20240802;
constexpr char kHangzhou[] = "pilotZones/hangzhou";

ZoneRegister Zones() {
  ZoneRegister zones;
  zones.Add(R"pb(name: "pilotZones/hangzhou"
                 approval_date { year: 2015 month: 3 day: 7 }
                 state: OPERATING)pb");
  zones.Add(R"pb(name: "pilotZones/ningbo"
                 approval_date { year: 2016 month: 1 day: 12 }
                 state: OPERATING)pb");
  zones.Add(R"pb(name: "pilotZones/sanya"
                 approval_date { year: 2020 month: 4 day: 27 }
                 end_date { year: 2025 month: 4 }
                 successor: "pilotZones/hainan"
                 state: MERGED)pb");
  zones.Add(R"pb(name: "pilotZones/hainan"
                 approval_date { year: 2025 month: 4 }
                 state: OPERATING)pb");
  return zones;
}

// The exemption of retail exports without purchase invoice.
Policy Exemption() {
  return Parse<Policy>(R"pb(
    name: "policies/retail-export-exemption"
    state: IN_FORCE
    effective_date { year: 2018 month: 10 day: 1 }
    clauses {
      id: "exemption"
      supervision_modes: "supervisionModes/9610"
      conditions {
        id: "registered"
        title: "The firm is registered in a zone"
        expression: "pilot_zone:*"
      }
      conditions {
        id: "logged"
        title: "The goods are logged on the zone's platform"
        expression: "logged_at_home_zone = true AND evidence.goods_logged = true"
      }
      conditions {
        id: "declared"
        title: "They are declared at the zone's customs"
        expression: "declared_at_home_zone = true AND evidence.declared_as_ecommerce_export = true"
      }
      conditions {
        id: "not-excluded"
        title: "Their export refund is not cancelled"
        expression: "goods_lists.refund-cancelled = false"
      }
    }
    goods_lists { id: "refund-cancelled" hs_codes: "7604" hs_codes: "740811" }
  )pb");
}

EligibilityQuery Query() {
  EligibilityQuery query;
  query.enterprise = Parse<v1::Enterprise>(R"pb(
    name: "enterprises/91330100799655058b"
    country: "CN"
    pilot_zone: "pilotZones/hangzhou"
    state: ACTIVE
  )pb");
  query.supervision_mode = Parse<v1::SupervisionMode>(R"pb(name: "supervisionModes/9610")pb");
  query.goods = Parse<v1::Goods>(R"pb(hs_code: "610910")pb");
  query.day = kDay;
  query.evidence = Parse<v1::Evidence>(R"pb(
    platform_registration_zone: "pilotZones/hangzhou"
    declaration_zone: "pilotZones/hangzhou"
    goods_logged: true
    declared_as_ecommerce_export: true
  )pb");
  return query;
}

v1::PolicyFinding Check(const EligibilityQuery& query, const Policy& policy) {
  EXPECT_EQ(CheckPolicy(policy), absl::OkStatus());
  auto response = CheckEligibility(query, Zones(), {policy});
  EXPECT_TRUE(response.ok()) << response.status();
  if (!response.ok() || response->policies_size() != 1) return {};
  return response->policies(0);
}

// The finding on one condition of the exemption's clause.
v1::ConditionFinding On(const std::string& condition, const v1::PolicyFinding& finding) {
  for (const v1::ConditionFinding& c : finding.clauses(0).conditions()) {
    if (c.condition() == condition) return c;
  }
  ADD_FAILURE() << "no finding on " << condition;
  return {};
}

std::vector<std::string> SeenIn(const v1::ConditionFinding& finding) {
  std::vector<std::string> seen;
  for (const v1::SeenValue& value : finding.seen()) {
    seen.push_back(value.field() + "=" + (value.has_value() ? value.value() : "?"));
  }
  return seen;
}

TEST(CheckEligibility, IsMetWhereEveryConditionHolds) {
  auto response = CheckEligibility(Query(), Zones(), {Exemption()});
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->effective_date().year(), 2024);
  EXPECT_EQ(response->effective_date().day(), 2);
  EXPECT_EQ(response->pilot_zone(), kHangzhou);
  const v1::PolicyFinding& policy = response->policies(0);
  EXPECT_EQ(policy.policy(), "policies/retail-export-exemption");
  EXPECT_EQ(policy.outcome(), v1::MET);
  ASSERT_EQ(policy.clauses_size(), 1);
  EXPECT_EQ(policy.clauses(0).clause(), "exemption");
  EXPECT_EQ(policy.clauses(0).outcome(), v1::MET);
  EXPECT_THAT(policy.clauses(0).reason(), IsEmpty());
  EXPECT_EQ(policy.clauses(0).conditions_size(), 4);
  for (const v1::ConditionFinding& condition : policy.clauses(0).conditions()) {
    EXPECT_EQ(condition.outcome(), v1::MET) << condition.condition();
  }
  EXPECT_THAT(SeenIn(On("logged", policy)),
              ElementsAre("logged_at_home_zone=true", "evidence.goods_logged=true"));
  EXPECT_EQ(On("logged", policy).explanation(),
            "\"The goods are logged on the zone's platform\" holds: logged_at_home_zone is true, "
            "evidence.goods_logged is true.");
}

TEST(CheckEligibility, FailsWithTheValueSeen) {
  EligibilityQuery query = Query();
  query.evidence.set_declaration_zone("pilotZones/ningbo");
  v1::PolicyFinding policy = Check(query, Exemption());
  EXPECT_EQ(policy.outcome(), v1::FAILED);
  EXPECT_EQ(policy.clauses(0).outcome(), v1::FAILED);
  v1::ConditionFinding declared = On("declared", policy);
  EXPECT_EQ(declared.outcome(), v1::FAILED);
  EXPECT_THAT(SeenIn(declared), ElementsAre("declared_at_home_zone=false"));
  EXPECT_EQ(declared.explanation(),
            "\"They are declared at the zone's customs\" does not hold: declared_at_home_zone is "
            "false.");
  EXPECT_EQ(On("logged", policy).outcome(), v1::MET);
}

TEST(CheckEligibility, TellsWhatIsMissing) {
  EligibilityQuery query = Query();
  query.evidence.clear_goods_logged();
  query.evidence.clear_platform_registration_zone();
  v1::PolicyFinding policy = Check(query, Exemption());
  EXPECT_EQ(policy.outcome(), v1::NOT_EVIDENCED);
  EXPECT_EQ(policy.clauses(0).outcome(), v1::NOT_EVIDENCED);
  v1::ConditionFinding logged = On("logged", policy);
  EXPECT_EQ(logged.outcome(), v1::NOT_EVIDENCED);
  EXPECT_THAT(SeenIn(logged), ElementsAre("logged_at_home_zone=?", "evidence.goods_logged=?"));
  EXPECT_THAT(
      logged.explanation(),
      HasSubstr("is not evidenced: logged_at_home_zone is not set, evidence.goods_logged is "
                "not set."));
}

TEST(CheckEligibility, PrefersAFailureToWhatIsMissing) {
  EligibilityQuery query = Query();
  query.evidence.clear_goods_logged();
  query.evidence.set_declared_as_ecommerce_export(false);
  v1::PolicyFinding policy = Check(query, Exemption());
  EXPECT_EQ(policy.outcome(), v1::FAILED);
  EXPECT_EQ(On("logged", policy).outcome(), v1::NOT_EVIDENCED);
  EXPECT_EQ(On("declared", policy).outcome(), v1::FAILED);
}

TEST(CheckEligibility, FailsAFirmThatIsInNoZone) {
  EligibilityQuery query = Query();
  query.enterprise.clear_pilot_zone();
  auto response = CheckEligibility(query, Zones(), {Exemption()});
  ASSERT_TRUE(response.ok());
  EXPECT_THAT(response->pilot_zone(), IsEmpty());
  const v1::PolicyFinding& policy = response->policies(0);
  EXPECT_EQ(policy.outcome(), v1::FAILED);
  EXPECT_EQ(On("registered", policy).outcome(), v1::FAILED);
  EXPECT_EQ(On("logged", policy).outcome(), v1::FAILED);
}

TEST(CheckEligibility, LooksUpGoodsByTheBeginningOfTheirCode) {
  struct Case {
    std::string hs_code;
    v1::Outcome outcome;
  };
  for (const Case& c : std::vector<Case>{{"7604101000", v1::FAILED},
                                         {"7604", v1::FAILED},
                                         {"740811", v1::FAILED},
                                         {"7408110000", v1::FAILED},
                                         {"7408", v1::NOT_EVIDENCED},
                                         {"740819", v1::MET},
                                         {"7605", v1::MET},
                                         {"610910", v1::MET}}) {
    EligibilityQuery query = Query();
    query.goods.set_hs_code(c.hs_code);
    EXPECT_EQ(On("not-excluded", Check(query, Exemption())).outcome(), c.outcome) << c.hs_code;
  }
}

TEST(CheckEligibility, FollowsSuccessorsOfZones) {
  EligibilityQuery query = Query();
  query.enterprise.set_pilot_zone("pilotZones/sanya");
  query.evidence.set_declaration_zone("pilotZones/hainan");
  query.evidence.set_platform_registration_zone("pilotZones/sanya");
  query.day = 20250401;
  auto after = CheckEligibility(query, Zones(), {Exemption()});
  ASSERT_TRUE(after.ok());
  EXPECT_EQ(after->pilot_zone(), "pilotZones/hainan");
  EXPECT_EQ(after->policies(0).outcome(), v1::MET);

  query.day = 20250331;  // Hainan is no zone yet
  auto before = CheckEligibility(query, Zones(), {Exemption()});
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before->pilot_zone(), "pilotZones/sanya");
  EXPECT_EQ(On("declared", before->policies(0)).outcome(), v1::FAILED);
  EXPECT_EQ(On("logged", before->policies(0)).outcome(), v1::MET);

  query.day = 20190101;  // nor was Sanya
  auto early = CheckEligibility(query, Zones(), {Exemption()});
  ASSERT_TRUE(early.ok());
  EXPECT_THAT(early->pilot_zone(), IsEmpty());
  EXPECT_EQ(On("registered", early->policies(0)).outcome(), v1::FAILED);
}

TEST(CheckEligibility, DoesNotApplyOutsideTheModeOrThePeriod) {
  EligibilityQuery query = Query();
  query.supervision_mode.set_name("supervisionModes/9710");
  v1::PolicyFinding mode = Check(query, Exemption());
  EXPECT_EQ(mode.outcome(), v1::NOT_APPLICABLE);
  EXPECT_EQ(mode.clauses(0).outcome(), v1::NOT_APPLICABLE);
  EXPECT_EQ(mode.clauses(0).reason(),
            "the clause covers supervisionModes/9610, not supervisionModes/9710");
  EXPECT_THAT(mode.clauses(0).conditions(), IsEmpty());

  query = Query();
  query.day = 20180930;
  EXPECT_EQ(Check(query, Exemption()).clauses(0).reason(),
            "policies/retail-export-exemption is in force from 2018-10-01, not on 2018-09-30");

  Policy ending = Exemption();
  *ending.mutable_clauses(0)->mutable_end_date() = Parse<google::type::Date>("year: 2020");
  EXPECT_EQ(Check(Query(), ending).clauses(0).reason(),
            "the clause applies until 2020, not on 2024-08-02");

  Policy draft = Exemption();
  draft.set_state(Policy::DRAFT);
  draft.clear_effective_date();
  EXPECT_THAT(Check(Query(), draft).clauses(0).reason(), HasSubstr("is a draft"));

  query = Query();
  query.supervision_mode.mutable_introduction_date()->set_year(2025);
  EXPECT_EQ(Check(query, Exemption()).clauses(0).reason(),
            "supervisionModes/9610 may be used from 2025, not on 2024-08-02");
}

TEST(CheckEligibility, CoversTheZonesThatAClauseNames) {
  Policy policy = Exemption();
  policy.mutable_clauses(0)->add_pilot_zones("pilotZones/ningbo");
  v1::PolicyFinding other = Check(Query(), policy);
  EXPECT_EQ(other.outcome(), v1::NOT_APPLICABLE);
  EXPECT_THAT(other.clauses(0).reason(), HasSubstr("pilotZones/hangzhou"));

  EligibilityQuery none = Query();
  none.enterprise.clear_pilot_zone();
  EXPECT_THAT(Check(none, policy).clauses(0).reason(), HasSubstr("no zone answers for"));

  policy.mutable_clauses(0)->add_pilot_zones(kHangzhou);
  EXPECT_EQ(Check(Query(), policy).outcome(), v1::MET);

  // A clause that names Sanya goes on to cover its firms, and one that names
  // Hainan covers them once they belong there.
  EligibilityQuery sanya = Query();
  sanya.enterprise.set_pilot_zone("pilotZones/sanya");
  sanya.day = 20250401;
  for (std::string zone : {"pilotZones/sanya", "pilotZones/hainan"}) {
    Policy named = Exemption();
    named.mutable_clauses(0)->add_pilot_zones(zone);
    EXPECT_NE(Check(sanya, named).outcome(), v1::NOT_APPLICABLE) << zone;
  }
}

TEST(CheckEligibility, WeighsOnlyTheClausesThatApply) {
  Policy policy = Exemption();
  Policy::Clause* second = policy.add_clauses();
  *second = policy.clauses(0);
  second->set_id("for-9710");
  second->set_supervision_modes(0, "supervisionModes/9710");
  second->mutable_conditions(0)->set_expression("enterprise.state = CLOSED");
  v1::PolicyFinding finding = Check(Query(), policy);
  EXPECT_EQ(finding.outcome(), v1::MET);
  EXPECT_EQ(finding.clauses(1).outcome(), v1::NOT_APPLICABLE);

  second->set_supervision_modes(0, "supervisionModes/9610");
  finding = Check(Query(), policy);
  EXPECT_EQ(finding.outcome(), v1::FAILED);
  EXPECT_EQ(finding.clauses(0).outcome(), v1::MET);
  EXPECT_EQ(finding.clauses(1).outcome(), v1::FAILED);
}

TEST(CheckEligibility, AnswersByName) {
  Policy b = Exemption(), a = Exemption();
  b.set_name("policies/b");
  a.set_name("policies/a");
  auto response = CheckEligibility(Query(), Zones(), {b, a});
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->policies_size(), 2);
  EXPECT_EQ(response->policies(0).policy(), "policies/a");
  EXPECT_EQ(response->policies(1).policy(), "policies/b");
}

TEST(CheckEligibility, RefusesEvidenceOfAZoneThatDoesNotExist) {
  EligibilityQuery query = Query();
  query.evidence.set_declaration_zone("pilotZones/taizhou");
  auto response = CheckEligibility(query, Zones(), {Exemption()});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(api::ReasonOf(response.status()), "REFERENCE_NOT_FOUND");
  EXPECT_THAT(api::FieldsOf(response.status()), ElementsAre("evidence.declaration_zone"));
}

TEST(CheckEligibility, NamesAConditionThatCannotBeEvaluated) {
  Policy policy = Exemption();
  policy.mutable_clauses(0)->mutable_conditions(2)->set_expression("no_such_field = 1");
  auto response = CheckEligibility(Query(), Zones(), {policy});
  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(response.status()), "CONDITION_NOT_EVALUABLE");
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("condition 'declared'"));
}

TEST(CheckEligibility, PassesOnWhatTheLookupSays) {
  auto fails = [](std::string_view) -> absl::StatusOr<std::optional<v1::PilotZone>> {
    return absl::UnavailableError("away");
  };
  EXPECT_EQ(CheckEligibility(Query(), fails, {}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Covers, AsksForAClauseOfTheModeOnTheDay) {
  Policy policy = Exemption();
  EXPECT_TRUE(Covers(policy, "supervisionModes/9610", kDay));
  EXPECT_FALSE(Covers(policy, "supervisionModes/9710", kDay));
  EXPECT_FALSE(Covers(policy, "supervisionModes/9610", 20180930));
  policy.mutable_clauses(0)->clear_supervision_modes();
  EXPECT_TRUE(Covers(policy, "supervisionModes/9710", kDay));
  policy.mutable_clauses(0)->mutable_end_date()->set_year(2020);
  EXPECT_FALSE(Covers(policy, "supervisionModes/9710", kDay));
}

}  // namespace
}  // namespace caravan::zones
