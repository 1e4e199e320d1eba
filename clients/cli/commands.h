// The commands of caravanctl.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/flags.h"
#include "clients/cli/session.h"

namespace caravan::cli {

// What the arguments of a command are, for completion.
enum class Completes {
  kNothing,
  kWords,        // one of `words`
  kCollections,  // names of collections
  kResources,    // a collection, then ids in it; or full names
  kContexts,     // `words`, then a context
};

struct Command {
  std::string name;
  std::string arguments;  // "COLLECTION [ID...]"
  std::string summary;    // a line for the list of commands
  std::string details;    // what else --help says
  std::vector<Flag> flags;
  // The exit code, or the error that ended the command. Gets the flags without
  // the command's own name.
  std::function<absl::StatusOr<int>(Session&, const Flags&)> run;
  Completes completes = Completes::kNothing;
  std::vector<std::string> words = {};
  std::string collection = {};  // with kWords: what comes after the word
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
Command EditCommand();
Command ExportCommand();
Command ExplainCommand();
Command LoginCommand();
Command LogoutCommand();
Command CompletionCommand();
Command PendingCommand();
Command ZonesCommand();
Command FairCommand();
Command LogisticsCommand();
Command PoliciesCommand();

// In the order in which help lists them.
const std::vector<Command>& Commands();

// Prints what may come next, one a line: `words` are those after `__complete`, of
// which the last is being typed. Prints nothing where nothing is known.
void Complete(const std::vector<std::string>& words, Environment& environment);

// The command of this name; null where there is none.
const Command* FindCommand(std::string_view name);

// The flags of a request's fields, by their paths in kebab case, and a request
// filled from them.
std::vector<Flag> RequestFlags(const google::protobuf::Descriptor& request);
absl::Status FillRequest(Session& session, const Flags& flags, google::protobuf::Message* request);

// Runs a custom method as a verb: `words` are those after `caravanctl`.
absl::StatusOr<int> RunVerb(const std::vector<std::string>& words, Environment& environment);

// Runs caravanctl: `words` are those after the program's name. Returns the
// exit code; see ExitCode.
int Run(const std::vector<std::string>& words, Environment& environment);

// The flag for --output.
Flag OutputFlag(std::string help = "table, wide, json, yaml or name");

}  // namespace caravan::cli
