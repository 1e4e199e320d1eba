#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "clients/cli/batch.h"
#include "clients/cli/commands.h"
#include "clients/cli/csv.h"
#include "clients/cli/import_state.h"
#include "clients/cli/progress.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

// Where the values of a column go.
struct ColumnTarget {
  bool ignored = false;
  bool is_name = false;
  FieldPath path;
};

class Import {
 public:
  Import(Session& session, const Flags& flags) : session_(session), flags_(flags) {}

  absl::StatusOr<int> Run();

 private:
  absl::Status ReadFlags();
  absl::Status OpenFile();
  absl::Status MapColumns(const std::vector<std::string>& header);
  absl::Status OpenState();
  absl::Status SaveState();
  absl::Status OpenErrors();
  absl::StatusOr<int> SendAll(CsvReader& reader, Progress& progress);
  void ReadRow(const CsvRecord& record);
  absl::Status SendBatch(Progress& progress, const CsvReader& reader);
  void Refuse(const Refusal& refusal);

  Session& session_;
  const Flags& flags_;
  const Catalog* catalog_ = nullptr;
  const Collection* collection_ = nullptr;
  BatchMode mode_ = BatchMode::kUpdate;
  int64_t batch_size_ = 500;
  std::string file_;
  std::ifstream in_;
  int64_t file_size_ = 0;
  std::string digest_;
  std::vector<std::string> header_;
  std::vector<ColumnTarget> targets_;
  std::optional<BatchSender> sender_;
  ImportState state_;
  std::ofstream errors_;
  int64_t shown_ = 0;
  std::vector<BatchRow> batch_;
  std::vector<Refusal> unreadable_;  // rows of the batch that never reach the server
  int64_t last_line_ = 0;            // of the batch
};

absl::Status Import::ReadFlags() {
  if (flags_.args().size() != 1) return UsageError("import takes one file");
  if (!flags_.Has("collection")) return UsageError("import needs --collection");
  if (flags_.IsOn("load") && flags_.IsOn("create")) {
    return UsageError("--load and --create exclude each other");
  }
  mode_ = flags_.IsOn("load")     ? BatchMode::kLoad
          : flags_.IsOn("create") ? BatchMode::kCreate
                                  : BatchMode::kUpdate;
  const auto size = flags_.Int("batch", batch_size_, 1, BatchSender::kMaxRows);
  if (!size.ok()) return size.status();
  batch_size_ = *size;
  file_ = flags_.args()[0];
  const auto catalog = session_.catalog();
  if (!catalog.ok()) return catalog.status();
  catalog_ = *catalog;
  const auto collection = catalog_->Find(flags_.Get("collection"));
  if (!collection.ok()) return collection.status();
  collection_ = *collection;
  return absl::OkStatus();
}

absl::Status Import::OpenFile() {
  in_.open(file_, std::ios::binary);
  if (!in_ || !std::filesystem::is_regular_file(file_)) {
    return UsageError(absl::StrCat("cannot read ", file_));
  }
  digest_ = DigestOf(in_, &file_size_);
  in_.clear();
  in_.seekg(0);
  return absl::OkStatus();
}

