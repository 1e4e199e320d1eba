// Evaluations and submissions, through a real server.
#include "services/zones/evaluations_service.h"
#include "services/common/store/testing.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/api/v1/pending_actions.pb.h"
#include "caravan/zones/v1/evaluation_results.pb.h"
#include "caravan/zones/v1/evaluations.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "caravan/zones/v1/submissions.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/empty.pb.h"
#include "gtest/gtest.h"
#include "services/common/testing/status_matchers.h"
#include "services/common/testing/test_server.h"
#include "services/zones/testing/messages.h"
#include "services/zones/zones.h"

namespace caravan::zones {
namespace {

using absl::StatusCode;
using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::Fields;
using caravan::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Parse;
using v1::Evaluation;
using v1::EvaluationResult;
using v1::Submission;

constexpr char kAnn[] = "users/ann";  // two of the ministry
constexpr char kBen[] = "users/ben";
constexpr char kHangzhou[] = "users/hangzhou";  // the office of the zone
constexpr char kReader[] = "users/reader";

auto Refused(const std::string& reason) { return Fails(StatusCode::kFailedPrecondition, reason); }

auto Denied() { return Fails(StatusCode::kPermissionDenied, "PERMISSION_DENIED"); }

auto InvalidAt(const std::string& field) {
  return FailsAt(StatusCode::kInvalidArgument, "INVALID_FIELDS", Fields({field}));
}

// Hangzhou, Ningbo and Zhengzhou are evaluated; Haikou is of another batch.
class EvaluationsTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  EvaluationsTest()
      : clock_(absl::FromCivil(absl::CivilSecond(2022, 3, 1, 4), absl::UTCTimeZone())),
        database_(GetParam().Create()),
        server_(caravan::testing::TestServer::Start(
            {.definition = ZonesDefinition(),
             .access = caravan::testing::PolicyOf(
                 {{"users/admin", "*"},
                  {kAnn, "zones.*.*"},
                  {kBen, "zones.*.*"},
                  {kHangzhou, "zones.submissions.*", "pilotZones/hangzhou"},
                  {kHangzhou, "zones.evaluations.explain", "pilotZones/hangzhou"},
                  {kHangzhou, "zones.evaluations.get"},
                  {kReader, "zones.evaluations.get"}}),
             .store = database_->url(),
             .clock = clock_.AsFunction(),
             .adjust = nullptr})) {
    std::string zones;
    for (const auto& [id, batch] : {std::pair{"hangzhou", 1}, std::pair{"ningbo", 2},
                                    std::pair{"zhengzhou", 2}, std::pair{"haikou", 3}}) {
      absl::StrAppend(&zones, "pilot_zones { name: 'pilotZones/", id, "' display_name: '", id,
                      "' batch: ", batch,
                      " approval_date { year: 2018 } province: 'CN-ZJ' state: OPERATING } ");
    }
    EXPECT_THAT((Call<v1::LoadPilotZonesResponse, v1::LoadPilotZonesRequest>(
                    "PilotZoneService/LoadPilotZones", zones)),
                IsOk());
    EXPECT_THAT(Create("2022"), IsOk());
  }

  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const std::string& request,
                                const std::string& principal = "users/admin") {
    return server_->Call<Response>(method, Parse<Request>(request), {.principal = principal});
  }

  absl::StatusOr<Evaluation> Create(const std::string& id) {
    return Call<Evaluation, v1::CreateEvaluationRequest>(
        "EvaluationService/CreateEvaluation",
        "evaluation_id: '" + id +
            "' evaluation { title: 'E' year: 2022 "
            "reference_date { year: 2021 month: 12 day: 31 } batches: 1 batches: 2 "
            "indicators { id: 'exports' title: 'Exports' weight: '60' "
            "  direction: HIGHER_IS_BETTER normalisation: MIN_MAX } "
            "indicators { id: 'days' title: 'Days' weight: '40' direction: LOWER_IS_BETTER "
            "  normalisation: TARGET base: '30' target: '10' } "
            "tier_rule: COUNT tiers { id: 'a' bound: '1' } tiers { id: 'b' } }");
  }

  absl::StatusOr<Evaluation> Get() {
    return Call<Evaluation, v1::GetEvaluationRequest>("EvaluationService/GetEvaluation",
                                                      "name: 'evaluations/2022'");
  }

