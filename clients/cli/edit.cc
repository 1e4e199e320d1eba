// Changes a resource in an editor.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "caravan/client/errors.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/requests.h"
#include "clients/cli/target.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;

// A file that only its owner can read, removed at the end unless it is kept.
class Draft {
 public:
  Draft() {
    std::string name =
        (std::filesystem::temp_directory_path() / "caravanctl-edit-XXXXXX.yaml").string();
    const int file = mkstemps(name.data(), 5);
    if (file < 0) return;
    close(file);
    path_ = name;
  }
  ~Draft() {
    std::error_code error;
    if (!path_.empty() && !kept_) std::filesystem::remove(path_, error);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  const std::string& path() const { return path_; }
  void Keep() { kept_ = true; }

  bool Write(const std::string& text) {
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out << text;
    return !path_.empty() && static_cast<bool>(out.flush());
  }
  std::string Read() const {
    std::ifstream in(path_, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  std::string path_;
  bool kept_ = false;
};

std::string WithoutComments(const std::string& text) {
  std::string result;
  for (std::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "#") && !line.empty()) absl::StrAppend(&result, line, "\n");
  }
  return result;
}

class Edit {
 public:
  Edit(Session& session, const Target& target) : session_(session), target_(target) {}

  absl::StatusOr<int> Run();

 private:
  bool FieldsEqual(const Message& a, const Message& b, const FieldDescriptor& field) const;
  std::vector<std::string> ChangedFields(const Message& from, const Message& to) const;
  std::string TextOf(const Message& resource) const;
  std::string HeaderOf() const;
  absl::Status Parse(const std::string& text);
  absl::Status Send(const std::vector<std::string>& paths);
  absl::Status TakeOver(const std::vector<std::string>& paths, std::string* note);
  absl::StatusOr<int> GiveUp(Draft& draft, const absl::Status& status);

  Session& session_;
  const Target& target_;
  const Catalog* catalog_ = nullptr;
  std::unique_ptr<Message> base_;    // as the server has it
  std::unique_ptr<Message> edited_;  // as the text has it
};

bool Edit::FieldsEqual(const Message& a, const Message& b, const FieldDescriptor& field) const {
  google::protobuf::util::MessageDifferencer differencer;
  const auto& type = *a.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i) != &field) differencer.IgnoreField(type.field(i));
  }
  return differencer.Compare(a, b);
}

std::vector<std::string> Edit::ChangedFields(const Message& from, const Message& to) const {
  std::vector<std::string> changed;
  const auto& type = *target_.collection->message;
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (IsServersOwn(*target_.collection, field, false)) continue;
    if (!FieldsEqual(from, to, field)) changed.push_back(field.name());
  }
  return changed;
}

std::string Edit::TextOf(const Message& resource) const {
  return ToYaml(*catalog_, *WithoutServersOwn(*target_.collection, resource, false),
                target_.collection->type);
}

std::string Edit::HeaderOf() const {
  return absl::StrCat("# ", target_.name,
                      ": change what is to be changed, save, and leave the editor. A field that\n"
                      "# is taken out is cleared. An empty file, or one that is not changed, ends "
                      "the edit.\n");
}

absl::Status Edit::Parse(const std::string& text) {
  const auto documents = ReadDocuments(text, "edit.yaml");
  if (documents.size() != 1) {
    return UsageError(absl::StrCat("the text holds ", documents.size(), " documents, not one"));
  }
  if (!documents[0].content.ok()) return documents[0].content.status();
  YAML::Node node = YAML::Clone(*documents[0].content);
  // A resource may have a field `type` of its own.
  if (node.IsMap() && node["type"] && node["type"].IsScalar() &&
      node["type"].Scalar() == target_.collection->type) {
    node.remove("type");
  }
  edited_ = catalog_->New(*target_.collection->message);
  std::vector<std::string> paths;
  api::Violations violations;
  DocumentReader(*catalog_).Read(node, edited_.get(), &paths, &violations);
  if (!violations.empty()) return violations.ToStatus();
  const std::string name = StringField(*edited_, "name");
  if (name != target_.name) {
    return UsageError(
        absl::StrCat("the name is ", target_.name, ", and cannot be changed to \"", name, "\""));
  }
  return absl::OkStatus();
}

absl::Status Edit::Send(const std::vector<std::string>& paths) {
  const auto method = target_.collection->Method(StandardMethod::kUpdate);
  if (!method.ok()) return method.status();
  auto request = catalog_->New(*(*method)->input_type());
  if (auto status = FillUpdate(*edited_, paths, request.get()); !status.ok()) return status;
  // What was deleted meanwhile is not to come back.
  auto status = session_.Set(request.get(), "allow_missing", "false");
  if (!status.ok()) return status;
  const auto* resource = ResourceField(*request->GetDescriptor());
  Message* message = request->GetReflection()->MutableMessage(request.get(), resource);
  status = session_.Set(message, "etag", StringField(*base_, "etag"));
  if (!status.ok()) return status;
  return session_.Call(**method, request.get()).status();
}

