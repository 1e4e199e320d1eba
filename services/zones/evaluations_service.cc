#include "services/zones/evaluations_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/errors.h"
#include "services/common/resources/reads.h"
#include "services/common/resources/writer.h"
#include "services/zones/evaluation.h"

namespace caravan::zones {

using google::protobuf::util::TimeUtil;
using resources::WriteKind;
using v1::Evaluation;
using v1::EvaluationResult;
using v1::Submission;

namespace {

// The submissions of zones, in their order. They are read by name, so that a
// transaction is run again where one changes or comes into being.
absl::StatusOr<std::vector<Entrant>> ReadEntrants(const resources::Registry& registry,
                                                  store::Reader& reader,
                                                  std::string_view evaluation,
                                                  const std::vector<std::string>& zones) {
  std::vector<std::string> names;
  for (const std::string& zone : zones) names.push_back(SubmissionName(evaluation, zone));
  auto rows = reader.GetMany(registry.FindByMessage(*Submission::descriptor())->table, names);
  if (!rows.ok()) return rows.status();
  std::vector<Entrant> entrants;
  for (size_t i = 0; i < zones.size(); ++i) {
    Entrant& entrant = entrants.emplace_back();
    entrant.pilot_zone = zones[i];
    if (!(*rows)[i].has_value()) continue;
    entrant.submission.emplace();
    if (!entrant.submission->ParseFromString((*rows)[i]->data)) {
      return absl::DataLossError("stored row");
    }
  }
  return entrants;
}

// The zones that must submit, and their submissions.
absl::StatusOr<std::vector<Entrant>> EntrantsOf(const resources::Registry& registry,
                                                store::Reader& reader,
                                                const Evaluation& evaluation) {
  std::vector<std::string> zones;
  absl::Status s =
      resources::Visit<v1::PilotZone>(registry, reader, "", {}, [&](const v1::PilotZone& zone) {
        if (MustSubmit(evaluation, zone)) zones.push_back(zone.name());
      });
  if (!s.ok()) return s;
  return ReadEntrants(registry, reader, evaluation.name(), zones);
}

// Those whom a ranking is about, and their submissions as they are now.
absl::StatusOr<std::vector<Entrant>> EntrantsOf(const resources::Registry& registry,
                                                store::Reader& reader, const Evaluation& evaluation,
                                                const v1::Ranking& ranking) {
  std::vector<std::string> zones;
  for (const auto& standing : ranking.standings()) zones.push_back(standing.pilot_zone());
  for (const auto& missing : ranking.missing()) zones.push_back(missing.pilot_zone());
  return ReadEntrants(registry, reader, evaluation.name(), zones);
}

absl::StatusOr<v1::Ranking> RankNow(const resources::Registry& registry, store::Reader& reader,
                                    const Evaluation& evaluation) {
  auto entrants = EntrantsOf(registry, reader, evaluation);
  if (!entrants.ok()) return entrants.status();
  return Rank(evaluation, *std::move(entrants));
}

absl::Status Publish(const resources::Writing& writing, Evaluation& evaluation) {
  auto result =
      resources::Require<EvaluationResult>(writing.registry, writing.reader, evaluation.result());
  if (!result.ok()) return result.status();
  const auto now = RankNow(writing.registry, writing.reader, evaluation);
  if (absl::Status s = CheckUnchanged(evaluation, result->ranking(), now); !s.ok()) return s;
  *evaluation.mutable_ranking() = std::move(*result->mutable_ranking());
  evaluation.set_publisher(writing.caller.principal.name);
  *evaluation.mutable_publish_time() =
      TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(writing.caller.now));
  return absl::OkStatus();
}

bool IsOpen(const Submission& submission) {
  return submission.state() == Submission::DRAFT || submission.state() == Submission::RETURNED;
}

bool SameValues(const Submission& a, const Submission& b) {
  return std::equal(a.values().begin(), a.values().end(), b.values().begin(), b.values().end(),
                    [](const Submission::Value& x, const Submission::Value& y) {
                      return google::protobuf::util::MessageDifferencer::Equals(x, y);
                    });
}

absl::Status CheckZone(const resources::Writing& writing, const Evaluation& evaluation,
                       const Submission& submission) {
  if (submission.name() != SubmissionName(evaluation.name(), submission.pilot_zone())) {
    const std::string id = submission.name().substr(submission.name().rfind('/') + 1);
    api::Violations violations;
    violations.Add("pilot_zone",
                   absl::StrCat("is ", submission.pilot_zone(), "; must be pilotZones/", id,
                                ", since the submission's id is that of its zone"));
    return violations.ToStatus();
  }
  auto zone = writing.registry.Lookup<v1::PilotZone>(writing.reader, submission.pilot_zone());
  if (!zone.ok()) return zone.status();
  // One that does not exist is left to the check of references.
  if (!zone->has_value() || MustSubmit(evaluation, **zone)) return absl::OkStatus();
  return api::Error(
             absl::StatusCode::kFailedPrecondition, "ZONE_NOT_EVALUATED",
             absl::StrCat(submission.pilot_zone(), " is not evaluated by ", evaluation.name(),
                          ": on its reference date it is not in force, "
                          "or it is of another batch"))
      .With("resource", submission.pilot_zone())
      .Field("pilot_zone", "is not evaluated")
      .Precondition("PILOT_ZONE", submission.pilot_zone(), "is not evaluated");
}

// A new draft of a zone, or the one that there is, with the day until which it
// is due, which the rules of its write set.
absl::Status CallZone(resources::Writer& writer, const resources::Collection& submissions,
                      const std::string& evaluation, Entrant& entrant) {
  if (!entrant.submission.has_value()) {
    Submission draft;
    draft.set_name(SubmissionName(evaluation, entrant.pilot_zone));
    draft.set_pilot_zone(entrant.pilot_zone);
    draft.set_state(Submission::DRAFT);
    return writer.Write(submissions, nullptr, draft, WriteKind::kCreate, "").status();
  }
  if (!IsOpen(*entrant.submission)) return absl::OkStatus();
  return writer
      .Change<Submission>(entrant.submission->name(), [](Submission&) { return absl::OkStatus(); })
      .status();
}

}  // namespace