absl::Status Import::MapColumns(const std::vector<std::string>& header) {
  header_ = header;
  std::map<std::string, std::string> mapped;  // by column
  for (const std::string& text : flags_.All("map")) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return UsageError(absl::StrCat("--map is column=field.path, not \"", text, "\""));
    }
    mapped[text.substr(0, equals)] = text.substr(equals + 1);
  }
  const auto ignored = flags_.All("ignore");
  const auto is_column = [&](const std::string& name) {
    return std::find(header.begin(), header.end(), name) != header.end();
  };
  std::vector<std::string> problems;
  for (const auto& [column, path] : mapped) {
    if (!is_column(column)) {
      problems.push_back(absl::StrCat("--map names the column \"", column,
                                      "\", which the file does not have",
                                      DidYouMean(column, header)));
    }
  }
  for (const auto& column : ignored) {
    if (!is_column(column)) {
      problems.push_back(absl::StrCat("--ignore names the column \"", column,
                                      "\", which the file does not have",
                                      DidYouMean(column, header)));
    }
  }
  std::map<std::string, std::string> column_of;  // by path
  for (const std::string& column : header) {
    ColumnTarget target;
    if (std::find(ignored.begin(), ignored.end(), column) != ignored.end()) {
      target.ignored = true;
      targets_.push_back(target);
      continue;
    }
    const auto found = mapped.find(column);
    std::string field = found == mapped.end() ? column : found->second;
    // The id is the last part of the name.
    if (field == "id" && FindField(*collection_->message, "id") == nullptr) field = "name";
    auto path = ResolvePath(*collection_->message, field);
    if (!path.ok()) {
      problems.push_back(
          absl::StrCat("column \"", column, "\": ", std::string(path.status().message())));
      continue;
    }
    target.path = *std::move(path);
    target.is_name = target.path.path == "name";
    const auto& first = *target.path.fields[0];
    if (collection_->IsReadOnly(first, mode_ == BatchMode::kLoad)) {
      problems.push_back(
          absl::StrCat("column \"", column, "\": ", first.name(), " is set by the server",
                       collection_->IsReadOnly(first, true) ? "" : "; --load may set it",
                       "; leave the column out by --ignore"));
    } else if (!IsScalar(target.path.leaf()) && !target.path.leaf().is_map()) {
      problems.push_back(absl::StrCat("column \"", column, "\": ", target.path.path,
                                      " is not one value; map to one of its fields"));
    }
    const auto [known, is_new] = column_of.emplace(
        absl::StrCat(target.path.path, target.path.map_key.empty() ? "" : ".", target.path.map_key),
        column);
    if (!is_new) {
      problems.push_back(absl::StrCat("columns \"", known->second, "\" and \"", column,
                                      "\" both set ", target.path.path));
    }
    targets_.push_back(std::move(target));
  }
  if (!column_of.contains("name")) {
    problems.push_back("no column gives the name; map one by --map COLUMN=name");
  }
  if (problems.empty()) return absl::OkStatus();
  return UsageError(absl::StrJoin(problems, "\n  "));
}

absl::Status Import::OpenState() {
  const std::string file = flags_.Get("resume");
  if (!file.empty()) {
    auto state = ImportState::Load(file);
    if (!state.ok()) return state.status();
    state_ = *std::move(state);
  }
  if (state_.digest.empty()) {
    // A new run: the same file imported once more is new requests, for what it
    // wrote may have been changed since.
    state_.digest = digest_;
    state_.collection = collection_->type;
    state_.run = client::NewRequestId();
    // Before anything is sent, so that a crash at once repeats the same ids.
    return SaveState();
  }
  if (state_.digest == digest_ && state_.collection == collection_->type) return absl::OkStatus();
  return UsageError(absl::StrCat(file,
                                 " is the state of the import of another file, or into "
                                 "another collection; to start anew, remove it"));
}

absl::Status Import::SaveState() {
  // A dry run has done nothing that a later run could leave out.
  if (!flags_.Has("resume") || flags_.IsOn("dry-run")) return absl::OkStatus();
  return state_.Save(flags_.Get("resume"));
}

absl::Status Import::OpenErrors() {
  const std::string file = flags_.Get("errors");
  if (file.empty()) return absl::OkStatus();
  const bool resumed = state_.last_line > 0;
  errors_.open(file, resumed ? std::ios::app : std::ios::trunc);
  if (!errors_) return UsageError(absl::StrCat("cannot write ", file));
  if (!resumed) errors_ << "line,column,reason,message\n";
  return absl::OkStatus();
}

