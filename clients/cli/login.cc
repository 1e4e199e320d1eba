// Contexts whose server knows the user by a bearer token.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "caravan/client/contracts.h"
#include "caravan/client/errors.h"
#include "clients/cli/commands.h"
#include "clients/cli/config.h"
#include "clients/cli/text.h"

namespace caravan::cli {
namespace {

namespace fs = std::filesystem;

// Longer than any token, so that a wrong file is refused without being read.
constexpr size_t kMaxToken = 64 << 10;

absl::StatusOr<std::string> ReadToken(std::istream& in) {
  std::string text;
  for (char c; text.size() < kMaxToken && in.get(c);) text += c;
  auto token = client::ParseToken(text, "the standard input");
  if (!token.ok()) return UsageError(std::string(token.status().message()));
  return token;
}

// Where `login --token-stdin` keeps the token of a context.
std::string TokenFile(const std::string& config, const std::string& context) {
  return (fs::path(config).parent_path() / "tokens" / context).string();
}

// The token never is in a file that others can read, not for a moment.
absl::Status WriteToken(const std::string& file, const std::string& token) {
  std::error_code error;
  const fs::path folder = fs::path(file).parent_path();
  fs::create_directories(folder, error);
  fs::permissions(folder, fs::perms::owner_all, error);
  const std::string draft = file + ".new";
  fs::remove(draft, error);
  const int out = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  const std::string text = token + "\n";
  const bool written =
      out >= 0 && write(out, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (out >= 0) close(out);
  if (written) fs::rename(draft, file, error);
  if (!written || error) return UsageError(absl::StrCat("cannot write ", file));
  return absl::OkStatus();
}

bool IsFileName(const std::string& context) {
  return !context.empty() && context[0] != '.' && context.find('/') == std::string::npos;
}

absl::StatusOr<int> RunLogin(Session& session, const Flags& flags) {
  if (flags.args().size() > 1) return UsageError("login takes one context at the most");
  const bool by_input = flags.IsOn("token-stdin");
  if (by_input == flags.Has("token-file")) {
    return UsageError("login needs --token-file FILE, or --token-stdin with the token there");
  }
  const std::string file = ConfigFile(session.environment());
  auto config = LoadConfig(file);
  if (!config.ok()) return config.status();
  const std::string name =
      flags.args().empty() ? flags.Get("context", config->current_context) : flags.args()[0];
  if (!IsFileName(name)) {
    return UsageError(name.empty() ? "login needs the name of a context"
                                   : absl::StrCat("\"", name, "\" is no name of a context"));
  }
  const bool is_new = !config->contexts.contains(name);
  Endpoint& endpoint = config->contexts[name];
  OverrideEndpoint(flags, &endpoint);
  if (is_new && endpoint.address.empty()) {
    return UsageError(absl::StrCat(file, " has no context \"", name, "\"; give its --address"));
  }
  std::string token;
  if (by_input) {
    auto read = ReadToken(*session.environment().in);
    if (!read.ok()) return read.status();
    token = *std::move(read);
  } else {
    std::error_code error;
    const fs::path absolute = fs::absolute(flags.Get("token-file"), error);
    if (!error) endpoint.token_file = absolute.lexically_normal().string();
  }
  // A server that does not know the token says so now rather than later.
  if (!flags.IsOn("no-check")) {
    const auto connection = session.ConnectTo(endpoint, token);
    if (!connection.ok()) return connection.status();
    const auto description = client::Describe(**connection, {.service = endpoint.service});
    if (!description.ok()) return description.status();
  }
  if (by_input) {
    endpoint.token_file = TokenFile(file, name);
    if (auto status = WriteToken(endpoint.token_file, token); !status.ok()) return status;
  }
  if (config->current_context.empty()) config->current_context = name;
  if (auto status = SaveConfig(file, *config); !status.ok()) return status;
  session.err() << "Context \"" << name << "\" uses the token in " << endpoint.token_file << ".\n";
  return 0;
}

absl::StatusOr<int> RunLogout(Session& session, const Flags& flags) {
  if (flags.args().size() > 1) return UsageError("logout takes one context at the most");
  const std::string file = ConfigFile(session.environment());
  auto config = LoadConfig(file);
  if (!config.ok()) return config.status();
  const std::string name =
      flags.args().empty() ? flags.Get("context", config->current_context) : flags.args()[0];
  const auto found = config->contexts.find(name);
  if (found == config->contexts.end() || found->second.token_file.empty()) {
    return UsageError(absl::StrCat("the context \"", name, "\" has no token"));
  }
  // A file of the user's own is left where it is.
  std::error_code error;
  if (found->second.token_file == TokenFile(file, name))
    fs::remove(found->second.token_file, error);
  found->second.token_file.clear();
  if (auto status = SaveConfig(file, *config); !status.ok()) return status;
  session.err() << "Context \"" << name << "\" has no token any more.\n";
  return 0;
}

}  // namespace

Command LoginCommand() {
  return {.name = "login",
          .arguments = "[CONTEXT]",
          .summary = "let a context use a bearer token",
          .details =
              "Lets a context, the current one if none is named, show the server a token. It is\n"
              "read from a file, which is read again whenever it changes, or from the standard\n"
              "input, and then kept for this user alone. It is never given on the command line.\n"
              "The server is asked first whether it takes the token. For example\n\n"
              "  caravanctl login ministry --address caravan.example:8443 --token-stdin < token\n",
          .flags = {{"token-stdin", "", "read the token from the standard input, and keep it"},
                    {"no-check", "", "do not ask the server"}},
          .run = RunLogin,
          .completes = Completes::kContexts};
}

Command LogoutCommand() {
  return {.name = "logout",
          .arguments = "[CONTEXT]",
          .summary = "forget the token of a context",
          .details = "Removes the token that login has kept, and the context's use of it.\n",
          .flags = {},
          .run = RunLogout,
          .completes = Completes::kContexts};
}

}  // namespace caravan::cli