  absl::StatusOr<Evaluation> CallFor(const std::string& due, const std::string& principal = kAnn) {
    return Call<Evaluation, v1::CallForSubmissionsRequest>(
        "EvaluationService/CallForSubmissions",
        "name: 'evaluations/2022' due_date { year: 2022 " + due + "}", principal);
  }

  static std::string Values(const std::string& exports, const std::string& days) {
    return absl::StrCat("values { indicator: 'exports' value: '", exports,
                        "' } values { indicator: 'days' value: '", days, "' } ");
  }

  absl::StatusOr<Submission> Enter(const std::string& zone, const std::string& values,
                                   const std::string& principal = kAnn) {
    return Call<Submission, v1::UpdateSubmissionRequest>(
        "SubmissionService/UpdateSubmission",
        "submission { name: 'evaluations/2022/submissions/" + zone + "' " + values + "}",
        principal);
  }

  absl::StatusOr<Submission> CreateSubmission(const std::string& zone, const std::string& id,
                                              const std::string& values = "",
                                              const std::string& principal = kAnn) {
    return Call<Submission, v1::CreateSubmissionRequest>(
        "SubmissionService/CreateSubmission",
        "parent: 'evaluations/2022' submission_id: '" + id +
            "' submission { pilot_zone: 'pilotZones/" + zone + "' " + values + "}",
        principal);
  }

  // Submit, Verify or Return.
  template <class Request>
  absl::StatusOr<Submission> Step(const std::string& verb, const std::string& zone,
                                  const std::string& principal = kAnn,
                                  const std::string& rest = "") {
    return Call<Submission, Request>("SubmissionService/" + verb + "Submission",
                                     "name: 'evaluations/2022/submissions/" + zone + "' " + rest,
                                     principal);
  }
  absl::StatusOr<Submission> Submit(const std::string& zone, const std::string& principal = kAnn) {
    return Step<v1::SubmitSubmissionRequest>("Submit", zone, principal);
  }
  absl::StatusOr<Submission> Verify(const std::string& zone, const std::string& principal = kAnn) {
    return Step<v1::VerifySubmissionRequest>("Verify", zone, principal);
  }
  absl::StatusOr<Submission> Return(const std::string& zone, const std::string& principal = kAnn) {
    return Step<v1::ReturnSubmissionRequest>("Return", zone, principal,
                                             "return_reason: 'Days are of 2020'");
  }

  // A submission that is VERIFIED.
  void Verified(const std::string& zone, const std::string& exports, const std::string& days) {
    ASSERT_THAT(CreateSubmission(zone, zone, Values(exports, days)), IsOk());
    ASSERT_THAT(Submit(zone), IsOk());
    ASSERT_THAT(Verify(zone), IsOk());
  }

  absl::StatusOr<EvaluationResult> Score(const std::string& principal = kAnn) {
    return Call<EvaluationResult, v1::ScoreEvaluationRequest>(
        "EvaluationService/ScoreEvaluation", "name: 'evaluations/2022'", principal);
  }
  absl::StatusOr<Evaluation> Publish(const std::string& principal) {
    return Call<Evaluation, v1::PublishEvaluationRequest>("EvaluationService/PublishEvaluation",
                                                          "name: 'evaluations/2022'", principal);
  }
  absl::StatusOr<v1::ExplainEvaluationResponse> Explain(const std::string& zone,
                                                        const std::string& principal = kAnn) {
    return Call<v1::ExplainEvaluationResponse, v1::ExplainEvaluationRequest>(
        "EvaluationService/ExplainEvaluation",
        "evaluation: 'evaluations/2022' pilot_zone: 'pilotZones/" + zone + "'", principal);
  }

  // `<resource> <state> <verb>... <due>` for each.
  std::vector<std::string> Pending(const std::string& principal) {
    auto page = Call<api::v1::ListPendingActionsResponse, api::v1::ListPendingActionsRequest>(
        "PendingActionService/ListPendingActions", "", principal);
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> lines;
    if (!page.ok()) return lines;
    for (const auto& action : page->pending_actions()) {
      std::string& line = lines.emplace_back(absl::StrCat(action.resource(), " ", action.state()));
      for (const std::string& method : action.methods()) {
        absl::StrAppend(&line, " ", method.substr(method.find('/') + 1));
      }
      if (action.has_due_date()) {
        absl::StrAppend(&line, " ", action.due_date().month(), "-", action.due_date().day());
      }
    }
    return lines;
  }