void Import::Refuse(const Refusal& refusal) {
  // The person knows the file's columns rather than the fields.
  std::string column = refusal.field;
  for (size_t i = 0; i < targets_.size(); ++i) {
    if (!targets_[i].ignored && targets_[i].path.path == refusal.field) column = header_[i];
  }
  if (errors_.is_open()) {
    errors_ << refusal.origin << "," << CsvQuote(column) << "," << CsvQuote(refusal.reason) << ","
            << CsvQuote(refusal.message) << "\n";
  }
  // With a file for them, a few are enough to see what is wrong.
  constexpr int64_t kShown = 10;
  if (errors_.is_open() && ++shown_ > kShown) return;
  session_.err() << file_ << ":" << refusal.origin << ": "
                 << (column.empty() ? "" : absl::StrCat(OneLine(column), ": "))
                 << OneLine(refusal.message)
                 << (refusal.reason.empty() ? "" : absl::StrCat(" [", OneLine(refusal.reason), "]"))
                 << "\n";
}

void Import::ReadRow(const CsvRecord& record) {
  last_line_ = record.line;
  const auto refuse = [&](std::string field, std::string reason, std::string message) {
    unreadable_.push_back({record.line, std::move(field), std::move(reason), std::move(message)});
  };
  if (record.error) {
    const std::string place =
        record.error->column == 0
            ? ""
            : absl::StrCat("line ", record.error->line, ", column ", record.error->column, ": ");
    refuse("", "BAD_CSV", place + record.error->message);
    return;
  }
  if (record.fields.size() != header_.size()) {
    refuse("", "BAD_CSV",
           absl::StrCat("has ", record.fields.size(), " columns, and the header has ",
                        header_.size()));
    return;
  }
  auto resource = catalog_->New(*collection_->message);
  const ValueReader values(*catalog_);
  const size_t before = unreadable_.size();
  for (size_t i = 0; i < targets_.size(); ++i) {
    const auto& target = targets_[i];
    const std::string& text = record.fields[i];
    if (target.ignored || (text.empty() && !target.is_name)) continue;
    absl::Status status;
    if (target.is_name) {
      const auto name = collection_->NameOf(text, flags_.Get("parent"));
      status = name.ok() ? values.SetPath(resource.get(), target.path, *name) : name.status();
    } else if (target.path.leaf().is_repeated() && target.path.map_key.empty()) {
      for (std::string_view part : absl::StrSplit(text, ';', absl::SkipWhitespace())) {
        if (status.ok()) {
          status = values.SetPath(resource.get(), target.path, absl::StripAsciiWhitespace(part));
        }
      }
    } else {
      status = values.SetPath(resource.get(), target.path, text);
    }
    if (!status.ok()) {
      refuse(target.path.path, "BAD_VALUE", std::string(status.message()));
    }
  }
  if (unreadable_.size() == before) batch_.push_back({record.line, std::move(resource)});
}

absl::Status Import::SendBatch(Progress& progress, const CsvReader& reader) {
  std::vector<Refusal> refusals;
  if (!batch_.empty()) {
    auto status = sender_->Send(batch_, &refusals);
    if (!status.ok()) return status;
  }
  refusals.insert(refusals.end(), std::make_move_iterator(unreadable_.begin()),
                  std::make_move_iterator(unreadable_.end()));
  std::stable_sort(refusals.begin(), refusals.end(),
                   [](const Refusal& a, const Refusal& b) { return a.origin < b.origin; });
  // By row: one may be refused for several reasons.
  std::set<int64_t> refused;
  for (const auto& refusal : refusals) refused.insert(refusal.origin);
  const auto accepted = std::count_if(batch_.begin(), batch_.end(), [&](const BatchRow& row) {
    return !refused.contains(row.origin);
  });
  if (!refusals.empty()) progress.Clear();
  for (const auto& refusal : refusals) Refuse(refusal);
  state_.accepted += accepted;
  state_.refused += static_cast<int64_t>(refused.size());
  state_.last_line = last_line_;
  batch_.clear();
  unreadable_.clear();
  progress.Update(reader.offset(), state_.accepted, state_.refused);
  if (errors_.is_open() && !errors_.flush()) {
    return absl::ResourceExhaustedError("the file of errors cannot be written");
  }
  return SaveState();
}

