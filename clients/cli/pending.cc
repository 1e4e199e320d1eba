// What waits for the user.
#include "caravan/api/v1/pending_actions.client.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/changes.h"
#include "clients/cli/commands.h"
#include "clients/cli/document.h"
#include "clients/cli/printer.h"
#include "clients/cli/value.h"

namespace caravan::cli {
namespace {

// How a method that an action waits for is called: `submit submissions`.
std::string CommandOf(const Catalog& catalog, const std::string& method) {
  for (const auto& collection : catalog.collections()) {
    for (const Verb& verb : collection->verbs) {
      if (absl::StrCat(verb.method->service()->full_name(), "/", verb.method->name()) == method) {
        return verb.name;
      }
    }
  }
  return std::string(ShortName(method));
}

absl::StatusOr<int> RunPending(Session& session, const Flags& flags) {
  if (!flags.args().empty()) return UsageError("pending takes no arguments");
  const auto format = ParseFormat(flags.Get("output", "table"));
  if (!format.ok()) return format.status();
  const auto options = session.OptionsOf(nullptr);
  if (!options.ok()) return options.status();
  const auto catalog = session.catalog();
  if (!catalog.ok()) return catalog.status();
  const auto connection = session.connection();
  api::v1::ListPendingActionsRequest request;
  request.set_filter(flags.Get("filter"));
  if (flags.IsOn("overdue")) {
    request.set_filter(request.filter().empty()
                           ? "overdue = true"
                           : absl::StrCat("(", request.filter(), ") AND overdue = true"));
  }
  const api::v1::PendingActionServiceClient client(*connection, *options);
  Table table({"DUE", "OVERDUE", "RESOURCE", "STATE", "VERBS"}, session.out());
  int64_t count = 0;
  for (const auto& action : client.ListPendingActions(std::move(request))) {
    if (!action.ok()) return action.status();
    ++count;
    switch (*format) {
      case Format::kName:
        session.out() << action->resource() << "\n";
        break;
      case Format::kYaml:
        session.out() << "---\n" << ToYaml(**catalog, *action);
        break;
      case Format::kJson: {
        auto json = ToJson(*action, false);
        if (!json.ok()) return json.status();
        session.out() << *json << "\n";
        break;
      }
      default: {
        std::vector<std::string> verbs;
        for (const auto& method : action->methods()) verbs.push_back(CommandOf(**catalog, method));
        table.Add({action->has_due_date() ? FormatScalarMessage(action->due_date()) : "",
                   action->overdue() ? "yes" : "", action->resource(), action->state(),
                   absl::StrJoin(verbs, ",")});
      }
    }
  }
  table.Flush();
  if (count == 0) session.err() << "Nothing waits for you.\n";
  return 0;
}

}  // namespace

Command PendingCommand() {
  return {
      .name = "pending",
      .arguments = "",
      .summary = "list what waits for you",
      .details =
          "Lists the resources that wait for something that you may do, by the day until\n"
          "which it is due. `caravanctl VERB RESOURCE` does it. With -o json, each is a line.\n",
      .flags = {{"filter", "FILTER", "which: an AIP-160 filter, such as 'state = \"DRAFT\"'"},
                {"overdue", "", "only what is overdue"},
                OutputFlag()},
      .run = RunPending};
}

}  // namespace caravan::cli