  caravan::testing::TestClock clock_;
  std::unique_ptr<store::TestDatabase> database_;
  std::unique_ptr<caravan::testing::TestServer> server_;
};

TEST_P(EvaluationsTest, IsCheckedAsAWhole) {
  const auto update = [&](const std::string& fields) {
    return Call<Evaluation, v1::UpdateEvaluationRequest>(
        "EvaluationService/UpdateEvaluation",
        "evaluation { name: 'evaluations/2022' " + fields + "}");
  };
  EXPECT_THAT(update("tiers { id: 'a' } tiers { id: 'b' }"),
              InvalidAt("evaluation.tiers[0].bound"));
  EXPECT_THAT(update("indicators { id: 'x' title: 'X' weight: '1e3' direction: HIGHER_IS_BETTER "
                     "normalisation: MIN_MAX }"),
              InvalidAt("evaluation.indicators[0].weight"));
  EXPECT_THAT(update("indicators { id: 'x' title: 'X' weight: '1' direction: HIGHER_IS_BETTER "
                     "normalisation: TARGET target: '-5' }"),
              InvalidAt("evaluation.indicators[0].target"));
  EXPECT_THAT(update("year: 2014"), InvalidAt("evaluation.year"));
  EXPECT_THAT(update("title: 'F'"), IsOk());
}

TEST_P(EvaluationsTest, CallsForTheSubmissionsOfThoseWhoMustSubmit) {
  auto called = CallFor("month: 4 day: 30");
  ASSERT_THAT(called, IsOk());
  EXPECT_EQ(called->due_date().month(), 4);
  auto list = Call<v1::ListSubmissionsResponse, v1::ListSubmissionsRequest>(
      "SubmissionService/ListSubmissions", "parent: 'evaluations/2022'");
  ASSERT_THAT(list, IsOk());
  ASSERT_EQ(list->submissions_size(), 3);
  for (const Submission& submission : list->submissions()) {
    EXPECT_EQ(submission.state(), Submission::DRAFT);
    EXPECT_EQ(submission.due_date().month(), 4);
    EXPECT_NE(submission.pilot_zone(), "pilotZones/haikou");
  }
  // Once more: more time, for those that have not submitted.
  ASSERT_THAT(Enter("ningbo", Values("1", "20")), IsOk());
  ASSERT_THAT(Submit("ningbo"), IsOk());
  ASSERT_THAT(CallFor("month: 5 day: 15"), IsOk());
  list = Call<v1::ListSubmissionsResponse, v1::ListSubmissionsRequest>(
      "SubmissionService/ListSubmissions", "parent: 'evaluations/2022'");
  ASSERT_THAT(list, IsOk());
  ASSERT_EQ(list->submissions_size(), 3);
  EXPECT_EQ(list->submissions(0).due_date().month(), 5);
  EXPECT_EQ(list->submissions(1).due_date().month(), 4);
  EXPECT_EQ(list->submissions(1).values_size(), 2);
  EXPECT_THAT((Call<Evaluation, v1::CallForSubmissionsRequest>(
                  "EvaluationService/CallForSubmissions", "name: 'evaluations/2022'")),
              InvalidAt("due_date"));
}

TEST_P(EvaluationsTest, ASubmissionIsThatOfItsZone) {
  EXPECT_THAT(CreateSubmission("hangzhou", "ningbo"), InvalidAt("submission.pilot_zone"));
  EXPECT_THAT(CreateSubmission("haikou", "haikou"), Refused("ZONE_NOT_EVALUATED"));
  EXPECT_THAT(CreateSubmission("none", "none"),
              FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND",
                      Fields({"submission.pilot_zone"})));
  EXPECT_THAT(
      (Call<Submission, v1::CreateSubmissionRequest>(
          "SubmissionService/CreateSubmission",
          "parent: 'evaluations/2021' submission_id: 'hangzhou' "
          "submission { pilot_zone: 'pilotZones/hangzhou' }")),
      FailsAt(StatusCode::kInvalidArgument, "REFERENCE_NOT_FOUND", Fields({"submission.name"})));
  EXPECT_THAT(CreateSubmission("hangzhou", "hangzhou", "values { indicator: 'x' value: '1' }"),
              InvalidAt("submission.values[0].indicator"));
  EXPECT_THAT(CreateSubmission("hangzhou", "hangzhou", Values("1.0000001", "1")),
              InvalidAt("submission.values[0].value"));
  EXPECT_THAT(CreateSubmission("hangzhou", "hangzhou", Values("1.000001", "1")), IsOk());
}

