// `logistics`: sending what carriers tell, and asking what came of it.
#include "clients/cli/logistics.h"

#include <map>

#include "clients/cli/commands.h"
#include "clients/cli/csv.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

absl::StatusOr<int> RunLogistics(Session& session, const Flags& flags) {
  using Verb = absl::StatusOr<int> (*)(Session&, const Flags&);
  static const auto& verbs = *new std::map<std::string, Verb>{
      {"import", ImportEventFiles},   {"announce", AnnounceParcels}, {"scorecard", ShowScorecard},
      {"scorecards", ListScorecards}, {"compare", CompareCouriers},  {"track", TrackParcel},
      {"watch", WatchLogistics}};
  const auto verb = verbs.find(flags.args().empty() ? "" : flags.args()[0]);
  if (verb == verbs.end()) {
    return UsageError(
        "logistics takes import FILE..., announce FILE..., scorecard, scorecards, compare LANE, "
        "track CARRIER NUMBER or watch");
  }
  return verb->second(session, flags);
}

}  // namespace

absl::Status RowProblems::Open(const Flags& flags) {
  const std::string file = flags.Get("errors");
  if (file.empty()) return absl::OkStatus();
  out_.open(file, std::ios::trunc);
  if (!out_) return UsageError(absl::StrCat("cannot write ", file));
  out_ << "file,line,reason,message\n";
  return absl::OkStatus();
}

void RowProblems::Report(const std::string& file, int64_t line, std::string_view reason,
                         std::string_view message, Progress& progress) {
  ++count_;
  if (out_.is_open()) {
    out_ << CsvQuote(file) << "," << line << "," << CsvQuote(std::string(reason)) << ","
         << CsvQuote(std::string(message)) << "\n";
  }
  // With a file for them, a few are enough to see what is wrong.
  constexpr int64_t kShown = 10;
  if (out_.is_open() && count_ > kShown) return;
  progress.Clear();
  session_.err() << file << ":" << line << ": " << OneLine(message)
                 << (reason.empty() ? "" : absl::StrCat(" [", OneLine(reason), "]")) << "\n";
}

absl::Status RowProblems::Flush() {
  if (!out_.is_open() || out_.flush()) return absl::OkStatus();
  return absl::ResourceExhaustedError("the file of errors cannot be written");
}

Command LogisticsCommand() {
  return {
      .name = "logistics",
      .arguments =
          "import FILE... | announce FILE... | scorecard | scorecards | compare LANE | "
          "track CARRIER NUMBER | watch",
      .summary = "send tracking events, see parcels and scorecards",
      .details =
          "import sends the events of one carrier, from CSV with a header or JSON Lines. Rows "
          "that\n"
          "cannot be read or are refused are reported with their line, and disturb no other: the\n"
          "exit code is then 2. The same command goes on where it was cut off; what is sent twice\n"
          "counts once. announce takes JSON Lines of CreateParcelRequest and\n"
          "LinkTrackingNumberRequest. scorecard shows that of a courier, lane and so on;\n"
          "scorecards those of all; compare the couriers of a lane, and where the data cannot tell "
          "them apart. track finds the\n"
          "parcel of a number, with its events. watch shows a parcel, a scorecard or the feed of\n"
          "`events` as they change. For example\n\n"
          "  caravanctl logistics announce parcels.jsonl\n"
          "  caravanctl logistics import events.csv --carrier nordkurier --map status=code\n"
          "  caravanctl logistics scorecard --courier nordkurier --month 2024-11\n"
          "  caravanctl logistics scorecards --by lane --every week --month 2024-11\n"
          "  caravanctl logistics compare hangzhou-de-air --rate first-attempt --month 2024-11\n"
          "  caravanctl logistics track silkwing YT0100000004000001\n"
          "  caravanctl logistics watch --lane hangzhou-de-air --day 2024-11-11\n",
      .flags = {{"carrier", "PARTNER", "import: whose events these are"},
                {"format", "FORMAT", "import: csv or jsonl; else by the file's name"},
                {"map", "COLUMN=FIELD", "import: the field of a column; may be repeated"},
                {"ignore", "COLUMN", "import: leave a column out; may be repeated"},
                {"batch", "N", "import: events in a batch (1000)"},
                {"window", "N", "import: batches that may be under way (16)"},
                {"again", "", "import: send all, also what an earlier import has sent"},
                {"errors", "FILE", "import, announce: write all refused rows here (CSV)"},
                {"partnership", "NAME", "scorecard, watch: of a partnership"},
                {"courier", "NAME", "of a courier"},
                {"line-haul-company", "NAME", "of a line-haul company"},
                {"lane", "NAME", "of a lane"},
                {"destination", "COUNTRY", "of a country, such as DE"},
                {"origin-zone", "NAME", "of a pilot zone"},
                {"seller", "NAME", "of an enterprise"},
                {"platform", "NAME", "of a platform"},
                {"by", "DIMENSION", "scorecards: courier, lane, seller and so on"},
                {"every", "PERIOD", "scorecards: day, week or month (default)"},
                {"month", "MONTH", "scorecard, compare, watch: 2024-08"},
                {"week", "DAY", "the week (from Monday) of a day"},
                {"day", "DAY", "a day"},
                {"from", "DAY", "the first day"},
                {"until", "DAY", "the last day"},
                {"rate", "RATE", "compare: on-time (default), first-attempt, loss and so on"},
                {"time", "TIME", "track: the parcel that the number meant then"},
                OutputFlag("table, json or yaml")},
      .run = RunLogistics,
      .completes = Completes::kWords,
      .words = {"import", "announce", "scorecard", "scorecards", "compare", "track", "watch"}};
}

}  // namespace caravan::cli