absl::StatusOr<Evaluation> EvaluationsService::CallForSubmissions(
    rpc::Call& call, store::Transaction& tx, const v1::CallForSubmissionsRequest& request) {
  resources::Writer writer(registry_, call.caller, tx);
  const resources::Collection& evaluations = *registry_.FindByMessage(*Evaluation::descriptor());
  auto before = writer.ReadForChange(evaluations, request.name(), request.etag(), "etag");
  if (!before.ok()) return before.status();
  Evaluation evaluation = static_cast<const Evaluation&>(*before->message);
  *evaluation.mutable_due_date() = request.due_date();
  // First, for the submissions take their due date from it.
  auto written = writer.Write(evaluations, &*before, evaluation, WriteKind::kUpdate, "");
  if (!written.ok()) return written.status();
  auto entrants = EntrantsOf(registry_, tx, evaluation);
  if (!entrants.ok()) return entrants.status();
  const resources::Collection& submissions = *registry_.FindByMessage(*Submission::descriptor());
  for (Entrant& entrant : *entrants) {
    if (absl::Status s = CallZone(writer, submissions, evaluation.name(), entrant); !s.ok()) {
      return s;
    }
  }
  return evaluation;
}

absl::StatusOr<EvaluationResult> EvaluationsService::ScoreEvaluation(
    rpc::Call& call, store::Transaction& tx, const v1::ScoreEvaluationRequest& request) {
  resources::Writer writer(registry_, call.caller, tx);
  const resources::Collection& evaluations = *registry_.FindByMessage(*Evaluation::descriptor());
  auto before = writer.ReadForChange(evaluations, request.name(), request.etag(), "etag");
  if (!before.ok()) return before.status();
  Evaluation evaluation = static_cast<const Evaluation&>(*before->message);
  if (absl::Status s = CheckNotPublished(evaluation, "its result"); !s.ok()) return s;
  auto ranking = RankNow(registry_, tx, evaluation);
  if (!ranking.ok()) return ranking.status();

  int last = 0;
  if (!evaluation.result().empty() &&
      !absl::SimpleAtoi(evaluation.result().substr(evaluation.result().rfind('/') + 1), &last)) {
    return absl::DataLossError("the name of a result");
  }
  EvaluationResult result;
  result.set_name(absl::StrCat(evaluation.name(), "/results/", last + 1));
  result.set_scorer(call.caller.principal.name);
  *result.mutable_ranking() = *std::move(ranking);
  const resources::Collection& results = *registry_.FindByMessage(*EvaluationResult::descriptor());
  auto written = writer.Write(results, nullptr, result, WriteKind::kCreate, "");
  if (!written.ok()) return written.status();
  evaluation.set_state(Evaluation::SCORED);
  evaluation.set_result(result.name());
  evaluation.set_scorer(result.scorer());
  written = writer.Write(evaluations, &*before, evaluation, WriteKind::kUpdate, "");
  if (!written.ok()) return written.status();
  return result;
}