TEST_P(EvaluationsTest, AZoneOfficeKeepsItsOwnSubmission) {
  EXPECT_THAT(CreateSubmission("ningbo", "ningbo", "", kHangzhou), Denied());
  ASSERT_THAT(CreateSubmission("ningbo", "ningbo"), IsOk());
  ASSERT_THAT(CreateSubmission("hangzhou", "hangzhou", "", kHangzhou), IsOk());
  EXPECT_THAT(Enter("hangzhou", Values("1", "1"), kHangzhou), IsOk());
  EXPECT_THAT(Enter("ningbo", Values("1", "1"), kHangzhou), Denied());
  EXPECT_THAT(Submit("hangzhou", kHangzhou), IsOk());
  EXPECT_THAT(Submit("ningbo", kHangzhou), Denied());
  EXPECT_THAT(Score(kHangzhou), Denied());
  EXPECT_THAT(CallFor("month: 9", kHangzhou), Denied());
  auto list = Call<v1::ListSubmissionsResponse, v1::ListSubmissionsRequest>(
      "SubmissionService/ListSubmissions", "parent: 'evaluations/2022'", kHangzhou);
  ASSERT_THAT(list, IsOk());
  ASSERT_EQ(list->submissions_size(), 1);
  EXPECT_EQ(list->submissions(0).pilot_zone(), "pilotZones/hangzhou");
}

TEST_P(EvaluationsTest, ASubmissionGoesToAndFroUntilItIsVerified) {
  ASSERT_THAT(
      CreateSubmission("hangzhou", "hangzhou", "values { indicator: 'exports' value: '5' }"),
      IsOk());
  EXPECT_THAT(Verify("hangzhou"), Refused("ILLEGAL_TRANSITION"));
  EXPECT_THAT(Submit("hangzhou"), Refused("SUBMISSION_INCOMPLETE"));
  ASSERT_THAT(Enter("hangzhou", Values("5", "20")), IsOk());
  ASSERT_THAT(Submit("hangzhou"), IsOk());
  EXPECT_THAT(Enter("hangzhou", Values("6", "20")), Refused("SUBMISSION_CLOSED"));
  EXPECT_THAT(Step<v1::ReturnSubmissionRequest>("Return", "hangzhou"), InvalidAt("return_reason"));
  auto returned = Return("hangzhou");
  ASSERT_THAT(returned, IsOk());
  EXPECT_EQ(returned->return_reason(), "Days are of 2020");
  ASSERT_THAT(Enter("hangzhou", Values("6", "20")), IsOk());
  ASSERT_THAT(Submit("hangzhou"), IsOk());
  ASSERT_THAT(Verify("hangzhou"), IsOk());
  EXPECT_THAT(Enter("hangzhou", Values("7", "20")), Refused("SUBMISSION_CLOSED"));
  EXPECT_THAT(Return("hangzhou"), IsOk());  // what turns out wrong later
}

TEST_P(EvaluationsTest, ScoresWhatIsVerifiedAndNamesWhoIsMissing) {
  EXPECT_THAT(Score(), Refused("NO_SUBMISSIONS"));
  Verified("hangzhou", "100", "15");
  ASSERT_THAT(CreateSubmission("ningbo", "ningbo", Values("40", "5")), IsOk());
  ASSERT_THAT(Submit("ningbo"), IsOk());
  EXPECT_THAT(Score(), Refused("SUBMISSIONS_NOT_VERIFIED"));
  EXPECT_EQ(Get()->state(), Evaluation::COLLECTING);
  ASSERT_THAT(Verify("ningbo"), IsOk());
  auto result = Score();
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->name(), "evaluations/2022/results/1");
  EXPECT_EQ(result->scorer(), kAnn);
  ASSERT_EQ(result->ranking().standings_size(), 2);
  EXPECT_EQ(result->ranking().standings(0).pilot_zone(), "pilotZones/hangzhou");
  EXPECT_EQ(result->ranking().standings(0).score(), "90");  // 60 * 1 + 40 * 15 / 20
  EXPECT_EQ(result->ranking().standings(1).score(), "40");
  ASSERT_EQ(result->ranking().missing_size(), 1);
  EXPECT_EQ(result->ranking().missing(0).pilot_zone(), "pilotZones/zhengzhou");
  auto evaluation = Get();
  ASSERT_THAT(evaluation, IsOk());
  EXPECT_EQ(evaluation->state(), Evaluation::SCORED);
  EXPECT_EQ(evaluation->result(), result->name());
  EXPECT_FALSE(evaluation->has_ranking());
  // Scored again, it is another result.
  EXPECT_EQ(Score(kBen)->name(), "evaluations/2022/results/2");
  EXPECT_EQ(Get()->scorer(), kBen);
}

