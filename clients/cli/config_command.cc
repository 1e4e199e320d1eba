#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "clients/cli/config.h"
#include "clients/cli/printer.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

std::vector<std::string> Names(const Config& config) {
  std::vector<std::string> names;
  for (const auto& [name, endpoint] : config.contexts) names.push_back(name);
  return names;
}

absl::StatusOr<int> RunConfig(Session& session, const Flags& flags) {
  const auto& args = flags.args();
  const std::string verb = args.empty() ? "" : args[0];
  const std::string name = args.size() > 1 ? args[1] : "";
  const std::string file = ConfigFile(session.environment());
  auto config = LoadConfig(file);
  if (!config.ok()) return config.status();
  const auto unknown = [&] {
    return UsageError(
        absl::StrCat(file, " has no context \"", name, "\"", DidYouMean(name, Names(*config))));
  };
  if (verb == "get-contexts" && args.size() == 1) {
    Table table({"CURRENT", "NAME", "ADDRESS", "CA", "CERTIFICATE", "TOKEN FILE"}, session.out());
    for (const auto& [known, endpoint] : config->contexts) {
      table.Add({known == config->current_context ? "*" : "", known, endpoint.address,
                 endpoint.insecure ? "(insecure)" : endpoint.ca, endpoint.certificate,
                 endpoint.token_file});
    }
    table.Flush();
    if (config->contexts.empty()) session.err() << "No contexts in " << file << ".\n";
    return 0;
  }
  if (verb == "current-context" && args.size() == 1) {
    if (config->current_context.empty()) return UsageError("no context is current");
    session.out() << config->current_context << "\n";
    return 0;
  }
  if (verb == "use-context" && args.size() == 2) {
    if (!config->contexts.contains(name)) return unknown();
    config->current_context = name;
  } else if (verb == "set-context" && args.size() == 2) {
    Endpoint& endpoint = config->contexts[name];
    OverrideEndpoint(flags, &endpoint);
    if (endpoint.address.empty()) return UsageError("a context needs an --address");
    if (endpoint.insecure && !client::IsLocal(endpoint.address)) {
      return UsageError(absl::StrCat("--insecure is for unix sockets and loopback addresses, and ",
                                     endpoint.address, " is neither"));
    }
    // The first context is the one to use.
    if (config->current_context.empty()) config->current_context = name;
  } else if (verb == "delete-context" && args.size() == 2) {
    if (config->contexts.erase(name) == 0) return unknown();
    if (config->current_context == name) config->current_context.clear();
  } else {
    return UsageError(
        "config takes get-contexts, current-context, use-context NAME, set-context NAME or "
        "delete-context NAME");
  }
  if (auto status = SaveConfig(file, *config); !status.ok()) return status;
  session.err() << "Context \"" << name << "\" "
                << (verb == "use-context"   ? "is now current"
                    : verb == "set-context" ? "is set"
                                            : "is deleted")
                << ".\n";
  return 0;
}

}  // namespace

Command ConfigCommand() {
  return {
      .name = "config",
      .arguments =
          "get-contexts | current-context | use-context NAME | set-context NAME | "
          "delete-context NAME",
      .summary = "keep the servers that you work with",
      .details =
          "Contexts are kept in $CARAVANCTL_CONFIG, else ~/.config/caravan/config.yaml. "
          "For example\n\n"
          "  caravanctl config set-context ministry --address caravan.example:8443 \\\n"
          "      --ca ca.pem --cert me.pem --key me.key\n",
      .flags = {},
      .run = RunConfig,
      .completes = Completes::kContexts,
      .words = {"get-contexts", "current-context", "use-context", "set-context", "delete-context"}};
}

}  // namespace caravan::cli
