#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/commands.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

constexpr std::string_view kVersion = "0.1.0";

std::string Overview() {
  std::string text =
      "caravanctl administers Caravan from the command line.\n\n"
      "usage: caravanctl COMMAND [ARGUMENTS] [FLAGS]\n\ncommands:\n";
  for (const auto& command : Commands()) {
    absl::StrAppendFormat(&text, "  %-15s %s\n", command.name, command.summary);
  }
  absl::StrAppend(
      &text, absl::StrFormat("  %-15s %s\n", "version", "show the version of caravanctl"),
      absl::StrFormat("  %-15s %s\n", "help", "show this, or the help of a command"),
      "\nEvery other method of the server is a verb of its own, with a flag for each field of\n"
      "its request: caravanctl VERB COLLECTION [ID] [--FIELD VALUE ...], for example\n\n"
      "  caravanctl merge pilotZones haikou --successor hainan --end-date 2025-04\n\n"
      "`caravanctl methods` lists them.\n\nflags of every command:\n",
      DescribeFlags(GlobalFlags()),
      "\nexit codes: 0 done, 1 failed, 2 wrong use (import: rows were refused), 3 not found,\n"
      "4 not permitted, 5 server not reachable, 6 in conflict with the state of things.\n");
  return text;
}

std::string Help(const Command& command) {
  return absl::StrCat("usage: caravanctl ", command.name, command.arguments.empty() ? "" : " ",
                      command.arguments, " [FLAGS]\n\n", command.details,
                      command.flags.empty() ? "" : "\nflags:\n", DescribeFlags(command.flags),
                      "\nflags of every command:\n", DescribeFlags(GlobalFlags()));
}

absl::StatusOr<int> Dispatch(const std::vector<std::string>& words, Environment& environment) {
  // The scripts of `completion` ask so.
  if (!words.empty() && words[0] == "__complete") {
    Complete({words.begin() + 1, words.end()}, environment);
    return 0;
  }
  // The command is the first word that is neither a flag nor a flag's value.
  const auto first = FlagParser(GlobalFlags()).Parse(words, /*lenient=*/true);
  if (!first.ok()) return first.status();
  const std::string name = first->args().empty() ? "" : first->args()[0];
  if (name.empty() || name == "help") {
    if (name == "help" && first->args().size() > 1) {
      const auto* command = FindCommand(first->args()[1]);
      if (command == nullptr) {
        return UsageError(absl::StrCat("no command is called \"", first->args()[1],
                                       "\"; `caravanctl help` lists them"));
      }
      *environment.out << Help(*command);
      return 0;
    }
    // Without a word there is nothing to do, which is a mistake.
    const bool asked = name == "help" || first->Has("help");
    *(asked ? environment.out : environment.err) << Overview();
    return asked ? 0 : 2;
  }
  if (name == "version") {
    *environment.out << "caravanctl " << kVersion << "\n";
    return 0;
  }
  std::vector<std::string> rest = words;
  rest.erase(std::find(rest.begin(), rest.end(), name));
  const auto* command = FindCommand(name);
  if (command == nullptr) {
    rest.insert(rest.begin(), name);
    return RunVerb(rest, environment);
  }
  std::vector<Flag> flags = command->flags;
  flags.insert(flags.end(), GlobalFlags().begin(), GlobalFlags().end());
  const auto parsed = FlagParser(flags).Parse(rest);
  if (!parsed.ok()) return parsed.status();
  if (parsed->Has("help")) {
    *environment.out << Help(*command);
    return 0;
  }
  Session session(environment, *parsed);
  return command->run(session, *parsed);
}

}  // namespace

const Command* FindCommand(std::string_view name) {
  for (const auto& command : Commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

const std::vector<Command>& Commands() {
  static const std::vector<Command> kCommands = {
      GetCommand(),     DescribeCommand(),     ExplainCommand(),   CreateCommand(),
      ApplyCommand(),   EditCommand(),         DeleteCommand(),    WatchCommand(),
      ChangesCommand(), PendingCommand(),      ImportCommand(),    ExportCommand(),
      ZonesCommand(),   FairCommand(),         LogisticsCommand(), PoliciesCommand(),
      MethodsCommand(), ApiResourcesCommand(), ConfigCommand(),    LoginCommand(),
      LogoutCommand(),  CompletionCommand()};
  return kCommands;
}

Flag OutputFlag(std::string help) { return {"output", "FORMAT", std::move(help), 'o'}; }

int Run(const std::vector<std::string>& words, Environment& environment) {
  const auto code = Dispatch(words, environment);
  environment.out->flush();
  if (!code.ok()) {
    PrintError(code.status(), "", *environment.err);
    return ExitCode(code.status());
  }
  if (!*environment.out) {
    *environment.err << "error: the output cannot be written\n";
    return 1;
  }
  return *code;
}

}  // namespace caravan::cli
