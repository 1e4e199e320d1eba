// For tests that start programs of this build as processes. Of the standard
// library alone.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace caravan::testing {

// The folder with the programs of this build, of which the test is one.
inline std::string ProgramFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

// The environment for a program: this process's without CARAVAN_*, which are for
// the test and which the program would take for settings. Ends with a null, for
// execve and posix_spawn; holds while the environment does not change.
inline std::vector<char*> ProgramEnvironment() {
  std::vector<char*> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (!std::string_view(*variable).starts_with("CARAVAN_")) environment.push_back(*variable);
  }
  environment.push_back(nullptr);
  return environment;
}

}  // namespace caravan::testing
