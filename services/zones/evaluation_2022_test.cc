// The evaluation of 2022 at its real size, through a real server: 105 zones over
// more than 40 indicators, and each zone's place explained.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "caravan/zones/v1/evaluation_results.pb.h"
#include "caravan/zones/v1/evaluations.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/submissions.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/zones/decimal.h"
#include "services/zones/testing/evaluation_2022.h"
#include "services/zones/testing/messages.h"
#include "services/zones/testing/reference_data.h"
#include "services/zones/zones.h"

namespace caravan::zones {
namespace {

using caravan::testing::Fails;
using caravan::testing::IsOk;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using testing::Parse;
using v1::Evaluation;

Decimal Number(const std::string& text) {
  const std::optional<Decimal> number = Decimal::Parse(text);
  EXPECT_TRUE(number.has_value()) << text;
  return number.value_or(Decimal());
}

class Evaluation2022Test : public ::testing::Test {
 protected:
  static constexpr char kName[] = "name: 'evaluations/2022'";

  Evaluation2022Test()
      : server_(caravan::testing::TestServer::Start(
            {.definition = ZonesDefinition(),
             .access = caravan::testing::PolicyOf({{"users/admin", "*"}, {"users/other", "*"}}),
             .store = "",
             .adjust = nullptr})) {}

  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request,
                                const std::string& principal = "users/admin") {
    return server_->Call<Response>(method, request, {.principal = principal});
  }

  // Loads the zones, creates the evaluation and calls for submissions; loads
  // those that are not missing.
  void Collect() {
    auto zones = testing::ReadCsv<v1::PilotZone>(CARAVAN_REFERENCE_DATA "/pilot_zones.csv");
    ASSERT_THAT(zones, IsOk());
    v1::LoadPilotZonesRequest load_zones;
    for (const v1::PilotZone& zone : *zones) {
      *load_zones.add_pilot_zones() = zone;
      load_zones.mutable_pilot_zones()->rbegin()->clear_approval_document();
    }
    ASSERT_THAT(Call<v1::LoadPilotZonesResponse>("PilotZoneService/LoadPilotZones", load_zones),
                IsOk());
    v1::CreateEvaluationRequest create;
    create.set_evaluation_id("2022");
    *create.mutable_evaluation() = testing::Evaluation2022();
    ASSERT_THAT(Call<Evaluation>("EvaluationService/CreateEvaluation", create), IsOk());
    ASSERT_THAT(
        Call<Evaluation>("EvaluationService/CallForSubmissions",
                         Parse<v1::CallForSubmissionsRequest>(
                             std::string(kName) + " due_date { year: 2022 month: 2 day: 28 }")),
        IsOk());
    v1::LoadSubmissionsRequest load;
    load.set_parent("evaluations/2022");
    for (const v1::Submission& submission : testing::SubmissionsOf2022(*zones)) {
      *load.add_submissions() = submission;
    }
    ASSERT_EQ(load.submissions_size(), 102);
    ASSERT_THAT(Call<v1::LoadSubmissionsResponse>("SubmissionService/LoadSubmissions", load),
                IsOk());
  }

  absl::StatusOr<v1::ExplainEvaluationResponse> Explain(const std::string& zone) {
    v1::ExplainEvaluationRequest request;
    request.set_evaluation("evaluations/2022");
    request.set_pilot_zone(zone);
    return Call<v1::ExplainEvaluationResponse>("EvaluationService/ExplainEvaluation", request);
  }

  std::unique_ptr<caravan::testing::TestServer> server_;
};

TEST_F(Evaluation2022Test, IsScoredPublishedAndExplained) {
  Collect();
  ASSERT_FALSE(HasFatalFailure());
  auto result = Call<v1::EvaluationResult>("EvaluationService/ScoreEvaluation",
                                           Parse<v1::ScoreEvaluationRequest>(kName));
  ASSERT_THAT(result, IsOk());
  auto published = Call<Evaluation>("EvaluationService/PublishEvaluation",
                                    Parse<v1::PublishEvaluationRequest>(kName), "users/other");
  ASSERT_THAT(published, IsOk());
  const v1::Ranking& ranking = published->ranking();
  EXPECT_EQ(ranking.SerializeAsString(), result->ranking().SerializeAsString());
  ASSERT_GT(published->indicators_size(), 40);

  // All who had to submit are ranked or named.
  std::vector<std::string> missing;
  for (const auto& zone : ranking.missing()) missing.push_back(zone.pilot_zone());
  EXPECT_THAT(missing, ElementsAreArray(testing::MissingIn2022()));
  EXPECT_EQ(ranking.standings_size() + ranking.missing_size(), 105);
  std::map<std::string, int> sizes;
  for (const auto& standing : ranking.standings()) ++sizes[standing.tier()];
  EXPECT_EQ(sizes, (std::map<std::string, int>{
                       {"marked", 10}, {"good", 50}, {"initial", 40}, {"starting", 2}}));

  for (const auto& standing : ranking.standings()) {
    SCOPED_TRACE(standing.pilot_zone());
    auto why = Explain(standing.pilot_zone());
    ASSERT_THAT(why, IsOk());
    EXPECT_EQ(why->rank(), standing.rank());
    EXPECT_EQ(why->score(), standing.score());
    EXPECT_EQ(why->tier(), standing.tier());
    EXPECT_EQ(why->contributions_size(), published->indicators_size());
    Decimal sum;
    for (const auto& contribution : why->contributions()) {
      sum = sum + Number(contribution.contribution());
    }
    EXPECT_EQ(sum.ToString(), standing.score());
    EXPECT_EQ(why->has_above(), standing.tier() != "marked");
    if (why->has_above()) {
      EXPECT_EQ(Number(why->score()) + Number(why->above().points()), Number(why->above().score()));
      EXPECT_GT(Number(why->above().points()), Decimal());
    }
    EXPECT_EQ(why->has_below(), standing.tier() != "starting");
    EXPECT_THAT(why->explanation(), HasSubstr(standing.pilot_zone()));
  }
  for (const std::string& zone : testing::MissingIn2022()) {
    EXPECT_THAT(Explain(zone), Fails(absl::StatusCode::kFailedPrecondition, "ZONE_MISSING"));
  }
  EXPECT_THAT(Explain("pilotZones/taizhou-jiangsu"),
              Fails(absl::StatusCode::kFailedPrecondition, "ZONE_MISSING"));
  // The same on every machine and in every version.
  EXPECT_EQ(ranking.digest(), "3a79942a14fa6d1b116baf84c0922dbdbe94b3c53aa8d093120421f66eefe648");
}

}  // namespace
}  // namespace caravan::zones
