#include "services/zones/policy.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/zones/testing/messages.h"

namespace caravan::zones {
namespace {

using ::caravan::zones::testing::Parse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using v1::Policy;

Policy Draft() {
  return Parse<Policy>(R"pb(
    name: "policies/retail-export"
    state: DRAFT
    clauses {
      id: "a"
      conditions { id: "logged" expression: "evidence.goods_logged = true" }
      conditions { id: "listed" expression: "goods_lists.excluded = false" }
    }
    clauses {
      id: "b"
      start_date { year: 2018 month: 10 }
      conditions { id: "logged" expression: "evidence.facts.\"port code\" = 2901" }
    }
    goods_lists { id: "excluded" hs_codes: "76" }
  )pb");
}

TEST(CheckPolicy, AcceptsADraft) { EXPECT_EQ(CheckPolicy(Draft()), absl::OkStatus()); }

TEST(CheckPolicy, AsksForUniqueIds) {
  Policy policy = Draft();
  policy.mutable_clauses(1)->set_id("a");
  *policy.mutable_clauses(0)->add_conditions() = policy.clauses(0).conditions(0);
  policy.add_goods_lists()->set_id("excluded");
  absl::Status status = CheckPolicy(policy);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(api::FieldsOf(status),
              ElementsAre("clauses[1].id", "goods_lists[1].id", "clauses[0].conditions[2].id"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("'a' comes twice in clauses"));
}

TEST(CheckPolicy, AsksForPeriodsThatRunForward) {
  Policy policy = Draft();
  *policy.mutable_clauses(1)->mutable_end_date() =
      Parse<google::type::Date>("year: 2018 month: 10 day: 1");
  absl::Status status = CheckPolicy(policy);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("clauses[1].end_date"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("2018-10-01 is not after the clause's start on 2018-10"));
  policy.mutable_clauses(1)->mutable_end_date()->set_day(2);
  EXPECT_EQ(CheckPolicy(policy), absl::OkStatus());
}

TEST(CheckPolicy, AsksForExpressionsThatCanBeEvaluated) {
  for (std::string expression :
       {"evidence.no_such_field = true", "evidence.goods_logged = ", "(((", "goods.hs_code > (",
        "enterprise.state = NO_SUCH_STATE", "pilot_zone.batch = x"}) {
    Policy policy = Draft();
    policy.mutable_clauses(0)->mutable_conditions(1)->set_expression(expression);
    absl::Status status = CheckPolicy(policy);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << expression;
    EXPECT_THAT(api::FieldsOf(status), ElementsAre("clauses[0].conditions[1].expression"))
        << expression;
  }
}

TEST(CheckPolicy, ReportsAllBadExpressionsTogether) {
  Policy policy = Draft();
  policy.mutable_clauses(0)->mutable_conditions(0)->set_expression("((");
  policy.mutable_clauses(1)->mutable_conditions(0)->set_expression("nothing = 1");
  EXPECT_THAT(
      api::FieldsOf(CheckPolicy(policy)),
      ElementsAre("clauses[0].conditions[0].expression", "clauses[1].conditions[0].expression"));
}

TEST(CheckPolicy, AsksForTheGoodsListsThatExpressionsName) {
  for (std::string expression : {"goods_lists.exculded = false", "goods_lists.\"exculded\" = false",
                                 "evidence.goods_logged = true AND goods_lists.exculded = false"}) {
    Policy policy = Draft();
    policy.mutable_clauses(0)->mutable_conditions(1)->set_expression(expression);
    absl::Status status = CheckPolicy(policy);
    EXPECT_THAT(api::FieldsOf(status), ElementsAre("clauses[0].conditions[1].expression"))
        << expression;
    EXPECT_THAT(std::string(status.message()), HasSubstr("names the goods list 'exculded'"));
  }
}

TEST(CheckPolicy, AsksForDatesThatFitTheState) {
  Policy policy = Draft();
  policy.set_state(Policy::REPEALED);
  EXPECT_THAT(api::FieldsOf(CheckPolicy(policy)), ElementsAre("effective_date", "repeal_date"));
  *policy.mutable_effective_date() = Parse<google::type::Date>("year: 2018 month: 10 day: 1");
  *policy.mutable_repeal_date() = Parse<google::type::Date>("year: 2018 month: 9");
  absl::Status status = CheckPolicy(policy);
  EXPECT_THAT(api::FieldsOf(status), ElementsAre("repeal_date"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("2018-09 is before the policy takes effect on 2018-10-01"));
  policy.set_state(Policy::IN_FORCE);
  EXPECT_THAT(api::FieldsOf(CheckPolicy(policy)), ElementsAre("repeal_date", "repeal_date"));
  policy.clear_repeal_date();
  EXPECT_EQ(CheckPolicy(policy), absl::OkStatus());
  policy.set_state(Policy::DRAFT);
  EXPECT_THAT(api::FieldsOf(CheckPolicy(policy)), ElementsAre("effective_date"));
}

TEST(CheckPolicy, AsksForClausesBeforeItIsPutInForce) {
  Policy policy = Draft();
  policy.clear_clauses();
  EXPECT_EQ(CheckPolicy(policy), absl::OkStatus());
  policy.set_state(Policy::IN_FORCE);
  policy.mutable_effective_date()->set_year(2018);
  absl::Status status = CheckPolicy(policy);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(status), "POLICY_HAS_NO_CLAUSES");
}

TEST(IsInForce, NeverHoldsForADraft) {
  Policy policy = Draft();
  EXPECT_FALSE(IsInForce(policy, 20200101));
  policy.set_state(Policy::IN_FORCE);
  *policy.mutable_effective_date() = Parse<google::type::Date>("year: 2018 month: 10 day: 1");
  EXPECT_FALSE(IsInForce(policy, 20180930));
  EXPECT_TRUE(IsInForce(policy, 20181001));
  policy.set_state(Policy::REPEALED);
  *policy.mutable_repeal_date() = Parse<google::type::Date>("year: 2020");
  EXPECT_TRUE(IsInForce(policy, 20191231));
  EXPECT_FALSE(IsInForce(policy, 20200101));
}

}  // namespace
}  // namespace caravan::zones