TEST_P(EvaluationsTest, ARepeatedRequestScoresOnce) {
  Verified("hangzhou", "100", "15");
  const auto score = [&] {
    return Call<EvaluationResult, v1::ScoreEvaluationRequest>(
        "EvaluationService/ScoreEvaluation", "name: 'evaluations/2022' request_id: 'r1'");
  };
  auto first = score();
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(score()->SerializeAsString(), first->SerializeAsString());
  EXPECT_THAT(
      (Call<EvaluationResult, v1::ScoreEvaluationRequest>(
          "EvaluationService/ScoreEvaluation", "name: 'evaluations/2022' validate_only: true")),
      IsOk());
  EXPECT_EQ(Get()->result(), "evaluations/2022/results/1");
  EXPECT_THAT((Call<EvaluationResult, v1::ScoreEvaluationRequest>(
                  "EvaluationService/ScoreEvaluation", "name: 'evaluations/2022' etag: 'old'")),
              FailsAt(StatusCode::kAborted, "ETAG_MISMATCH", Fields({"etag"})));
}

TEST_P(EvaluationsTest, AnotherPersonPublishes) {
  EXPECT_THAT(Publish(kBen), Refused("ILLEGAL_TRANSITION"));
  Verified("hangzhou", "100", "15");
  ASSERT_THAT(Score(kAnn), IsOk());
  const auto own = Publish(kAnn);
  EXPECT_THAT(own, Refused("FOUR_EYES"));
  EXPECT_THAT(std::string(own.status().message()),
              HasSubstr("users/ann is the scorer of evaluations/2022"));
  clock_.Advance(absl::Hours(24));
  auto published = Publish(kBen);
  ASSERT_THAT(published, IsOk());
  EXPECT_EQ(published->state(), Evaluation::PUBLISHED);
  EXPECT_EQ(published->publisher(), kBen);
  EXPECT_EQ(published->publish_time().seconds(), absl::ToUnixSeconds(clock_.Now()));
  EXPECT_EQ(published->ranking().standings_size(), 1);
  EXPECT_EQ(published->ranking().digest().size(), 64u);
  EXPECT_THAT(Publish(kBen), Refused("ILLEGAL_TRANSITION"));
}

TEST_P(EvaluationsTest, PublishesOnlyWhatWasScored) {
  Verified("hangzhou", "100", "15");
  const auto changed = [&](auto change) {
    ASSERT_THAT(Score(kAnn), IsOk());
    ASSERT_THAT(change(), IsOk());
    EXPECT_THAT(Publish(kBen), Refused("INPUTS_CHANGED"));
    EXPECT_EQ(Get()->state(), Evaluation::SCORED);
  };
  changed([&] {
    Verified("ningbo", "40", "5");
    return absl::OkStatus();
  });
  changed([&] { return Return("ningbo"); });
  changed([&] {
    return Call<Evaluation, v1::UpdateEvaluationRequest>(
        "EvaluationService/UpdateEvaluation",
        "evaluation { name: 'evaluations/2022' tiers { id: 'a' bound: '2' } tiers { id: 'b' } }");
  });
  changed([&] {
    return Call<Evaluation, v1::UpdateEvaluationRequest>(
        "EvaluationService/UpdateEvaluation",
        "evaluation { name: 'evaluations/2022' batches: 1 batches: 2 batches: 3 }");
  });
  // It cannot even be scored as it is.
  changed([&] { return Submit("ningbo"); });
  ASSERT_THAT(Verify("ningbo"), IsOk());
  ASSERT_THAT(Score(kAnn), IsOk());
  // What does not matter to the result may change.
  ASSERT_THAT((Call<Evaluation, v1::UpdateEvaluationRequest>(
                  "EvaluationService/UpdateEvaluation",
                  "evaluation { name: 'evaluations/2022' title: 'F' }")),
              IsOk());
  EXPECT_THAT(Publish(kBen), IsOk());
}

