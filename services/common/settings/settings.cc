#include "services/common/settings/settings.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "services/common/settings/yaml.h"

namespace caravan::settings {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kEnvironmentPrefix = "CARAVAN_";

// A field of the settings message, or of one that is embedded in it.
struct Entry {
  const FieldDescriptor* field;
  Message* parent;
  bool set = false;  // by a source of higher precedence

  const Setting& setting() const {
    return field->options().GetExtension(caravan::settings::setting);
  }
  bool is_bool() const { return field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL; }
  std::string flag() const {
    return absl::StrCat("--", absl::StrReplaceAll(field->name(), {{"_", "-"}}));
  }
  std::string variable() const {
    return absl::StrCat(kEnvironmentPrefix, absl::AsciiStrToUpper(field->name()));
  }
};

bool IsDuration(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field.message_type()->full_name() == "google.protobuf.Duration";
}

void CollectEntries(Message* message, std::vector<Entry>* entries) {
  const auto& type = *message->GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor* field = type.field(i);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !IsDuration(*field)) {
      CollectEntries(message->GetReflection()->MutableMessage(message, field), entries);
    } else {
      entries->push_back({field, message});
    }
  }
}

std::string TypeName(const FieldDescriptor& field) {
  std::string name = "<text>";
  if (IsDuration(field)) {
    name = "<duration>";
  } else if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
             field.cpp_type() != FieldDescriptor::CPPTYPE_ENUM) {
    name = field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL ? "true|false" : "<number>";
  }
  return field.is_repeated() ? absl::StrCat(name, ",...") : name;
}

std::string Wrap(std::string_view text, std::string_view indent, size_t width) {
  std::string wrapped;
  std::string line;
  for (const std::string_view word : absl::StrSplit(text, ' ')) {
    if (!line.empty() && line.size() + 1 + word.size() > width) {
      absl::StrAppend(&wrapped, indent, line, "\n");
      line.clear();
    }
    absl::StrAppend(&line, line.empty() ? "" : " ", word);
  }
  absl::StrAppend(&wrapped, indent, line, "\n");
  return wrapped;
}

std::string Help(const Program& program, const std::vector<Entry>& entries) {
  std::string text = absl::StrCat("Usage: ", program.name, " [--flag=value]...\n\n",
                                  Wrap(program.description, "", 88), "\n");
  absl::StrAppend(
      &text,
      "Every setting is a flag, an environment variable and a key of the YAML file that --config\n"
      "names (the flag without its dashes, with `_` for `-`). Flags go before the environment,\n"
      "the environment before the file, the file before the defaults.\n\n"
      "  --config <file>   [CARAVAN_CONFIG]\n"
      "      YAML file with settings.\n"
      "  --help            Print this and exit.\n"
      "  --version         Print the version and exit.\n");
  for (const Entry& entry : entries) {
    absl::StrAppend(&text, "  ", entry.flag(), " ", TypeName(*entry.field), "   [",
                    entry.variable(), "]\n", Wrap(entry.setting().help(), "      ", 82));
    if (entry.setting().required()) {
      absl::StrAppend(&text, "      Required.\n");
    } else if (!entry.setting().default_value().empty()) {
      absl::StrAppend(&text, "      Default: ", entry.setting().default_value(), "\n");
    }
  }
  return text;
}

