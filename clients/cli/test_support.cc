#include "clients/cli/test_support.h"

#include <fstream>
#include <set>
#include <sstream>

#include "caravan/zones/v1/policies.pb.h"
#include "clients/cli/commands.h"

namespace caravan::cli {
namespace {

void AddFile(const google::protobuf::FileDescriptor& file, std::set<std::string>* known,
             google::protobuf::FileDescriptorSet* files) {
  if (!known->insert(file.name()).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) AddFile(*file.dependency(i), known, files);
  // Through bytes, as from a server: options are parsed anew.
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  files->add_file()->ParseFromString(proto.SerializeAsString());
}

}  // namespace

std::unique_ptr<Catalog> ZonesCatalog() {
  client::Description description;
  std::set<std::string> known;
  AddFile(*zones::v1::Policy::descriptor()->file(), &known, &description.files);
  AddFile(*api::v1::Change::descriptor()->file(), &known, &description.files);
  description.services = {"caravan.api.v1.ChangeService", "caravan.zones.v1.EnterpriseService",
                          "caravan.zones.v1.PilotZoneService", "caravan.zones.v1.PolicyService",
                          "caravan.zones.v1.SupervisionModeService"};
  return *Catalog::Create(description);
}

Outcome RunCli(const std::vector<std::string>& words, const RunOptions& options) {
  std::istringstream in(options.input);
  std::ostringstream out;
  std::ostringstream err;
  Outcome outcome;
  Environment environment;
  environment.in = &in;
  environment.out = &out;
  environment.err = &err;
  environment.err_is_terminal = options.terminal;
  environment.variable = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = options.variables.find(name);
    if (found == options.variables.end()) return std::nullopt;
    return found->second;
  };
  environment.edit = [&](const std::string& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    if (!options.edit) return absl::UnavailableError("no editor");
    const std::string edited = options.edit(text.str());
    std::ofstream(file, std::ios::binary) << edited;
    return absl::OkStatus();
  };
  // A second passes with every look at the clock.
  absl::Time now = absl::FromUnixSeconds(1722556800);
  environment.now = [&] { return now += absl::Seconds(1); };
  environment.sleep = [&](absl::Duration duration) { outcome.sleeps.push_back(duration); };
  environment.random = [] { return 1.0; };
  outcome.code = Run(words, environment);
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

Outcome RunCli(const FakeServer& server, std::vector<std::string> words,
               const RunOptions& options) {
  words.insert(words.end(), {"--address", server.address(), "--insecure"});
  return RunCli(words, options);
}

}  // namespace caravan::cli
