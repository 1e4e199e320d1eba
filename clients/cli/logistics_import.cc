// `logistics import`: events from files, in batches over one stream.
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "caravan/client/errors.h"
#include "caravan/logistics/v1/tracking.client.h"
#include "clients/cli/event_file.h"
#include "clients/cli/import_state.h"
#include "clients/cli/logistics.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

namespace v1 = logistics::v1;

constexpr int64_t kMaxBatch = 10'000;

// How a source is called: by its file's name, so that people know it, and by its content and
// how it is read, so that another file is another source.
std::string SourceOf(const std::string& file, const std::string& digest) {
  std::string name = std::filesystem::path(file).filename().string().substr(0, 80);
  for (char& c : name) {
    if (c <= ' ' || c > '~' || c == '/') c = '_';
  }
  return absl::StrCat(name, ":", digest.substr(0, 32));
}

class EventImport {
 public:
  EventImport(Session& session, const Flags& flags,
              const std::shared_ptr<client::Connection>& connection)
      : session_(session), flags_(flags), tracking_(connection), problems_(session) {}

  absl::StatusOr<int> Run();

 private:
  absl::Status ImportFile(const std::string& file);
  absl::StatusOr<std::unique_ptr<EventReader>> OpenReader(const std::string& file,
                                                          std::istream& in);
  absl::StatusOr<int64_t> Cursor(const std::string& source);
  absl::Status SendRows(const std::string& file, const std::string& source, int64_t done_before,
                        EventReader& reader, Progress& progress);
  void Add(const v1::IngestionCounts& counts);

  Session& session_;
  const Flags& flags_;
  const v1::TrackingServiceClient tracking_;
  RowProblems problems_;
  std::string carrier_;
  std::map<std::string, std::string> mapped_;  // fields by column
  std::string mapping_;
  int64_t batch_size_ = 1000;
  int64_t window_ = 16;
  v1::IngestionCounts counts_;
  int64_t unreadable_ = 0;
};

absl::StatusOr<int> EventImport::Run() {
  const std::vector<std::string> files(flags_.args().begin() + 1, flags_.args().end());
  if (files.empty()) return UsageError("logistics import takes a file, or several");
  if (!flags_.Has("carrier")) return UsageError("logistics import needs --carrier");
  carrier_ = NameIn("partners", flags_.Get("carrier"));
  for (const std::string& text : flags_.All("map")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return UsageError(absl::StrCat("--map is column=field, not \"", text, "\""));
    }
    mapped_[text.substr(0, equals)] = text.substr(equals + 1);
    absl::StrAppend(&mapping_, text, "\n");
  }
  for (const std::string& column : flags_.All("ignore")) {
    absl::StrAppend(&mapping_, "-", column, "\n");
  }
  const auto batch = flags_.Int("batch", batch_size_, 1, kMaxBatch);
  if (!batch.ok()) return batch.status();
  batch_size_ = *batch;
  const auto window = flags_.Int("window", window_, 1, 1000);
  if (!window.ok()) return window.status();
  window_ = *window;
  if (auto status = problems_.Open(flags_); !status.ok()) return status;
  for (const std::string& file : files) {
    if (auto status = ImportFile(file); !status.ok()) return status;
  }
  if (auto status = problems_.Flush(); !status.ok()) return status;
  session_.out() << counts_.added() << " events are new, " << counts_.corrected()
                 << " corrected others, " << counts_.known() << " were known, " << counts_.refused()
                 << " were refused; " << unreadable_ << " rows cannot be read.\n";
  if (counts_.unknown_codes() > 0 || counts_.opened_parcels() > 0) {
    session_.out() << "Of those kept " << counts_.unknown_codes()
                   << " have a code that is in no vocabulary, and " << counts_.opened_parcels()
                   << " opened a parcel that nobody has announced.\n";
  }
  return problems_.count() > 0 || counts_.refused() > 0 ? 2 : 0;
}

absl::StatusOr<std::unique_ptr<EventReader>> EventImport::OpenReader(const std::string& file,
                                                                     std::istream& in) {
  std::string format = flags_.Get("format");
  if (format.empty()) {
    const std::string extension = std::filesystem::path(file).extension().string();
    if (extension == ".csv") format = "csv";
    if (extension == ".jsonl" || extension == ".ndjson") format = "jsonl";
  }
  if (format == "jsonl") {
    if (!mapped_.empty()) return UsageError("--map is for columns of CSV");
    return EventReader::OfJsonLines(in);
  }
  if (format != "csv") {
    return UsageError(absl::StrCat("--format is '", format, "'; must be csv or jsonl"));
  }
  auto reader = EventReader::OfCsv(in, mapped_, flags_.All("ignore"));
  if (reader.ok()) return reader;
  return UsageError(absl::StrCat(file, ": ", std::string(reader.status().message())));
}

