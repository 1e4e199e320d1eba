// Completion in shells: the scripts, and the answers to what they ask.
#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/commands.h"
#include "clients/cli/config.h"
#include "clients/cli/value.h"

namespace caravan::cli {
namespace {

using ::caravan::api::StandardMethod;

// Both ask `caravanctl __complete`, whose answers are lines; a line `:files`
// leaves the word to the shell.
constexpr char kBash[] = R"(# bash completion of caravanctl: source <(caravanctl completion bash)
_caravanctl() {
  local cur words cword answers
  # Colons are part of words, such as addresses.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n =: cur words cword
  else
    words=("${COMP_WORDS[@]}") cword=$COMP_CWORD cur=${COMP_WORDS[COMP_CWORD]}
  fi
  answers=$("${words[0]}" __complete "${words[@]:1:cword}" 2>/dev/null)
  if [ "$answers" = ":files" ]; then
    compopt -o default
    COMPREPLY=()
    return
  fi
  local IFS=$'\n'
  COMPREPLY=($answers)
  # More may follow a full name's slash.
  case "${COMPREPLY[0]}" in */) compopt -o nospace ;; esac
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$cur"; fi
}
complete -F _caravanctl caravanctl
)";

constexpr char kZsh[] = R"(#compdef caravanctl
# zsh completion of caravanctl: source <(caravanctl completion zsh)
_caravanctl() {
  local -a answers
  answers=("${(@f)$("${words[1]}" __complete "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  if [[ "${answers[1]}" == ":files" ]]; then
    _files
    return
  fi
  answers=("${(@)answers:#}")
  (( ${#answers} )) && compadd -- "${answers[@]}"
}
if [ "$funcstack[1]" = "_caravanctl" ]; then
  _caravanctl "$@"
else
  compdef _caravanctl caravanctl
fi
)";

// A shell waits for the answer: a server that does not answer soon is left out.
constexpr char kPatience[] = "3s";
constexpr int kMostNames = 200;

// Gathers what fits the word that is being typed.
class Completer {
 public:
  Completer(const std::vector<std::string>& words, Environment& environment)
      : environment_(environment), typed_(words.empty() ? "" : words.back()) {
    if (!words.empty()) before_.assign(words.begin(), words.end() - 1);
  }

  void Run();

 private:
  void Offer(const std::string& word) {
    if (absl::StartsWith(word, typed_)) offered_.insert(word);
  }
  void OfferFlags(const Command* command);
  bool OfferFlagValue(const std::vector<Flag>& flags);
  void OfferCollections();
  void OfferContexts();
  void OfferVerbs();
  void OfferResources(const Collection& collection, bool full_names);
  void OfferArguments(const Command& command);
  void OfferVerbArguments(const std::string& verb);
  void Print();
  const Catalog* catalog() {
    const auto catalog = session_->catalog();
    return catalog.ok() ? *catalog : nullptr;
  }

  Environment& environment_;
  std::string typed_;
  std::vector<std::string> before_;
  std::vector<std::string> args_;  // what is there of the command's arguments
  Flags flags_;
  std::optional<Session> session_;
  std::set<std::string> offered_;
  bool files_ = false;
};

bool Completer::OfferFlagValue(const std::vector<Flag>& flags) {
  if (before_.empty() || !absl::StartsWith(before_.back(), "-") ||
      before_.back().find('=') != std::string::npos) {
    return false;
  }
  const std::string& last = before_.back();
  const auto flag = std::find_if(flags.begin(), flags.end(), [&](const Flag& f) {
    return last == "--" + f.name ||
           (f.letter != 0 && last == absl::StrCat("-", std::string(1, f.letter)));
  });
  if (flag == flags.end() || flag->value_name.empty()) return false;
  if (flag->value_name == "FILE" || flag->value_name == "FOLDER") {
    files_ = true;
  } else if (flag->value_name == "COLLECTION") {
    OfferCollections();
  } else if (flag->name == "context") {
    OfferContexts();
  } else if (flag->name == "output") {
    for (const char* format : {"table", "wide", "json", "yaml", "name"}) {
      if (flag->help.find(format) != std::string::npos) Offer(format);
    }
    if (flag->help.find("csv") != std::string::npos) Offer("csv");
  } else if (flag->value_name.find('|') != std::string::npos) {
    for (const std::string_view value : absl::StrSplit(flag->value_name, '|'))
      Offer(std::string(value));
  }
  return true;
}

void Completer::OfferFlags(const Command* command) {
  for (const auto& flag : GlobalFlags()) Offer("--" + flag.name);
  if (command == nullptr) return;
  for (const auto& flag : command->flags) Offer("--" + flag.name);
}

void Completer::OfferContexts() {
  const auto config = LoadConfig(ConfigFile(environment_));
  if (!config.ok()) return;
  for (const auto& [name, endpoint] : config->contexts) Offer(name);
}

void Completer::OfferCollections() {
  if (catalog() == nullptr) return;
  for (const auto& collection : catalog()->collections()) Offer(collection->id);
}

void Completer::OfferVerbs() {
  if (catalog() == nullptr) return;
  for (const auto& collection : catalog()->collections()) {
    for (const Verb& verb : collection->verbs) Offer(verb.name);
  }
}

// Names that begin as typed; the server filters where the filter can say it.
void Completer::OfferResources(const Collection& collection, bool full_names) {
  const auto method = collection.Method(StandardMethod::kList);
  if (!method.ok()) return;
  const std::string parent = flags_.Get("parent");
  if (collection.IsNested() && parent.empty()) return;
  auto request = catalog()->New(*(*method)->input_type());
  auto status = session_->Set(request.get(), "page_size", absl::StrCat(kMostNames));
  if (status.ok() && !parent.empty()) status = session_->Set(request.get(), "parent", parent);
  const std::string prefix = full_names ? typed_ : absl::StrCat(collection.id, "/", typed_);
  const bool plain = typed_.find_first_of("\"\\*") == std::string::npos;
  if (status.ok() && plain && !typed_.empty() && parent.empty()) {
    status = session_->Set(request.get(), "filter", absl::StrCat("name = \"", prefix, "*\""));
  }
  if (!status.ok()) return;
  const auto response = session_->Call(**method, request.get());
  if (!response.ok()) return;
  const auto* items = api::RepeatedResource(*(*response)->GetDescriptor());
  const auto* r = (*response)->GetReflection();
  for (int i = 0; i < r->FieldSize(**response, items); ++i) {
    const std::string name = StringField(r->GetRepeatedMessage(**response, items, i), "name");
    Offer(full_names ? name : name.substr(name.rfind('/') + 1));
  }
}

void Completer::OfferArguments(const Command& command) {
  switch (command.completes) {
    case Completes::kNothing:
      return;
    case Completes::kWords:
      if (args_.empty()) {
        for (const auto& word : command.words) Offer(word);
      } else if (!command.collection.empty() && args_.size() == 1 && catalog() != nullptr) {
        const auto collection = catalog()->Find(command.collection);
        if (collection.ok()) OfferResources(**collection, false);
      }
      return;
    case Completes::kContexts:
      if (args_.empty() && !command.words.empty()) {
        for (const auto& word : command.words) Offer(word);
      } else if (args_.size() == (command.words.empty() ? 0 : 1)) {
        OfferContexts();
      }
      return;
    case Completes::kCollections:
      return OfferCollections();
    case Completes::kResources:
      break;
  }
  if (catalog() == nullptr) return;
  if (!args_.empty()) {
    const auto collection = catalog()->Find(args_[0]);
    if (collection.ok()) OfferResources(**collection, false);
    return;
  }
  const size_t slash = typed_.find('/');
  if (slash == std::string::npos) return OfferCollections();
  const auto collection = catalog()->Find(typed_.substr(0, slash));
  if (collection.ok()) OfferResources(**collection, true);
}

void Completer::OfferVerbArguments(const std::string& name) {
  if (catalog() == nullptr) return;
  for (const auto& collection : catalog()->collections()) {
    for (const Verb& verb : collection->verbs) {
      if (verb.name != name) continue;
      if (absl::StartsWith(typed_, "-")) {
        for (const auto& flag : RequestFlags(*verb.method->input_type())) Offer("--" + flag.name);
      } else if (args_.empty()) {
        const size_t slash = typed_.find('/');
        Offer(collection->id);
        if (slash != std::string::npos && typed_.substr(0, slash) == collection->id) {
          OfferResources(*collection, true);
        }
      } else if (verb.on_resource && args_.size() == 1 && args_[0] == collection->id) {
        OfferResources(*collection, false);
      }
    }
  }
}

void Completer::Run() {
  // The command is the first word that is neither a flag nor a flag's value.
  auto given = FlagParser(GlobalFlags()).Parse(before_, /*lenient=*/true);
  if (!given.ok()) {
    // A flag that waits for its value.
    given = FlagParser(GlobalFlags()).Parse({before_.begin(), before_.end() - 1}, true);
    if (!given.ok()) return;
  }
  const Command* command = given->args().empty() ? nullptr : FindCommand(given->args()[0]);
  std::vector<Flag> known = GlobalFlags();
  if (command != nullptr) known.insert(known.end(), command->flags.begin(), command->flags.end());
  std::vector<std::string> words = before_;
  auto exact = FlagParser(known).Parse(words, /*lenient=*/true);
  if (!exact.ok() && !words.empty()) {
    words.pop_back();
    exact = FlagParser(known).Parse(words, /*lenient=*/true);
  }
  if (!exact.ok()) return;
  args_ = exact->args();
  words.insert(words.end(), {"--timeout", kPatience});
  auto patient = FlagParser(known).Parse(words, /*lenient=*/true);
  if (!patient.ok()) return;
  flags_ = *std::move(patient);
  session_.emplace(environment_, flags_);

  if (!OfferFlagValue(known)) {
    const std::string name = args_.empty() ? "" : args_[0];
    if (!args_.empty()) args_.erase(args_.begin());
    if (name.empty()) {
      if (absl::StartsWith(typed_, "-")) {
        OfferFlags(nullptr);
      } else {
        for (const auto& each : Commands()) Offer(each.name);
        for (const char* each : {"help", "version"}) Offer(each);
        OfferVerbs();
      }
    } else if (name == "help") {
      for (const auto& each : Commands()) Offer(each.name);
    } else if (command == nullptr) {
      OfferVerbArguments(name);
    } else if (absl::StartsWith(typed_, "-")) {
      OfferFlags(command);
    } else {
      OfferArguments(*command);
    }
  }
  Print();
}

void Completer::Print() {
  if (files_) {
    *environment_.out << ":files\n";
    return;
  }
  for (const auto& word : offered_) *environment_.out << word << "\n";
}

absl::StatusOr<int> RunCompletion(Session& session, const Flags& flags) {
  const std::string shell = flags.args().size() == 1 ? flags.args()[0] : "";
  if (shell == "bash") {
    session.out() << kBash;
  } else if (shell == "zsh") {
    session.out() << kZsh;
  } else {
    return UsageError("completion takes bash or zsh");
  }
  return 0;
}

}  // namespace

void Complete(const std::vector<std::string>& words, Environment& environment) {
  Completer(words, environment).Run();
}

Command CompletionCommand() {
  return {.name = "completion",
          .arguments = "bash|zsh",
          .summary = "write the completion for a shell",
          .details =
              "Writes a script that lets the shell complete commands, flags, collections and the\n"
              "names of resources, which it asks the server for. In ~/.bashrc or ~/.zshrc:\n\n"
              "  source <(caravanctl completion bash)\n",
          .flags = {},
          .run = RunCompletion,
          .completes = Completes::kWords,
          .words = {"bash", "zsh"}};
}

}  // namespace caravan::cli
