// caravanctl, the command line of Caravan.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/commands.h"

namespace {

// The variable may hold arguments, so a shell takes it apart; the file's name is
// no part of what it reads.
absl::Status EditFile(const std::string& file) {
  const char* editor = std::getenv("VISUAL");
  if (editor == nullptr || *editor == '\0') editor = std::getenv("EDITOR");
  if (editor == nullptr || *editor == '\0') editor = "vi";
  const std::string command = absl::StrCat(editor, " \"$1\"");
  std::cout.flush();
  std::cerr.flush();
  const pid_t child = fork();
  if (child == 0) {
    execl("/bin/sh", "sh", "-c", command.c_str(), "sh", file.c_str(), nullptr);
    _exit(127);
  }
  int state = 0;
  if (child < 0 || waitpid(child, &state, 0) != child) {
    return absl::UnavailableError("no editor can be started");
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the editor \"", editor, "\" failed"));
}

}  // namespace

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
  environment.edit = EditFile;
  environment.now = [] { return absl::Now(); };
  environment.sleep = [](absl::Duration duration) { absl::SleepFor(duration); };
  return caravan::cli::Run(std::vector<std::string>(argv + 1, argv + argc), environment);
}