// Somebody else has changed the resource: puts the fields that were edited into
// what it is now.
absl::Status Edit::TakeOver(const std::vector<std::string>& paths, std::string* note) {
  auto now = session_.Get(*target_.collection, target_.name);
  if (!now.ok()) return now.status();
  const auto theirs = ChangedFields(*base_, **now);
  auto merged = std::unique_ptr<Message>((*now)->New());
  merged->CopyFrom(**now);
  std::vector<const FieldDescriptor*> fields;
  std::vector<std::string> both;
  for (const std::string& path : paths) {
    fields.push_back(target_.collection->message->FindFieldByName(path));
    if (std::find(theirs.begin(), theirs.end(), path) != theirs.end()) both.push_back(path);
  }
  merged->GetReflection()->SwapFields(merged.get(), edited_.get(), fields);
  base_ = *std::move(now);
  edited_ = std::move(merged);
  *note = absl::StrCat("# It has been changed meanwhile: ",
                       theirs.empty() ? "nothing that is shown here" : absl::StrJoin(theirs, ", "),
                       ". Your changes are in the text below.\n");
  if (!both.empty()) {
    absl::StrAppend(note, "# Both have changed ", absl::StrJoin(both, ", "),
                    ": the text has your values.\n");
  }
  absl::StrAppend(note, "# Save it, changed or not, to go on.\n");
  return absl::OkStatus();
}

absl::StatusOr<int> Edit::GiveUp(Draft& draft, const absl::Status& status) {
  draft.Keep();
  session_.err() << "Your text is kept in " << draft.path() << "\n";
  return status;
}

absl::StatusOr<int> Edit::Run() {
  const auto catalog = session_.catalog();
  if (!catalog.ok()) return catalog.status();
  catalog_ = *catalog;
  if (const auto method = target_.collection->Method(StandardMethod::kUpdate); !method.ok()) {
    return method.status();
  }
  auto resource = session_.Get(*target_.collection, target_.name);
  if (!resource.ok()) return resource.status();
  base_ = *std::move(resource);
  Draft draft;
  std::string shown = absl::StrCat(HeaderOf(), TextOf(*base_));
  absl::Status problem;  // of the text that is shown
  bool merged = false;   // what is shown is worth saving as it is
  while (true) {
    if (!draft.Write(shown)) return UsageError("no temporary file can be written");
    if (auto status = session_.environment().edit(draft.path()); !status.ok()) {
      return GiveUp(draft, status);
    }
    const std::string text = draft.Read();
    const std::string content = WithoutComments(text);
    if (content.empty() || (!merged && content == WithoutComments(shown))) {
      if (!problem.ok() && !content.empty()) return GiveUp(draft, problem);
      session_.err() << "Edit cancelled, nothing is changed.\n";
      return 0;
    }
    merged = false;
    problem = Parse(text);
    std::vector<std::string> paths;
    if (problem.ok()) {
      paths = ChangedFields(*base_, *edited_);
      if (paths.empty()) {
        session_.err() << "Nothing is changed.\n";
        return 0;
      }
      problem = Send(paths);
    }
    if (problem.ok()) {
      session_.out() << target_.name << " edited\n";
      return 0;
    }
    switch (problem.code()) {
      case absl::StatusCode::kAborted: {
        std::string note;
        if (auto status = TakeOver(paths, &note); !status.ok()) return GiveUp(draft, status);
        shown = absl::StrCat(HeaderOf(), note, TextOf(*edited_));
        merged = true;
        break;
      }
      case absl::StatusCode::kInvalidArgument:
      case absl::StatusCode::kFailedPrecondition:
      case absl::StatusCode::kOutOfRange: {
        // The text is at fault, and may be mended.
        std::ostringstream error;
        PrintError(problem, "", error);
        shown = HeaderOf();
        for (std::string_view line : absl::StrSplit(error.str(), '\n', absl::SkipEmpty())) {
          absl::StrAppend(&shown, "# ", line, "\n");
        }
        absl::StrAppend(&shown, content);
        break;
      }
      default:
        return GiveUp(draft, problem);
    }
  }
}

absl::StatusOr<int> RunEdit(Session& session, const Flags& flags) {
  const auto target = TargetOf(session, "edit", flags.args(), flags.Get("parent"));
  if (!target.ok()) return target.status();
  return Edit(session, *target).Run();
}

}  // namespace

Command EditCommand() {
  return {
      .name = "edit",
      .arguments = "COLLECTION ID",
      .summary = "change a resource in an editor",
      .details =
          "Opens the resource as YAML in $VISUAL, $EDITOR or vi. What was changed is sent when\n"
          "the editor ends; where the server refuses it, the editor opens again with the\n"
          "reason. A change that somebody else makes meanwhile is not lost: yours is put on\n"
          "top of it, for you to see.\n",
      .flags = {{"parent", "NAME", "the resource in which it lives"}},
      .run = RunEdit,
      .completes = Completes::kResources};
}

}  // namespace caravan::cli