absl::StatusOr<v1::ExplainEvaluationResponse> EvaluationsService::ExplainEvaluation(
    rpc::Call& call, store::Reader& reader, const v1::ExplainEvaluationRequest& request) {
  auto evaluation = resources::Require<Evaluation>(registry_, reader, request.evaluation());
  if (!evaluation.ok()) return evaluation.status();
  if (evaluation->result().empty()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "EVALUATION_NOT_SCORED",
                      absl::StrCat(evaluation->name(),
                                   " has not been scored; there is nothing to explain yet"))
        .With("resource", evaluation->name())
        .Precondition("STATE", evaluation->name(), "is COLLECTING");
  }
  auto result = resources::Require<EvaluationResult>(registry_, reader, evaluation->result());
  if (!result.ok()) return result.status();
  const resources::Collection& results = *registry_.FindByMessage(*EvaluationResult::descriptor());
  if (evaluation->state() != Evaluation::PUBLISHED &&
      !call.caller.Permits(*results.type, *result, results.read_permission)) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "EVALUATION_NOT_PUBLISHED",
                      absl::StrCat(evaluation->name(), " is not published yet; until then only ",
                                   "those are told who may read its results"))
        .With("resource", evaluation->name())
        .Precondition("STATE", evaluation->name(), "is SCORED");
  }
  auto entrants = EntrantsOf(registry_, reader, *evaluation, result->ranking());
  if (!entrants.ok()) return entrants.status();
  const auto now = Rank(*evaluation, *entrants);
  if (absl::Status s = CheckUnchanged(*evaluation, result->ranking(), now); !s.ok()) return s;
  Submission submission;
  for (Entrant& entrant : *entrants) {
    if (entrant.pilot_zone == request.pilot_zone() && entrant.submission.has_value()) {
      submission = *std::move(entrant.submission);
    }
  }
  return Explain(*evaluation, result->ranking(), request.pilot_zone(), submission);
}

absl::Status PrepareEvaluation(const resources::Writing& writing, const Evaluation* before,
                               Evaluation& after) {
  if (before != nullptr) {
    if (absl::Status s = CheckNotPublished(*before, "it"); !s.ok()) return s;
  }
  if (absl::Status s = CheckEvaluation(after); !s.ok()) return s;
  if (after.state() != Evaluation::PUBLISHED) return absl::OkStatus();
  return Publish(writing, after);
}

absl::Status PrepareSubmission(const resources::Writing& writing, const Submission* before,
                               Submission& after) {
  auto found = writing.registry.Lookup<Evaluation>(writing.reader, EvaluationOf(after.name()));
  if (!found.ok()) return found.status();
  // One that does not exist is left to the check of references.
  if (!found->has_value()) return absl::OkStatus();
  const Evaluation& evaluation = **found;
  if (absl::Status s = CheckNotPublished(evaluation, after.name()); !s.ok()) return s;
  if (writing.kind == WriteKind::kUpdate && before != nullptr && !IsOpen(*before)) {
    const std::string& state = Submission::State_Name(before->state());
    return api::Error(absl::StatusCode::kFailedPrecondition, "SUBMISSION_CLOSED",
                      absl::StrCat(after.name(), " is ", state, "; its figures can be changed ",
                                   "while it is DRAFT or RETURNED"))
        .With("resource", after.name())
        .With("state", state)
        .Precondition("STATE", after.name(), absl::StrCat("is ", state));
  }
  if (absl::Status s = CheckZone(writing, evaluation, after); !s.ok()) return s;
  // Indicators may go from the evaluation; what was given for them stays.
  if (before == nullptr || !SameValues(*before, after)) {
    if (absl::Status s = CheckValues(evaluation, after); !s.ok()) return s;
  }
  if (evaluation.has_due_date()) {
    *after.mutable_due_date() = evaluation.due_date();
  } else {
    after.clear_due_date();
  }
  return IsOpen(after) ? absl::OkStatus() : CheckComplete(evaluation, after);
}

}  // namespace caravan::zones
