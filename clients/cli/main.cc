// caravanctl, the command line of Caravan.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "absl/time/clock.h"
#include "clients/cli/commands.h"

int main(int argc, char** argv) {
  // A closed pipe ends the output, not the program in the middle of a change.
  std::signal(SIGPIPE, SIG_IGN);
  caravan::cli::Environment environment;
  environment.in = &std::cin;
  environment.out = &std::cout;
  environment.err = &std::cerr;
  environment.err_is_terminal = isatty(STDERR_FILENO) == 1;
  environment.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  environment.now = [] { return absl::Now(); };
  environment.sleep = [](absl::Duration duration) { absl::SleepFor(duration); };
  return caravan::cli::Run(std::vector<std::string>(argv + 1, argv + argc), environment);
}
