#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/printer.h"
#include "clients/cli/requests.h"
#include "clients/cli/value.h"
#include "services/common/api/errors.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;
using ::google::protobuf::Message;

absl::Status Prefix(const absl::Status& status, std::string_view what) {
  return status.ok() ? status : UsageError(absl::StrCat(what, " ", std::string(status.message())));
}

// The resource to create, from --field and -f.
absl::Status FillFromFlags(Session& session, const Collection& collection, const Flags& flags,
                           Message* resource) {
  const auto catalog = session.catalog();
  api::Violations violations;
  if (flags.Has("filename")) {
    const auto documents = ReadDocumentFiles({flags.Get("filename")}, *session.environment().in);
    if (!documents.ok()) return documents.status();
    if (documents->size() != 1) {
      return UsageError(absl::StrCat(flags.Get("filename"), " has ", documents->size(),
                                     " documents, and create takes one; use apply -f for many"));
    }
    const Document& document = documents->front();
    if (!document.content.ok()) {
      return UsageError(
          absl::StrCat(document.Where(), " ", std::string(document.content.status().message())));
    }
    std::vector<std::string> paths;
    YAML::Node node = YAML::Clone(*document.content);
    if (node.IsMap()) node.remove("type");
    DocumentReader(**catalog).Read(node, resource, &paths, &violations);
    if (!violations.empty()) return violations.ToStatus();
  }
  for (const std::string& assignment : flags.All("field")) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos) {
      return UsageError(absl::StrCat("--field is path=value, not \"", assignment, "\""));
    }
    const auto path = ResolvePath(*collection.message, assignment.substr(0, equals));
    if (!path.ok()) return path.status();
    const auto status =
        ValueReader(**catalog).SetPath(resource, *path, assignment.substr(equals + 1));
    if (!status.ok()) return Prefix(status, path->path);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> RunCreate(Session& session, const Flags& flags) {
  const auto& args = flags.args();
  if (args.empty() || args.size() > 2) return UsageError("create takes COLLECTION [ID]");
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const auto collection = (*catalog)->Find(args[0]);
  if (!collection.ok()) return collection.status();
  const auto method = (*collection)->Method(StandardMethod::kCreate);
  if (!method.ok()) return method.status();
  auto resource = (*catalog)->New(*(*collection)->message);
  auto status = FillFromFlags(session, **collection, flags, resource.get());
  if (!status.ok()) return status;
  std::string name = StringField(*resource, "name");
  if (args.size() == 2) {
    const auto full = (*collection)->NameOf(args[1], flags.Get("parent"));
    if (!full.ok()) return full.status();
    name = *full;
  }
  auto request = (*catalog)->New(*(*method)->input_type());
  status = FillCreate(**collection, name, flags.Get("parent"), *resource, request.get());
  if (status.ok() && flags.IsOn("dry-run")) {
    status = session.Set(request.get(), "validate_only", "true");
  }
  if (!status.ok()) return status;
  const auto created = session.Call(**method, request.get());
  if (!created.ok()) return created.status();
  if (flags.Has("output")) {
    const auto format = ParseFormat(flags.Get("output"));
    if (!format.ok()) return format.status();
    const auto printer = NewPrinter(*format, **catalog, **collection, false,
                                    !(*collection)->IsNested(), session.out());
    status = printer->Print(**created);
    printer->Finish();
    if (!status.ok()) return status;
  } else {
    session.out() << StringField(**created, "name") << " created"
                  << (flags.IsOn("dry-run") ? " (dry run)" : "") << "\n";
  }
  return 0;
}

absl::StatusOr<int> RunDelete(Session& session, const Flags& flags) {
  const auto& args = flags.args();
  if (args.empty()) return UsageError("delete takes COLLECTION ID...");
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  std::vector<std::string> ids(args.begin() + 1, args.end());
  const Collection* collection = (*catalog)->Owning(args[0]);
  if (collection != nullptr) {
    ids.insert(ids.begin(), args[0]);
  } else {
    const auto found = (*catalog)->Find(args[0]);
    if (!found.ok()) return found.status();
    collection = *found;
  }
  if (ids.empty()) return UsageError("delete needs the ids of what to delete");
  const auto method = collection->Method(StandardMethod::kDelete);
  if (!method.ok()) return method.status();
  std::vector<std::string> names;
  for (const std::string& id : ids) {
    auto name = collection->NameOf(id, flags.Get("parent"));
    if (!name.ok()) return name.status();
    names.push_back(*std::move(name));
  }
  int code = 0;
  for (const std::string& name : names) {
    auto request = (*catalog)->New(*(*method)->input_type());
    auto status = session.Set(request.get(), "name", name);
    if (status.ok() && flags.IsOn("if-exists")) {
      status = session.Set(request.get(), "allow_missing", "true");
    }
    if (status.ok() && flags.IsOn("dry-run")) {
      status = session.Set(request.get(), "validate_only", "true");
    }
    if (!status.ok()) return status;
    status = session.Call(**method, request.get()).status();
    if (status.ok()) {
      session.out() << name << " deleted" << (flags.IsOn("dry-run") ? " (dry run)" : "") << "\n";
      continue;
    }
    PrintError(status, "", session.err());
    if (code == 0) code = ExitCode(status);
  }
  return code;
}

}  // namespace

Command CreateCommand() {
  return {.name = "create",
          .arguments = "COLLECTION [ID]",
          .summary = "create a resource",
          .details =
              "Creates a resource from fields or a file, for example\n\n"
              "  caravanctl create pilotZones hangzhou --field display_name=Hangzhou \\\n"
              "      --field batch=1 --field approval_date=2015-03-07 --field province=CN-ZJ\n",
          .flags = {{"field", "PATH=VALUE", "sets a field, such as office.email; may be repeated"},
                    {"filename", "FILE",
                     "a document with the fields (YAML or JSON; -: standard input)", 'f'},
                    {"parent", "NAME", "the resource in which it will live"},
                    {"dry-run", "", "let the server check, and change nothing"},
                    OutputFlag("show what was created: table, wide, json, yaml or name")},
          .run = RunCreate,
          .completes = Completes::kCollections};
}

Command DeleteCommand() {
  return {.name = "delete",
          .arguments = "COLLECTION ID...",
          .summary = "delete resources",
          .details =
              "Deletes the resources that are named, one by one. What others refer to is "
              "refused.\n",
          .flags = {{"if-exists", "", "what does not exist is no error"},
                    {"parent", "NAME", "the resource in which they live"},
                    {"dry-run", "", "let the server check, and change nothing"}},
          .run = RunDelete,
          .completes = Completes::kResources};
}

}  // namespace caravan::cli
