// `zones evaluate`: where an evaluation stands, and what brings it on.
#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "caravan/zones/v1/evaluation_results.client.h"
#include "caravan/zones/v1/evaluations.client.h"
#include "caravan/zones/v1/submissions.client.h"
#include "clients/cli/commands.h"
#include "clients/cli/printer.h"
#include "clients/cli/target.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"

namespace caravan::cli {
namespace {

using zones::v1::Evaluation;
using zones::v1::Ranking;
using zones::v1::Submission;

class Evaluate {
 public:
  Evaluate(Session& session, const Flags& flags, std::shared_ptr<client::Connection> connection,
           std::string name)
      : session_(session),
        flags_(flags),
        evaluations_(connection),
        results_(connection),
        submissions_(connection),
        name_(std::move(name)) {}

  absl::StatusOr<int> Run();

 private:
  absl::Status Act();
  absl::Status ShowProgress(const Evaluation& evaluation);
  absl::StatusOr<Ranking> RankingOf(const Evaluation& evaluation);
  void ShowRanking(const Evaluation& evaluation, const Ranking& ranking);
  absl::Status Explain(const std::string& zone);

  Session& session_;
  const Flags& flags_;
  const zones::v1::EvaluationServiceClient evaluations_;
  const zones::v1::EvaluationResultServiceClient results_;
  const zones::v1::SubmissionServiceClient submissions_;
  const std::string name_;
};

// What was asked for, in the order in which it can only be done.
absl::Status Evaluate::Act() {
  if (flags_.Has("call-for-submissions")) {
    zones::v1::CallForSubmissionsRequest request;
    request.set_name(name_);
    auto status = session_.Set(&request, "due_date", flags_.Get("call-for-submissions"));
    if (!status.ok()) return status;
    const auto evaluation = evaluations_.CallForSubmissions(std::move(request));
    if (!evaluation.ok()) return evaluation.status();
    session_.err() << "Submissions are called for until "
                   << FormatScalarMessage(evaluation->due_date()) << ".\n";
  }
  if (flags_.IsOn("score")) {
    const auto result = evaluations_.ScoreEvaluation(name_);
    if (!result.ok()) return result.status();
    session_.err() << "Scored: " << OneLine(result->name()) << ", digest "
                   << OneLine(result->ranking().digest()) << ".\n";
  }
  if (flags_.IsOn("publish")) {
    const auto evaluation = evaluations_.PublishEvaluation(name_);
    if (!evaluation.ok()) return evaluation.status();
    session_.err() << "Published by " << OneLine(evaluation->publisher()) << ".\n";
  }
  return absl::OkStatus();
}

absl::Status Evaluate::ShowProgress(const Evaluation& evaluation) {
  std::map<Submission::State, std::vector<std::string>> zones;
  int64_t count = 0;
  zones::v1::ListSubmissionsRequest request;
  request.set_parent(name_);
  for (const auto& submission : submissions_.ListSubmissions(std::move(request))) {
    if (!submission.ok()) return submission.status();
    zones[submission->state()].push_back(std::string(ShortName(submission->name())));
    ++count;
  }
  std::ostream& out = session_.out();
  out << OneLine(evaluation.name()) << ": " << OneLine(evaluation.title())
      << "\nState: " << Evaluation::State_Name(evaluation.state()) << "\n";
  if (evaluation.has_due_date()) {
    out << "Due: " << FormatScalarMessage(evaluation.due_date()) << "\n";
  }
  if (count == 0) {
    out << "Submissions: none called for\n";
    return absl::OkStatus();
  }
  std::vector<std::string> parts;
  for (const auto& [state, names] : zones) {
    parts.push_back(absl::StrCat(names.size(), " ", Submission::State_Name(state)));
  }
  out << "Submissions: " << count << " (" << absl::StrJoin(parts, ", ") << ")\n";
  // Who still has to act: the zones themselves, then those who verify.
  for (const auto state : {Submission::DRAFT, Submission::RETURNED, Submission::SUBMITTED}) {
    const auto found = zones.find(state);
    if (found == zones.end()) continue;
    out << (state == Submission::SUBMITTED ? "Not verified" : "Missing") << " ("
        << Submission::State_Name(state) << "): " << OneLine(absl::StrJoin(found->second, ", "))
        << "\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<Ranking> Evaluate::RankingOf(const Evaluation& evaluation) {
  if (evaluation.has_ranking()) return evaluation.ranking();
  const auto result = results_.GetEvaluationResult(evaluation.result());
  if (!result.ok()) return result.status();
  return result->ranking();
}

void Evaluate::ShowRanking(const Evaluation& evaluation, const Ranking& ranking) {
  std::map<std::string, std::string> titles;
  for (const auto& tier : evaluation.tiers()) {
    titles[tier.id()] = tier.title().empty() ? tier.id() : tier.title();
  }
  session_.out() << "\n";
  Table table({"RANK", "ZONE", "SCORE", "TIER"}, session_.out());
  for (const auto& standing : ranking.standings()) {
    table.Add({absl::StrCat(standing.rank()), OneLine(ShortName(standing.pilot_zone())),
               OneLine(standing.score()), OneLine(titles[standing.tier()])});
  }
  table.Flush();
  for (const auto& missing : ranking.missing()) {
    session_.out() << "missing  " << OneLine(ShortName(missing.pilot_zone())) << " ("
                   << (missing.submission().empty() ? "no submission"
                                                    : Submission::State_Name(missing.state()))
                   << ")\n";
  }
  session_.out() << "Digest: " << OneLine(ranking.digest()) << "\n";
}

absl::Status Evaluate::Explain(const std::string& zone) {
  const auto catalog = session_.catalog();
  const auto collection = (*catalog)->Find("pilotZones");
  if (!collection.ok()) return collection.status();
  const auto full = (*collection)->NameOf(zone);
  if (!full.ok()) return full.status();
  const auto answer = evaluations_.ExplainEvaluation(name_, *full);
  if (!answer.ok()) return answer.status();
  std::ostream& out = session_.out();
  out << OneLine(answer->explanation()) << "\n\n";
  Table table({"INDICATOR", "VALUE", "HELD AGAINST", "NORMALISED", "WEIGHT", "CONTRIBUTION"}, out);
  for (const auto& part : answer->contributions()) {
    const bool by_range = part.normalisation() == Evaluation::MIN_MAX;
    table.Add({OneLine(part.indicator()), OneLine(part.value()),
               OneLine(absl::StrCat(by_range ? part.min() : part.base(), " .. ",
                                    by_range ? part.max() : part.target())),
               OneLine(part.normalised()), OneLine(part.weight()), OneLine(part.contribution())});
  }
  table.Flush();
  out << "Rank " << answer->rank() << " of " << answer->ranked_zones() << ", score "
      << OneLine(answer->score()) << ", tier " << OneLine(answer->tier()) << "\n";
  if (answer->has_above()) {
    out << "To tier " << OneLine(answer->above().tier()) << ": "
        << OneLine(answer->above().points()) << " points\n";
  }
  if (answer->has_below()) {
    out << "Ahead of tier " << OneLine(answer->below().tier()) << ": "
        << OneLine(answer->below().points()) << " points\n";
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Evaluate::Run() {
  const auto format = ParseFormat(flags_.Get("output", "table"));
  if (!format.ok()) return format.status();
  if (auto status = Act(); !status.ok()) return status;
  if (flags_.Has("explain")) {
    if (auto status = Explain(flags_.Get("explain")); !status.ok()) return status;
    return 0;
  }
  const auto evaluation = evaluations_.GetEvaluation(name_);
  if (!evaluation.ok()) return evaluation.status();
  const bool scored = !evaluation->result().empty() || evaluation->has_ranking();
  if (*format != Format::kTable && *format != Format::kWide) {
    if (!scored) return UsageError(absl::StrCat(name_, " has no ranking yet; score it by --score"));
    const auto ranking = RankingOf(*evaluation);
    if (!ranking.ok()) return ranking.status();
    if (*format == Format::kName) {
      for (const auto& standing : ranking->standings()) {
        session_.out() << standing.pilot_zone() << "\n";
      }
      return 0;
    }
    const auto catalog = session_.catalog();
    auto status = PrintAnswer(*format, **catalog, *ranking, session_.out());
    if (!status.ok()) return status;
    return 0;
  }
  if (auto status = ShowProgress(*evaluation); !status.ok()) return status;
  if (!scored) return 0;
  const auto ranking = RankingOf(*evaluation);
  if (!ranking.ok()) {
    // A result that is not published is for some only.
    if (ranking.status().code() != absl::StatusCode::kPermissionDenied) return ranking.status();
    session_.err() << "The ranking is not published.\n";
    return 0;
  }
  ShowRanking(*evaluation, *ranking);
  return 0;
}

absl::StatusOr<int> RunZones(Session& session, const Flags& flags) {
  if (flags.args().size() != 2 || flags.args()[0] != "evaluate") {
    return UsageError("zones takes evaluate EVALUATION; `caravanctl get pilotZones` lists zones");
  }
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const auto collection = (*catalog)->Find("evaluations");
  if (!collection.ok()) return collection.status();
  const auto name = (*collection)->NameOf(flags.args()[1]);
  if (!name.ok()) return name.status();
  const auto connection = session.connection();
  return Evaluate(session, flags, *connection, *name).Run();
}

}  // namespace

Command ZonesCommand() {
  return {
      .name = "zones",
      .arguments = "evaluate EVALUATION",
      .summary = "bring an evaluation of the zones on, and show its ranking",
      .details =
          "Shows where an evaluation stands: how many zones have submitted, which are missing,\n"
          "and the ranking with its tiers once it is scored. The flags call for submissions,\n"
          "score and publish before that, in this order. -o json, yaml and name give the\n"
          "ranking alone. For example\n\n"
          "  caravanctl zones evaluate 2022 --call-for-submissions 2023-03-31\n"
          "  caravanctl zones evaluate 2022 --score\n"
          "  caravanctl zones evaluate 2022 --explain hangzhou\n",
      .flags = {{"call-for-submissions", "DATE", "ask the zones to submit until this day"},
                {"score", "", "score the zones that have submitted"},
                {"publish", "", "publish the result; not by whom it was scored"},
                {"explain", "ZONE", "explain the place of a zone instead"},
                OutputFlag()},
      .run = RunZones,
      .completes = Completes::kWords,
      .words = {"evaluate"},
      .collection = "evaluations"};
}

}  // namespace caravan::cli
