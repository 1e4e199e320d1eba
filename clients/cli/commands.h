// The commands of caravanctl.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/flags.h"
#include "clients/cli/session.h"

namespace caravan::cli {

struct Command {
  std::string name;
  std::string arguments;  // "COLLECTION [ID...]"
  std::string summary;    // a line for the list of commands
  std::string details;    // what else --help says
  std::vector<Flag> flags;
  // The exit code, or the error that ended the command. Gets the flags without
  // the command's own name.
  std::function<absl::StatusOr<int>(Session&, const Flags&)> run;
};

// Each in its own file.
Command GetCommand();
Command DescribeCommand();
Command CreateCommand();
Command ApplyCommand();
Command DeleteCommand();
Command WatchCommand();
Command ChangesCommand();
Command ImportCommand();
Command MethodsCommand();
Command ApiResourcesCommand();
Command ConfigCommand();

// In the order in which help lists them.
const std::vector<Command>& Commands();

// Runs a custom method as a verb: `words` are those after `caravanctl`.
absl::StatusOr<int> RunVerb(const std::vector<std::string>& words, Environment& environment);

// Runs caravanctl: `words` are those after the program's name. Returns the
// exit code; see ExitCode.
int Run(const std::vector<std::string>& words, Environment& environment);

// The flag for --output.
Flag OutputFlag(std::string help = "table, wide, json, yaml or name");

}  // namespace caravan::cli