// A number, or a duration in seconds.
absl::StatusOr<double> Magnitude(const Entry& entry) {
  const auto& reflection = *entry.parent->GetReflection();
  switch (entry.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.GetInt32(*entry.parent, entry.field);
    case FieldDescriptor::CPPTYPE_INT64:
      return static_cast<double>(reflection.GetInt64(*entry.parent, entry.field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.GetDouble(*entry.parent, entry.field);
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      google::protobuf::Duration duration;
      duration.CopyFrom(reflection.GetMessage(*entry.parent, entry.field));
      return absl::ToDoubleSeconds(ToDuration(duration));
    }
    default:
      return absl::InternalError(
          absl::StrCat(entry.field->full_name(), " has bounds but no magnitude"));
  }
}

absl::Status CheckBounds(const Entry& entry) {
  const Setting& setting = entry.setting();
  if (!setting.has_min() && !setting.has_max()) return absl::OkStatus();
  const absl::StatusOr<double> value = Magnitude(entry);
  if (!value.ok()) return value.status();
  const std::string_view unit = IsDuration(*entry.field) ? " s" : "";
  if (setting.has_min() && *value < setting.min()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%.15g%s is less than %.15g%s", *value, unit, setting.min(), unit));
  }
  if (setting.has_max() && *value > setting.max()) {
    return absl::InvalidArgumentError(
        absl::StrFormat("%.15g%s is more than %.15g%s", *value, unit, setting.max(), unit));
  }
  return absl::OkStatus();
}

// Sets an entry from one text, which for a list is comma-separated.
absl::Status Set(std::string_view text, const Entry& entry) {
  absl::Status status;
  if (entry.field->is_repeated()) {
    for (const std::string_view item : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
      status.Update(SetFromText(absl::StripAsciiWhitespace(item), *entry.field, entry.parent));
    }
  } else {
    status = SetFromText(text, *entry.field, entry.parent);
  }
  if (status.ok()) status = CheckBounds(entry);
  if (!status.ok() && entry.setting().secret()) {
    return absl::InvalidArgumentError("the value is malformed");
  }
  return status;
}

absl::Status Named(std::string_view where, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", status.message()));
}

std::string ExpandDefault(std::string_view text) {
  char host[256] = "localhost";
  if (gethostname(host, sizeof host) != 0) std::snprintf(host, sizeof host, "localhost");
  host[sizeof host - 1] = '\0';
  return absl::StrReplaceAll(text, {{"{hostname}", host}, {"{pid}", absl::StrCat(getpid())}});
}

class Loader {
 public:
  explicit Loader(Message* settings) {
    settings->Clear();
    CollectEntries(settings, &entries_);
  }

  // Reads the flags. They are applied at once; `--config`, `--help` and
  // `--version` are remembered.
  absl::Status ReadFlags(const std::vector<std::string>& arguments) {
    std::vector<Entry*> given;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const std::string& argument = arguments[i];
      if (!absl::StartsWith(argument, "--")) {
        return absl::InvalidArgumentError(absl::StrCat("unexpected argument `", argument,
                                                       "`: settings are written --name=value"));
      }
      const size_t equals = argument.find('=');
      const std::string flag = argument.substr(0, equals);
      Entry* entry = Find([&](const Entry& e) { return e.flag() == flag; });
      const bool is_switch = flag == "--help" || flag == "--version";
      if (entry == nullptr && !is_switch && flag != "--config") return UnknownFlag(flag);

      std::string value;
      if (equals != std::string::npos) {
        value = argument.substr(equals + 1);
      } else if (is_switch || (entry != nullptr && entry->is_bool())) {
        value = "true";
      } else if (i + 1 < arguments.size()) {
        value = arguments[++i];
      } else {
        return absl::InvalidArgumentError(absl::StrCat(flag, " needs a value"));
      }

      if (flag == "--help") {
        help_ = true;
      } else if (flag == "--version") {
        version_ = true;
      } else if (flag == "--config") {
        config_ = value;
      } else {
        if (std::find(given.begin(), given.end(), entry) == given.end()) {
          given.push_back(entry);
        } else if (!entry->field->is_repeated()) {
          return absl::InvalidArgumentError(absl::StrCat(flag, " is given twice"));
        }
        if (absl::Status status = Set(value, *entry); !status.ok()) return Named(flag, status);
        entry->set = true;
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadEnvironment(const std::vector<std::string>& environment) {
    for (const std::string& line : environment) {
      if (!absl::StartsWith(line, kEnvironmentPrefix)) continue;
      const size_t equals = std::min(line.find('='), line.size());
      const std::string name = line.substr(0, equals);
      const std::string value = line.substr(std::min(equals + 1, line.size()));
      if (name == "CARAVAN_CONFIG") {
        if (config_.empty()) config_ = value;
        continue;
      }
      Entry* entry = Find([&](const Entry& e) { return e.variable() == name; });
      if (entry == nullptr) {
        std::vector<std::string> names = {"CARAVAN_CONFIG"};
        for (const Entry& e : entries_) names.push_back(e.variable());
        return absl::InvalidArgumentError(absl::StrCat("the environment variable ", name,
                                                       " is no setting.", Suggest(name, names)));
      }
      if (entry->set) continue;
      if (absl::Status status = Set(value, *entry); !status.ok()) return Named(name, status);
      entry->set = true;
    }
    return absl::OkStatus();
  }

  absl::Status ReadConfig() {
    if (config_.empty()) return absl::OkStatus();
    const absl::StatusOr<std::string> text = ReadFile(config_);
    if (!text.ok()) return text.status();
    absl::StatusOr<std::vector<YamlEntry>> lines = ParseFlatYaml(*text, config_);
    if (!lines.ok()) return lines.status();
    for (const YamlEntry& line : *lines) {
      Entry* entry = Find([&](const Entry& e) { return e.field->name() == line.key; });
      if (entry == nullptr) {
        std::vector<std::string> names;
        for (const Entry& e : entries_) names.push_back(e.field->name());
        return absl::InvalidArgumentError(absl::StrCat(line.position, ": unknown key `", line.key,
                                                       "`.", Suggest(line.key, names)));
      }
      if (entry->set) continue;
      if (line.is_list && !entry->field->is_repeated()) {
        return absl::InvalidArgumentError(
            absl::StrCat(line.position, ": `", line.key, "` must be one value"));
      }
      for (const std::string& value : line.values) {
        const absl::Status status = Set(value, *entry);
        if (!status.ok()) return Named(absl::StrCat(line.position, ": ", line.key), status);
      }
      entry->set = true;
    }
    return absl::OkStatus();
  }

  absl::Status ApplyDefaults() {
    for (Entry& entry : entries_) {
      if (!entry.set && !entry.setting().default_value().empty()) {
        const absl::Status status = Set(ExpandDefault(entry.setting().default_value()), entry);
        if (!status.ok()) return Named(absl::StrCat("the default of ", entry.flag()), status);
      } else if (!entry.set && entry.setting().required()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the setting ", entry.flag(), " (", entry.variable(), ") is required and not set"));
      }
    }
    return absl::OkStatus();
  }

  bool help() const { return help_; }
  bool version() const { return version_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  template <typename Predicate>
  Entry* Find(Predicate predicate) {
    const auto it = std::find_if(entries_.begin(), entries_.end(), predicate);
    return it == entries_.end() ? nullptr : &*it;
  }

  absl::Status UnknownFlag(const std::string& flag) const {
    std::vector<std::string> names = {"--config", "--help", "--version"};
    for (const Entry& entry : entries_) names.push_back(entry.flag());
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", flag, ".", Suggest(flag, names)));
  }

  std::vector<Entry> entries_;
  std::string config_;
  bool help_ = false;
  bool version_ = false;
};

}  // namespace

std::string_view Version() { return CARAVAN_VERSION; }

absl::StatusOr<std::optional<std::string>> Load(const Program& program,
                                                const std::vector<std::string>& arguments,
                                                const std::vector<std::string>& environment,
                                                Message* settings) {
  Loader loader(settings);
  if (absl::Status status = loader.ReadFlags(arguments); !status.ok()) return status;
  if (loader.help()) return Help(program, loader.entries());
  if (loader.version()) return absl::StrCat(program.name, " ", Version(), "\n");
  if (absl::Status status = loader.ReadEnvironment(environment); !status.ok()) return status;
  if (absl::Status status = loader.ReadConfig(); !status.ok()) return status;
  if (absl::Status status = loader.ApplyDefaults(); !status.ok()) return status;
  return std::nullopt;
}

void LoadOrExit(const Program& program, int argc, const char* const* argv, Message* settings) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  const auto text = Load(program, arguments, environment, settings);
  if (!text.ok()) {
    std::fprintf(stderr, "%s: %s\nTry --help.\n", program.name.c_str(),
                 std::string(text.status().message()).c_str());
    std::exit(2);
  }
  if (text->has_value()) {
    std::fputs((*text)->c_str(), stdout);
    std::exit(0);
  }
}

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace caravan::settings