absl::StatusOr<int64_t> EventImport::Cursor(const std::string& source) {
  if (flags_.IsOn("again")) return 0;
  v1::GetCursorRequest request;
  request.set_carrier(carrier_);
  request.set_source(source);
  const auto cursor = tracking_.GetCursor(request);
  if (!cursor.ok()) return cursor.status();
  return cursor->position();
}

absl::Status EventImport::ImportFile(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in || !std::filesystem::is_regular_file(file)) {
    return UsageError(absl::StrCat("cannot read ", file));
  }
  int64_t size = 0;
  const std::string content = DigestOf(in, &size);
  std::istringstream way(absl::StrCat(content, "\n", mapping_));
  int64_t ignored = 0;
  const std::string source = SourceOf(file, DigestOf(way, &ignored));
  in.clear();
  in.seekg(0);
  auto reader = OpenReader(file, in);
  if (!reader.ok()) return reader.status();
  const auto done_before = Cursor(source);
  if (!done_before.ok()) return done_before.status();
  if (*done_before > 0) {
    session_.err() << file << ": going on behind line " << *done_before
                   << "; --again sends all of it\n";
  }
  Progress progress(session_.environment(), size);
  absl::Status status = SendRows(file, source, *done_before, **reader, progress);
  progress.Clear();
  if (!status.ok()) {
    session_.err() << file << ": the import stopped; the same command goes on from there.\n";
  }
  return status;
}

void EventImport::Add(const v1::IngestionCounts& counts) {
  counts_.set_added(counts_.added() + counts.added());
  counts_.set_corrected(counts_.corrected() + counts.corrected());
  counts_.set_known(counts_.known() + counts.known());
  counts_.set_refused(counts_.refused() + counts.refused());
  counts_.set_unknown_codes(counts_.unknown_codes() + counts.unknown_codes());
  counts_.set_opened_parcels(counts_.opened_parcels() + counts.opened_parcels());
}

absl::Status EventImport::SendRows(const std::string& file, const std::string& source,
                                   int64_t done_before, EventReader& reader, Progress& progress) {
  // The lines of the events of each batch that is under way.
  std::deque<std::vector<int64_t>> lines;
  const auto on_answer = [&](const v1::StreamEventsRequest&,
                             const v1::StreamEventsResponse& answer) {
    for (const v1::EventProblem& problem : answer.problems()) {
      const auto index = static_cast<size_t>(problem.index());
      const int64_t line = index < lines.front().size() ? lines.front()[index] : 0;
      problems_.Report(file, line, problem.reason(), problem.message(), progress);
    }
    lines.pop_front();
    Add(answer.counts());
    progress.Update(reader.offset(), counts_.added() + counts_.corrected() + counts_.known(),
                    counts_.refused() + unreadable_);
  };
  client::SendOptions options;
  options.window = static_cast<size_t>(window_);
  options.on_interrupted = [&](const absl::Status& why, size_t unanswered) {
    progress.Clear();
    session_.err() << "the stream broke"
                   << (why.ok() ? "" : absl::StrCat(" (", OneLine(why.message()), ")")) << "; "
                   << unanswered << " batches are sent again\n";
  };
  auto sender = tracking_.StreamEvents(on_answer, options);

  v1::StreamEventsRequest batch;
  std::vector<int64_t> batch_lines;
  int64_t last_line = 0;
  const auto send = [&] {
    batch.set_carrier(carrier_);
    batch.set_source(source);
    batch.set_position(last_line);
    lines.push_back(std::move(batch_lines));
    batch_lines.clear();
    absl::Status status = sender.Send(std::move(batch));
    batch = v1::StreamEventsRequest();
    return status;
  };
  bool unsent = false;
  for (EventRow row; reader.Next(&row);) {
    // Taken in by an earlier run.
    if (row.line <= done_before) continue;
    last_line = row.line;
    unsent = true;
    if (!row.reason.empty()) {
      ++unreadable_;
      problems_.Report(file, row.line, row.reason, row.problem, progress);
      continue;
    }
    *batch.add_events() = std::move(row.event);
    batch_lines.push_back(row.line);
    if (batch.events_size() < batch_size_) continue;
    if (auto status = send(); !status.ok()) return status;
    unsent = false;
  }
  // Rows that cannot be read, at the end, are done with too.
  if (unsent) {
    if (auto status = send(); !status.ok()) return status;
  }
  return sender.Finish();
}

}  // namespace

absl::StatusOr<int> ImportEventFiles(Session& session, const Flags& flags) {
  const auto connection = session.connection();
  if (!connection.ok()) return connection.status();
  return EventImport(session, flags, *connection).Run();
}

}  // namespace caravan::cli
