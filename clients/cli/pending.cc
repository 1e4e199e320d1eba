// What waits for the user.
#include "caravan/api/v1/pending_actions.client.h"

#include <algorithm>
#include <tuple>
#include <vector>

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
  const auto services = session.OptionsOfServices();
  if (!services.ok()) return services.status();
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
  std::vector<api::v1::PendingAction> actions;
  for (const client::CallOptions& options : *services) {
    const api::v1::PendingActionServiceClient client(*connection, options);
    for (const auto& action : client.ListPendingActions(request)) {
      if (!action.ok()) return action.status();
      actions.push_back(*action);
    }
  }
  // Each service lists its own by due date.
  std::stable_sort(actions.begin(), actions.end(), [](const auto& a, const auto& b) {
    const auto order = [](const api::v1::PendingAction& action) {
      const auto& due = action.due_date();
      return std::tuple(!action.has_due_date(), due.year(), due.month(), due.day());
    };
    return order(a) < order(b);
  });
  Table table({"DUE", "OVERDUE", "RESOURCE", "STATE", "VERBS"}, session.out());
  for (const api::v1::PendingAction& action : actions) {
    switch (*format) {
      case Format::kName:
        session.out() << action.resource() << "\n";
        break;
      case Format::kYaml:
        session.out() << "---\n" << ToYaml(**catalog, action);
        break;
      case Format::kJson: {
        auto json = ToJson(action, false);
        if (!json.ok()) return json.status();
        session.out() << *json << "\n";
        break;
      }
      default: {
        std::vector<std::string> verbs;
        for (const auto& method : action.methods()) verbs.push_back(CommandOf(**catalog, method));
        table.Add({action.has_due_date() ? FormatScalarMessage(action.due_date()) : "",
                   action.overdue() ? "yes" : "", action.resource(), action.state(),
                   absl::StrJoin(verbs, ",")});
      }
    }
  }
  table.Flush();
  if (actions.empty()) session.err() << "Nothing waits for you.\n";
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
