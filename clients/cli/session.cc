#include "clients/cli/session.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/config.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"
#include "google/rpc/error_details.pb.h"
#include "services/common/api/errors.h"

namespace caravan::cli {

using ::google::protobuf::Message;

const std::vector<Flag>& GlobalFlags() {
  static const std::vector<Flag> kFlags = {
      {"context", "NAME", "the context to use, instead of the current one"},
      {"address", "HOST:PORT", "the server, or unix:/path/of/a/socket"},
      {"ca", "FILE", "certificates of the authorities that may vouch for the server (PEM)"},
      {"cert", "FILE", "certificate to show the server (PEM)"},
      {"key", "FILE", "key of that certificate (PEM)"},
      {"server-name", "NAME", "name in the server's certificate, where it is not the address's"},
      {"insecure", "", "no TLS; for unix sockets and loopback addresses only"},
      {"timeout", "TIME", "longest time for one call, with its repeats (60s)"},
      {"help", "", "show this help", 'h'},
  };
  return kFlags;
}

std::string ConfigFile(const Environment& environment) {
  if (auto file = environment.variable("CARAVANCTL_CONFIG")) return *file;
  if (auto folder = environment.variable("XDG_CONFIG_HOME"); folder && !folder->empty()) {
    return *folder + "/caravan/config.yaml";
  }
  return environment.variable("HOME").value_or(".") + "/.config/caravan/config.yaml";
}

void Session::Warn(std::string_view message) { err() << "warning: " << OneLine(message) << "\n"; }

absl::StatusOr<Endpoint> Session::endpoint() const {
  Endpoint endpoint;
  const bool by_address = flags_.Has("address");
  if (!by_address || flags_.Has("context")) {
    const std::string file = ConfigFile(environment_);
    auto config = LoadConfig(file);
    if (!config.ok()) return config.status();
    const std::string name = flags_.Get("context", config->current_context);
    const auto found = config->contexts.find(name);
    if (found != config->contexts.end()) {
      endpoint = found->second;
    } else if (!name.empty()) {
      std::vector<std::string> names;
      for (const auto& [known, unused] : config->contexts) names.push_back(known);
      return UsageError(
          absl::StrCat(file, " has no context \"", name, "\"", DidYouMean(name, names)));
    }
  }
  endpoint.address = flags_.Get("address", endpoint.address);
  endpoint.ca = flags_.Get("ca", endpoint.ca);
  endpoint.certificate = flags_.Get("cert", endpoint.certificate);
  endpoint.key = flags_.Get("key", endpoint.key);
  endpoint.server_name = flags_.Get("server-name", endpoint.server_name);
  if (flags_.Has("insecure")) endpoint.insecure = flags_.IsOn("insecure");
  return endpoint;
}

absl::StatusOr<Client*> Session::client() {
  if (client_ == nullptr) {
    auto target = endpoint();
    if (!target.ok()) return target.status();
    CallSettings settings;
    const auto timeout = flags_.Seconds("timeout", absl::ToDoubleSeconds(settings.timeout));
    if (!timeout.ok()) return timeout.status();
    settings.timeout = absl::Seconds(*timeout);
    settings.sleep = environment_.sleep;
    settings.warn = [this](const std::string& hint) { Warn(hint); };
    auto client = Client::Connect(*target, std::move(settings));
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
  }
  return client_.get();
}

absl::StatusOr<const Catalog*> Session::catalog() {
  if (catalog_ == nullptr) {
    const auto server = client();
    if (!server.ok()) return server.status();
    const auto description = (*server)->Describe();
    if (!description.ok()) return description.status();
    auto catalog = Catalog::Create(*description);
    if (!catalog.ok()) return catalog.status();
    catalog_ = *std::move(catalog);
  }
  return catalog_.get();
}

absl::StatusOr<std::unique_ptr<Message>> Session::Call(
    const google::protobuf::MethodDescriptor& method, Message* request) {
  const auto server = client();
  if (!server.ok()) return server.status();
  const auto known = catalog();
  if (!known.ok()) return known.status();
  auto response = (*known)->New(*method.output_type());
  if (auto status = (*server)->Call(method, request, response.get()); !status.ok()) return status;
  return response;
}

absl::Status Session::Set(Message* request, const std::string& field, std::string_view value) {
  const auto* descriptor = request->GetDescriptor()->FindFieldByName(field);
  if (descriptor == nullptr) {
    return UsageError(absl::StrCat(request->GetDescriptor()->name(), " has no field ", field,
                                   ", so --", ToKebab(field), " has no meaning here"));
  }
  const auto known = catalog();
  if (!known.ok()) return known.status();
  const auto status = ValueReader(**known).Set(request, *descriptor, value);
  if (status.ok()) return status;
  return UsageError(absl::StrCat("--", ToKebab(field), " ", std::string(status.message())));
}

absl::StatusOr<std::unique_ptr<Message>> Session::Get(const Collection& collection,
                                                      const std::string& name) {
  const auto method = collection.Method(api::StandardMethod::kGet);
  if (!method.ok()) return method.status();
  const auto known = catalog();
  if (!known.ok()) return known.status();
  auto request = (*known)->New(*(*method)->input_type());
  if (auto status = Set(request.get(), "name", name); !status.ok()) return status;
  return Call(**method, request.get());
}

void PrintError(const absl::Status& status, std::string_view where, std::ostream& err) {
  const std::string reason = IsUsageError(status) ? "" : api::ReasonOf(status);
  const std::string message = status.message().empty() ? absl::StatusCodeToString(status.code())
                                                       : OneLine(status.message());
  err << "error: " << where << (where.empty() ? "" : ": ") << message;
  if (!reason.empty()) err << " [" << OneLine(reason) << "]";
  err << "\n";
  const google::rpc::Status rpc = api::ToRpcStatus(status);
  for (const auto& detail : rpc.details()) {
    google::rpc::BadRequest bad_request;
    if (detail.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        err << "  " << OneLine(violation.field()) << ": " << OneLine(violation.description())
            << "\n";
      }
    }
    google::rpc::PreconditionFailure precondition;
    if (detail.UnpackTo(&precondition)) {
      for (const auto& violation : precondition.violations()) {
        err << "  " << OneLine(violation.subject()) << ": " << OneLine(violation.description())
            << "\n";
      }
    }
    google::rpc::QuotaFailure quota;
    if (detail.UnpackTo(&quota)) {
      for (const auto& violation : quota.violations()) {
        err << "  " << OneLine(violation.subject()) << ": " << OneLine(violation.description())
            << "\n";
      }
    }
  }
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return 0;
  if (IsUsageError(status)) return 2;
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return 3;
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return 4;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return 5;
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kFailedPrecondition:
      return 6;
    default:
      return 1;
  }
}

}  // namespace caravan::cli