absl::StatusOr<int> Import::SendAll(CsvReader& reader, Progress& progress) {
  CsvRecord record;
  int64_t rows = 0;
  while (reader.Next(&record)) {
    // Done by an earlier run.
    if (record.line <= state_.last_line) continue;
    ReadRow(record);
    if (++rows % batch_size_ != 0) continue;
    if (auto status = SendBatch(progress, reader); !status.ok()) return status;
  }
  if (!batch_.empty() || !unreadable_.empty()) {
    if (auto status = SendBatch(progress, reader); !status.ok()) return status;
  }
  return state_.refused > 0 ? 2 : 0;
}

absl::StatusOr<int> Import::Run() {
  auto status = ReadFlags();
  if (status.ok()) status = OpenFile();
  if (!status.ok()) return status;
  CsvReader reader(in_);
  CsvRecord header;
  if (!reader.Next(&header)) return UsageError(absl::StrCat(file_, " is empty"));
  if (header.error) {
    return UsageError(absl::StrCat(file_, ": the header: ", header.error->message));
  }
  status = MapColumns(header.fields);
  if (status.ok()) status = OpenState();
  if (status.ok()) status = OpenErrors();
  if (!status.ok()) return status;

  std::vector<std::string> paths;
  std::string mapping;
  for (size_t i = 0; i < targets_.size(); ++i) {
    const auto& target = targets_[i];
    if (target.ignored) continue;
    absl::StrAppend(&mapping, i, "=", target.path.path, ".", target.path.map_key, "\n");
    // Several columns may be entries of one map, which a mask names as a whole.
    const bool known = std::find(paths.begin(), paths.end(), target.path.path) != paths.end();
    if (!target.is_name && !known) paths.push_back(target.path.path);
  }
  auto sender = BatchSender::Create(
      session_, *collection_, mode_, std::move(paths),
      absl::StrCat(state_.run, "\n", digest_, "\n", flags_.Get("parent"), "\n", mapping),
      flags_.IsOn("dry-run"));
  if (!sender.ok()) return sender.status();
  sender_.emplace(*std::move(sender));

  Progress progress(session_.environment(), file_size_);
  auto code = SendAll(reader, progress);
  progress.Clear();
  if (!code.ok()) {
    session_.err() << "The import stopped after line " << state_.last_line << ": "
                   << state_.accepted << " rows accepted, " << state_.refused << " refused."
                   << (flags_.Has("resume") ? " The same command goes on from there.\n" : "\n");
    return code.status();
  }
  session_.out() << state_.accepted << " rows accepted, " << state_.refused << " refused"
                 << (flags_.IsOn("dry-run") ? " (dry run)" : "") << "\n";
  return code;
}

}  // namespace

Command ImportCommand() {
  return {
      .name = "import",
      .arguments = "FILE.csv --collection COLLECTION",
      .summary = "import a CSV file into a collection",
      .details =
          "The header names the fields (batch, office.email); a column `id` or `name` gives the\n"
          "name. Creates what does not exist, and sets the columns' fields in what does; an empty\n"
          "cell clears. Lists are written a;b;c; a map is replaced by its columns "
          "(labels.sector).\n"
          "Rows that cannot be read or are refused are reported with their line, and the others\n"
          "imported: the exit code is then 2.\n\n"
          "With --resume, how far the import came is kept in a file, and the same command goes on\n"
          "from there; what was sent just before a crash is not done twice. For example\n\n"
          "  caravanctl import zones.csv --collection pilotZones --load \\\n"
          "      --map name_en=display_name --map ended=end_date --ignore remarks\n",
      .flags = {{"collection", "COLLECTION", "where the rows go"},
                {"map", "COLUMN=PATH", "the field of a column; may be repeated"},
                {"ignore", "COLUMN", "leave a column out; may be repeated"},
                {"load", "", "load a register: replace resources whole, with states and dates"},
                {"create", "", "only create: what exists is refused"},
                {"parent", "NAME", "the resource in which the rows live"},
                {"batch", "N", "rows in a transaction (500)"},
                {"resume", "FILE",
                 "keep in this file how far the import came, and go on from there"},
                {"errors", "FILE", "write all refused rows to this file (CSV)"},
                {"dry-run", "", "let the server check, and change nothing"}},
      .run = [](Session& session, const Flags& flags) { return Import(session, flags).Run(); }};
}

}  // namespace caravan::cli
