// Loads the settings of a program from its command line, its environment and a
// YAML file, in this order of precedence, and then from the defaults. The
// schema is a protobuf message whose fields carry the option
// (caravan.settings.setting); see settings.proto.
//
//   int main(int argc, char** argv) {
//     auto settings = settings::LoadOrExit<settings::ServerSettings>(
//         {.name = "caravan-zones", .description = "..."}, argc, argv);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"
#include "services/common/settings/settings.pb.h"

namespace caravan::settings {

struct Program {
  std::string name;         // as in the shell, for example `caravan-zones`
  std::string description;  // one or two sentences for --help
};

// The version that `--version` prints.
std::string_view Version();

// Fills `settings`. Returns the text to print instead of running where `--help`
// or `--version` was asked for, else nothing. `arguments` are without the
// program's name; `environment` entries are NAME=value, of which those that
// begin with CARAVAN_ are read. Errors are INVALID_ARGUMENT, say which flag,
// variable or line is wrong, and suggest a name that comes near.
//
// Flags are `--name=value`, `--name value`, and `--name` for a boolean. Lists
// are comma-separated (in the file: YAML sequences), and a flag may be given
// several times. Durations are `250ms`, `30s`, `5m`, `12h`, `90d`, `1h30m`.
// `--config` (CARAVAN_CONFIG) names the file.
absl::StatusOr<std::optional<std::string>> Load(const Program& program,
                                                const std::vector<std::string>& arguments,
                                                const std::vector<std::string>& environment,
                                                google::protobuf::Message* settings);

// Load() of the process's arguments and environment. Prints and exits with 0
// for --help and --version, with 2 where something is wrong.
void LoadOrExit(const Program& program, int argc, const char* const* argv,
                google::protobuf::Message* settings);

template <typename T>
T LoadOrExit(const Program& program, int argc, const char* const* argv) {
  T settings;
  LoadOrExit(program, argc, argv, &settings);
  return settings;
}

// The defaults, for tests and in-process servers.
template <typename T>
T Defaults() {
  T settings;
  Load(Program{}, {}, {}, &settings).IgnoreError();
  return settings;
}

// The value of a duration setting.
absl::Duration ToDuration(const google::protobuf::Duration& duration);

}  // namespace caravan::settings
