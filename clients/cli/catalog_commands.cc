// What the server has, for people and scripts.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands.h"
#include "clients/cli/printer.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;

std::string StandardNames(const Collection& collection) {
  std::vector<std::string> names;
  for (const auto& [standard, method] : collection.standard) {
    switch (standard) {
      case StandardMethod::kGet:
        names.push_back("get");
        break;
      case StandardMethod::kList:
        names.push_back("list");
        break;
      case StandardMethod::kCreate:
        names.push_back("create");
        break;
      case StandardMethod::kUpdate:
        names.push_back("update");
        break;
      case StandardMethod::kDelete:
        names.push_back("delete");
        break;
      case StandardMethod::kLoad:
        names.push_back("load");
        break;
      default:
        break;  // the batch methods do what the others do, for many
    }
  }
  return absl::StrJoin(names, ",");
}

absl::StatusOr<int> RunApiResources(Session& session, const Flags& flags) {
  if (!flags.args().empty()) return UsageError("api-resources takes no arguments");
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  if (*format == Format::kName) {
    for (const auto& collection : (*catalog)->collections())
      session.out() << collection->id << "\n";
    return 0;
  }
  if (*format != Format::kTable && *format != Format::kWide) {
    return UsageError("api-resources is shown as table, wide or name");
  }
  Table table({"COLLECTION", "TYPE", "NAMES", "METHODS", "VERBS"}, session.out());
  for (const auto& collection : (*catalog)->collections()) {
    std::vector<std::string> verbs;
    for (const Verb& verb : collection->verbs) verbs.push_back(verb.name);
    table.Add({collection->id, collection->type, absl::StrJoin(collection->patterns, " "),
               StandardNames(*collection), absl::StrJoin(verbs, ",")});
  }
  table.Flush();
  return 0;
}

// How a method is called from here.
std::string Usage(const Catalog& catalog, const google::protobuf::MethodDescriptor& method) {
  for (const auto& collection : catalog.collections()) {
    for (const Verb& verb : collection->verbs) {
      if (verb.method == &method) {
        return absl::StrCat(verb.name, " ", collection->id, verb.on_resource ? " ID" : "");
      }
    }
    for (const auto& [standard, known] : collection->standard) {
      if (known != &method) continue;
      switch (standard) {
        case StandardMethod::kGet:
        case StandardMethod::kBatchGet:
          return absl::StrCat("get ", collection->id, " ID");
        case StandardMethod::kList:
          return absl::StrCat("get ", collection->id);
        case StandardMethod::kCreate:
          return absl::StrCat("create ", collection->id, " ID");
        case StandardMethod::kUpdate:
          return "apply -f FILE";
        case StandardMethod::kDelete:
          return absl::StrCat("delete ", collection->id, " ID");
        case StandardMethod::kBatchCreate:
          return absl::StrCat("import FILE --collection ", collection->id, " --create");
        case StandardMethod::kBatchUpdate:
          return absl::StrCat("import FILE --collection ", collection->id);
        case StandardMethod::kLoad:
          return absl::StrCat("import FILE --collection ", collection->id, " --load");
      }
    }
  }
  if (method.full_name() == "caravan.api.v1.ChangeService.WatchChanges") return "watch";
  if (method.full_name() == "caravan.api.v1.ChangeService.ListChanges") return "changes";
  return "";
}

absl::StatusOr<int> RunMethods(Session& session, const Flags& flags) {
  if (flags.args().size() > 1) return UsageError("methods takes one collection at the most");
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const Collection* only = nullptr;
  if (!flags.args().empty()) {
    const auto found = (*catalog)->Find(flags.args()[0]);
    if (!found.ok()) return found.status();
    only = *found;
  }
  Table table({"METHOD", "PERMISSION", "COMMAND"}, session.out());
  for (const auto* method : (*catalog)->Methods()) {
    if (only != nullptr) {
      bool of_it = false;
      for (const auto& [standard, known] : only->standard) of_it = of_it || known == method;
      for (const Verb& verb : only->verbs) of_it = of_it || verb.method == method;
      if (!of_it) continue;
    }
    const auto& access = method->options().GetExtension(api::v1::access);
    table.Add({absl::StrCat(method->service()->full_name(), "/", method->name()),
               access.permission(), Usage(**catalog, *method)});
  }
  table.Flush();
  return 0;
}

}  // namespace

Command MethodsCommand() {
  return {.name = "methods",
          .arguments = "[COLLECTION]",
          .summary = "list the server's methods, who may call them and how",
          .details =
              "Lists every method that the server has, with the permission that it needs and\n"
              "the command that calls it.\n",
          .flags = {},
          .run = RunMethods,
          .completes = Completes::kCollections};
}

Command ApiResourcesCommand() {
  return {.name = "api-resources",
          .arguments = "",
          .summary = "list the server's collections",
          .details = "Lists every collection, how its resources are named, and what can be done.\n",
          .flags = {OutputFlag("table, wide or name")},
          .run = RunApiResources};
}

}  // namespace caravan::cli
