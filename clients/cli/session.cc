#include "clients/cli/session.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "caravan/client/contracts.h"
#include "caravan/client/errors.h"
#include "clients/cli/text.h"
#include "clients/cli/value.h"

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
      {"token-file", "FILE", "file with a bearer token to show the server"},
      {"service", "NAME", "services that are meant, behind a gateway: one, or zones,fairs"},
      {"insecure", "", "no TLS; for unix sockets and loopback addresses only"},
      {"timeout", "TIME", "longest time for one call, with its repeats (60s)"},
      {"help", "", "show this help", 'h'},
  };
  return kFlags;
}

void OverrideEndpoint(const Flags& flags, Endpoint* endpoint) {
  endpoint->address = flags.Get("address", endpoint->address);
  endpoint->ca = flags.Get("ca", endpoint->ca);
  endpoint->certificate = flags.Get("cert", endpoint->certificate);
  endpoint->key = flags.Get("key", endpoint->key);
  endpoint->server_name = flags.Get("server-name", endpoint->server_name);
  endpoint->token_file = flags.Get("token-file", endpoint->token_file);
  endpoint->service = flags.Get("service", endpoint->service);
  if (flags.Has("insecure")) endpoint->insecure = flags.IsOn("insecure");
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
  OverrideEndpoint(flags_, &endpoint);
  return endpoint;
}

absl::StatusOr<std::shared_ptr<client::Connection>> Session::connection() {
  if (connection_ != nullptr) return connection_;
  const auto target = endpoint();
  if (!target.ok()) return target.status();
  auto connection = ConnectTo(*target);
  if (connection.ok()) connection_ = *connection;
  return connection;
}

absl::StatusOr<std::shared_ptr<client::Connection>> Session::ConnectTo(const Endpoint& target,
                                                                       const std::string& token) {
  if (target.address.empty()) {
    return UsageError(
        "no server is known; give --address, or make a context: caravanctl config set-context");
  }
  client::ConnectionOptions options;
  options.address = target.address;
  options.credentials = {.ca_file = target.ca,
                         .certificate_file = target.certificate,
                         .key_file = target.key,
                         .server_name = target.server_name,
                         .token = token,
                         .token_file = token.empty() ? target.token_file : "",
                         .plaintext = target.insecure};
  // A socket without certificates can only mean one thing; a token is sent over
  // it all the same only where --insecure says so.
  if (absl::StartsWith(target.address, "unix:") && target.ca.empty() &&
      target.certificate.empty() && target.token_file.empty() && token.empty()) {
    options.credentials.plaintext = true;
  }
  const auto timeout = flags_.Seconds("timeout", absl::ToDoubleSeconds(options.timeout));
  if (!timeout.ok()) return timeout.status();
  options.timeout = absl::Seconds(*timeout);
  options.retry.max_attempts = 5;
  options.user_agent = "caravanctl";
  options.clock.sleep = environment_.sleep;
  options.clock.random = environment_.random;
  options.on_hint = [this](const std::string& hint) {
    if (warned_.insert(hint).second) Warn(hint);
  };
  auto connection = client::Connection::Open(std::move(options));
  if (!connection.ok()) {
    const std::string message(connection.status().message());
    return UsageError(client::ReasonOf(connection.status()) == "PLAINTEXT_REFUSED"
                          ? absl::StrCat("--insecure: ", message, ", by --ca, --cert and --key")
                          : message);
  }
  return connection;
}

absl::StatusOr<std::unique_ptr<Catalog>> Session::Describe(client::CallOptions options) {
  const auto server = connection();
  if (!server.ok()) return server.status();
  const auto target = endpoint();
  if (!target.ok()) return target.status();
  // Behind a gateway, each service describes itself; what they share is the same.
  client::Description description;
  std::set<std::string> files, services;
  for (const auto service : absl::StrSplit(target->service, ',')) {
    options.service = std::string(service);
    auto of_service = client::Describe(**server, options);
    if (!of_service.ok()) return of_service.status();
    for (auto& file : *of_service->files.mutable_file()) {
      if (files.insert(file.name()).second) description.files.add_file()->Swap(&file);
    }
    services.insert(of_service->services.begin(), of_service->services.end());
  }
  description.services.assign(services.begin(), services.end());
  return Catalog::Create(description);
}

absl::StatusOr<const Catalog*> Session::catalog() {
  if (catalog_ == nullptr) {
    auto catalog = Describe({});
    if (!catalog.ok()) return catalog.status();
    catalog_ = *std::move(catalog);
  }
  return catalog_.get();
}

absl::StatusOr<const Catalog*> Session::explained_catalog() {
  if (catalog_ == nullptr) {
    auto catalog = Describe({.metadata = {{"caravan-comments", "true"}}});
    if (!catalog.ok()) return catalog.status();
    catalog_ = *std::move(catalog);
  }
  return catalog_.get();
}

absl::StatusOr<client::CallOptions> Session::OptionsOf(const Collection* collection) {
  const auto target = endpoint();
  if (!target.ok()) return target.status();
  if (collection != nullptr) return client::CallOptions{.service = collection->service()};
  if (!target->service.empty() && !absl::StrContains(target->service, ',')) {
    return client::CallOptions{.service = target->service};
  }
  const auto known = catalog();
  if (!known.ok()) return known.status();
  std::set<std::string> services;
  for (const auto& each : (*known)->collections()) services.insert(each->service());
  if (services.size() > 1) {
    return UsageError(absl::StrCat("the server has several services; say which by --service: ",
                                   absl::StrJoin(services, ", ")));
  }
  return client::CallOptions{.service = services.empty() ? "" : *services.begin()};
}

absl::StatusOr<std::vector<client::CallOptions>> Session::OptionsOfServices() {
  const auto target = endpoint();
  if (!target.ok()) return target.status();
  std::vector<client::CallOptions> all;
  if (!absl::StrContains(target->service, ',')) {
    const auto options = OptionsOf(nullptr);
    if (!options.ok()) return options.status();
    all.push_back(*options);
    return all;
  }
  for (const auto service : absl::StrSplit(target->service, ',')) {
    all.push_back({.service = std::string(service)});
  }
  return all;
}

absl::StatusOr<std::unique_ptr<Message>> Session::Call(
    const google::protobuf::MethodDescriptor& method, Message* request) {
  const auto server = connection();
  if (!server.ok()) return server.status();
  const auto known = catalog();
  if (!known.ok()) return known.status();
  return (*known)->contracts().Call(**server, method, request);
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
  const std::string reason = IsUsageError(status) ? "" : client::ReasonOf(status);
  const std::string message = status.message().empty() ? absl::StatusCodeToString(status.code())
                                                       : OneLine(status.message());
  err << "error: " << where << (where.empty() ? "" : ": ") << message;
  if (!reason.empty()) err << " [" << OneLine(reason) << "]";
  err << "\n";
  const auto print = [&](const std::vector<client::Violation>& violations) {
    for (const auto& violation : violations) {
      err << "  " << OneLine(violation.subject) << ": " << OneLine(violation.description) << "\n";
    }
  };
  print(client::FieldViolationsOf(status));
  print(client::OtherViolationsOf(status));
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