// Whichever comes first, nothing is published that is not there.
TEST_P(EvaluationsTest, WhatIsPublishedAtTheSameTimeDoesNotChange) {
  for (int i = 0; i < 10; ++i) {
    const std::string id = absl::StrCat("race-", i);
    const std::string evaluation = absl::StrCat("evaluations/", id);
    ASSERT_THAT(Create(id), IsOk());
    ASSERT_THAT((Call<v1::LoadSubmissionsResponse, v1::LoadSubmissionsRequest>(
                    "SubmissionService/LoadSubmissions",
                    absl::StrCat("parent: '", evaluation, "' submissions { name: '", evaluation,
                                 "/submissions/hangzhou' state: VERIFIED "
                                 "pilot_zone: 'pilotZones/hangzhou' ",
                                 Values("1", "2"), "}"))),
                IsOk());
    ASSERT_THAT((Call<EvaluationResult, v1::ScoreEvaluationRequest>(
                    "EvaluationService/ScoreEvaluation", "name: '" + evaluation + "'", kAnn)),
                IsOk());
    absl::StatusOr<Submission> returned;
    std::thread other([&] {
      returned = Call<Submission, v1::ReturnSubmissionRequest>(
          "SubmissionService/ReturnSubmission",
          "name: '" + evaluation + "/submissions/hangzhou' return_reason: 'R'");
    });
    const auto published = Call<Evaluation, v1::PublishEvaluationRequest>(
        "EvaluationService/PublishEvaluation", "name: '" + evaluation + "'", kBen);
    other.join();
    if (published.ok()) {
      EXPECT_THAT(returned, Refused("EVALUATION_PUBLISHED"));
    } else {
      EXPECT_THAT(published, Refused("INPUTS_CHANGED"));
      EXPECT_THAT(returned, IsOk());
    }
  }
}

TEST_P(EvaluationsTest, PublishingFreezes) {
  Verified("hangzhou", "100", "15");
  ASSERT_THAT(CreateSubmission("ningbo", "ningbo", Values("1", "2")), IsOk());
  ASSERT_THAT(Score(kAnn), IsOk());
  ASSERT_THAT(Publish(kBen), IsOk());
  const auto frozen = [] { return Refused("EVALUATION_PUBLISHED"); };
  EXPECT_THAT((Call<Evaluation, v1::UpdateEvaluationRequest>(
                  "EvaluationService/UpdateEvaluation",
                  "evaluation { name: 'evaluations/2022' title: 'F' }")),
              frozen());
  EXPECT_THAT(Score(kAnn), frozen());
  EXPECT_THAT(CallFor("month: 9"), frozen());
  EXPECT_THAT(Enter("ningbo", Values("3", "4")), frozen());
  EXPECT_THAT(Submit("ningbo"), frozen());
  EXPECT_THAT(Return("hangzhou"), frozen());
  EXPECT_THAT(CreateSubmission("zhengzhou", "zhengzhou"), frozen());
  EXPECT_THAT((Call<v1::LoadSubmissionsResponse, v1::LoadSubmissionsRequest>(
                  "SubmissionService/LoadSubmissions",
                  "parent: 'evaluations/2022' submissions { "
                  "name: 'evaluations/2022/submissions/hangzhou' state: RETURNED "
                  "pilot_zone: 'pilotZones/hangzhou' }")),
              frozen());
  for (const char* zone : {"hangzhou", "ningbo"}) {
    EXPECT_THAT((Call<google::protobuf::Empty, v1::DeleteSubmissionRequest>(
                    "SubmissionService/DeleteSubmission",
                    absl::StrCat("name: 'evaluations/2022/submissions/", zone, "'"))),
                Refused("RESOURCE_IN_USE"));
  }
  EXPECT_THAT((Call<google::protobuf::Empty, v1::DeleteEvaluationRequest>(
                  "EvaluationService/DeleteEvaluation", "name: 'evaluations/2022'")),
              Refused("RESOURCE_IN_USE"));
}

