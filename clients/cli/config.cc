#include "clients/cli/config.h"

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags.h"
#include "clients/cli/text.h"
#include "services/common/api/errors.h"
#include "yaml-cpp/yaml.h"

namespace caravan::cli {
namespace {

// The keys of a context, and what they set.
const std::map<std::string, std::string Endpoint::*>& Keys() {
  static const std::map<std::string, std::string Endpoint::*> kKeys = {
      {"address", &Endpoint::address},         {"ca", &Endpoint::ca},
      {"certificate", &Endpoint::certificate}, {"key", &Endpoint::key},
      {"server-name", &Endpoint::server_name}, {"service", &Endpoint::service},
      {"token-file", &Endpoint::token_file}};
  return kKeys;
}

absl::Status Bad(const std::string& file, std::string_view what) {
  return api::Error(absl::StatusCode::kInvalidArgument, "BAD_CONFIG",
                    absl::StrCat(file, ": ", what));
}

absl::StatusOr<Config> Parse(const std::string& file, const YAML::Node& root) {
  Config config;
  if (root.IsNull()) return config;
  if (!root.IsMap()) return Bad(file, "must be a map with current-context and contexts");
  for (const auto& entry : root) {
    const auto key = entry.first.as<std::string>();
    if (key == "current-context") {
      config.current_context = entry.second.as<std::string>();
      continue;
    }
    if (key != "contexts") {
      return Bad(file, absl::StrCat("unknown key \"", key, "\"",
                                    DidYouMean(key, {"current-context", "contexts"})));
    }
    for (const auto& context : entry.second) {
      const auto name = context.first.as<std::string>();
      Endpoint& endpoint = config.contexts[name];
      for (const auto& setting : context.second) {
        const auto setting_key = setting.first.as<std::string>();
        if (setting_key == "insecure") {
          endpoint.insecure = setting.second.as<bool>();
          continue;
        }
        const auto found = Keys().find(setting_key);
        if (found == Keys().end()) {
          return Bad(file, absl::StrCat("context ", name, " has an unknown key \"", setting_key,
                                        "\"; it may have address, ca, certificate, insecure, "
                                        "key, server-name, service, token-file"));
        }
        endpoint.*found->second = setting.second.as<std::string>();
      }
    }
  }
  return config;
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return Config();
  try {
    return Parse(file, YAML::LoadFile(file));
  } catch (const YAML::BadFile&) {
    return Bad(file, "cannot be read");
  } catch (const YAML::Exception& e) {
    return Bad(file, absl::StrCat("line ", e.mark.line + 1, ": ", e.msg));
  }
}

absl::Status SaveConfig(const std::string& file, const Config& config) {
  namespace fs = std::filesystem;
  YAML::Emitter out;
  out << YAML::BeginMap;
  if (!config.current_context.empty()) {
    out << YAML::Key << "current-context" << YAML::Value << config.current_context;
  }
  out << YAML::Key << "contexts" << YAML::Value << YAML::BeginMap;
  for (const auto& [name, endpoint] : config.contexts) {
    out << YAML::Key << name << YAML::Value << YAML::BeginMap;
    for (const auto& [key, member] : Keys()) {
      if (!(endpoint.*member).empty()) out << YAML::Key << key << YAML::Value << endpoint.*member;
    }
    if (endpoint.insecure) out << YAML::Key << "insecure" << YAML::Value << true;
    out << YAML::EndMap;
  }
  out << YAML::EndMap << YAML::EndMap;

  std::error_code error;
  const fs::path path(file);
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  const std::string draft = file + ".new";
  {
    std::ofstream stream(draft, std::ios::trunc);
    fs::permissions(draft, fs::perms::owner_read | fs::perms::owner_write, error);
    stream << out.c_str() << "\n";
    if (!stream.flush()) return Bad(draft, "cannot be written");
  }
  fs::rename(draft, file, error);
  return error ? Bad(file, absl::StrCat("cannot be written: ", error.message())) : absl::OkStatus();
}

}  // namespace caravan::cli
