#include "services/common/process/process.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "services/common/identity/certificates.h"
#include "services/common/telemetry/log.h"

namespace caravan::process {
namespace {

using settings::ProcessSettings;
using telemetry::AdminResponse;
using telemetry::LogLevel;

LogLevel LevelOf(settings::LogLevel level) {
  switch (level) {
    case settings::LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    case settings::LOG_LEVEL_WARNING:
      return LogLevel::kWarning;
    case settings::LOG_LEVEL_ERROR:
      return LogLevel::kError;
    default:
      return LogLevel::kInfo;
  }
}

}  // namespace

void ApplyLogLevel(const ProcessSettings& settings) {
  telemetry::SetLogLevel(LevelOf(settings.log_level()));
}

absl::StatusOr<std::unique_ptr<telemetry::AdminServer>> StartAdmin(
    const ProcessSettings& settings, std::function<std::string_view()> why_not_ready,
    const telemetry::Metrics* metrics) {
  if (settings.admin_listen().empty()) return nullptr;
  telemetry::AdminPages pages;
  pages["/healthz"] = [] { return AdminResponse{.body = "ok\n"}; };
  pages["/readyz"] = [why_not_ready = std::move(why_not_ready)] {
    const std::string_view why_not = why_not_ready();
    if (why_not.empty()) return AdminResponse{.body = "ready\n"};
    return AdminResponse{.status = 503, .body = absl::StrCat(why_not, "\n")};
  };
  if (metrics != nullptr) {
    pages["/metrics"] = [metrics] {
      return AdminResponse{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                           .body = metrics->ToText()};
    };
  }
  return telemetry::AdminServer::Start(settings.admin_listen(), std::move(pages));
}

absl::Status WritePortsFile(const ProcessSettings& settings, const Addresses& addresses) {
  if (settings.ports_file().empty()) return absl::OkStatus();
  google::protobuf::Struct ports;
  auto& fields = *ports.mutable_fields();
  for (const std::string& address : addresses.listen) {
    fields["listen"].mutable_list_value()->add_values()->set_string_value(address);
  }
  fields["admin"].set_string_value(addresses.admin);
  fields["health"].set_string_value(addresses.health);
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(ports, &json).ok()) {
    return absl::InvalidArgumentError("an address is not UTF-8");
  }
  return identity::WritePrivateFile(settings.ports_file(), json + "\n");
}

}  // namespace caravan::process