TEST_P(EvaluationsTest, ExplainsAPlaceToThoseWhomItConcerns) {
  EXPECT_THAT(Explain("hangzhou"), Refused("EVALUATION_NOT_SCORED"));
  Verified("hangzhou", "100", "15");
  Verified("ningbo", "40", "5");
  ASSERT_THAT(Score(kAnn), IsOk());
  EXPECT_THAT(Explain("hangzhou", kHangzhou), Refused("EVALUATION_NOT_PUBLISHED"));
  auto why = Explain("ningbo", kBen);
  ASSERT_THAT(why, IsOk());
  EXPECT_EQ(why->rank(), 2);
  EXPECT_EQ(why->above().points(), "50");
  EXPECT_EQ(why->contributions(1).normalised(), "1");
  ASSERT_THAT(Return("ningbo"), IsOk());
  EXPECT_THAT(Explain("ningbo", kBen), Refused("INPUTS_CHANGED"));
  ASSERT_THAT(Score(kAnn), IsOk());
  ASSERT_THAT(Publish(kBen), IsOk());
  auto own = Explain("hangzhou", kHangzhou);
  ASSERT_THAT(own, IsOk());
  EXPECT_EQ(own->score(), "90");
  EXPECT_THAT(Explain("ningbo", kHangzhou), Denied());
  EXPECT_THAT(Explain("hangzhou", kReader), Denied());
  EXPECT_THAT(Explain("ningbo"), Refused("ZONE_MISSING"));
  EXPECT_THAT((Call<v1::ExplainEvaluationResponse, v1::ExplainEvaluationRequest>(
                  "EvaluationService/ExplainEvaluation",
                  "evaluation: 'evaluations/1999' pilot_zone: 'pilotZones/ningbo'")),
              Fails(StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
}

// Until it is published, who may read the evaluation learns nothing of it.
TEST_P(EvaluationsTest, AResultIsShownOnceItIsPublished) {
  Verified("hangzhou", "100", "15");
  ASSERT_THAT(Score(kAnn), IsOk());
  const auto seen = [&] {
    return Call<Evaluation, v1::GetEvaluationRequest>("EvaluationService/GetEvaluation",
                                                      "name: 'evaluations/2022'", kReader);
  };
  EXPECT_FALSE(seen()->has_ranking());
  for (const char* principal : {kReader, kHangzhou}) {
    EXPECT_THAT((Call<EvaluationResult, v1::GetEvaluationResultRequest>(
                    "EvaluationResultService/GetEvaluationResult",
                    "name: 'evaluations/2022/results/1'", principal)),
                Denied());
    EXPECT_THAT((Call<v1::ListEvaluationResultsResponse, v1::ListEvaluationResultsRequest>(
                    "EvaluationResultService/ListEvaluationResults", "parent: 'evaluations/2022'",
                    principal)),
                Denied());
  }
  ASSERT_THAT(Publish(kBen), IsOk());
  EXPECT_EQ(seen()->ranking().standings_size(), 1);
}

TEST_P(EvaluationsTest, EverybodyHasTheirTasks) {
  EXPECT_THAT(Pending(kHangzhou), IsEmpty());
  ASSERT_THAT(CallFor("month: 4 day: 30"), IsOk());
  const std::string own = "evaluations/2022/submissions/hangzhou";
  EXPECT_THAT(Pending(kHangzhou), ElementsAre(own + " DRAFT SubmitSubmission 4-30"));
  ASSERT_THAT(CallFor("month: 5 day: 15"), IsOk());
  EXPECT_THAT(Pending(kHangzhou), ElementsAre(own + " DRAFT SubmitSubmission 5-15"));
  ASSERT_THAT(Enter("hangzhou", Values("1", "2"), kHangzhou), IsOk());
  ASSERT_THAT(Submit("hangzhou", kHangzhou), IsOk());
  EXPECT_THAT(Pending(kAnn),
              ElementsAre("evaluations/2022/submissions/ningbo DRAFT SubmitSubmission 5-15",
                          "evaluations/2022/submissions/zhengzhou DRAFT SubmitSubmission 5-15",
                          own + " SUBMITTED VerifySubmission ReturnSubmission"));
  ASSERT_THAT(Return("hangzhou"), IsOk());
  EXPECT_THAT(Pending(kHangzhou), ElementsAre(own + " RETURNED SubmitSubmission 5-15"));
  ASSERT_THAT(Submit("hangzhou", kHangzhou), IsOk());
  ASSERT_THAT(Verify("hangzhou"), IsOk());
  ASSERT_THAT(Score(kAnn), IsOk());
  const auto to_publish = ::testing::Contains("evaluations/2022 SCORED PublishEvaluation");
  EXPECT_THAT(Pending(kBen), to_publish);
  EXPECT_THAT(Pending(kAnn), ::testing::Not(to_publish));
}

INSTANTIATE_TEST_SUITE_P(Engines, EvaluationsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

}  // namespace
}  // namespace caravan::zones
