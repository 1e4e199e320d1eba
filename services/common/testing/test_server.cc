#include "services/common/testing/test_server.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/create_channel.h"
#include "services/common/settings/settings.h"

namespace caravan::testing {

namespace {

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "the test server cannot start: %s\n", status.ToString().c_str());
  std::abort();
}

}  // namespace

void Prepare(grpc::ClientContext& context, const CallOptions& options) {
  context.set_deadline(absl::ToChronoTime(absl::Now() + options.timeout));
  if (!options.principal.empty()) context.AddMetadata("caravan-principal", options.principal);
  for (const auto& [key, value] : options.metadata) context.AddMetadata(key, value);
}

absl::Status FromGrpc(const grpc::Status& status) {
  google::rpc::Status details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    return api::FromRpcStatus(details);
  }
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

std::string MethodPath(const google::protobuf::Descriptor& request, std::string_view method) {
  return absl::StrCat("/", request.file()->package(), ".", method);
}

std::unique_ptr<TestServer> TestServer::Start(Options options) {
  std::unique_ptr<TestServer> server(new TestServer);
  server->options_ = std::move(options);
  auto& settings = server->settings_;
  settings = settings::Defaults<settings::ServerSettings>();
  settings.set_insecure(true);
  settings.clear_listen();
  settings.add_listen("127.0.0.1:0");
  settings.set_store(server->options_.store.empty()
                         ? absl::StrCat("sqlite:", server->folder_.Path("store.db"))
                         : server->options_.store);
  auto access = server->options_.access;
  if (access.roles().empty()) access = PolicyOf({{"users/admin", "*"}});
  settings.set_access_policy(server->folder_.Path("access.yaml"));
  server->SetAccess(access);
  if (server->options_.adjust) server->options_.adjust(settings);
  // Services that a test does not name are away.
  for (const peers::PeerContract& peer : server->options_.definition.peers) {
    const std::string prefix = peer.service + "=";
    if (std::none_of(settings.peer().begin(), settings.peer().end(),
                     [&](const std::string& text) { return absl::StartsWith(text, prefix); })) {
      settings.add_peer(absl::StrCat(prefix, "unix:", server->folder_.Path("nobody")));
    }
  }
  server->Open();
  return server;
}

void TestServer::SetAccess(const caravan::api::v1::AccessPolicy& access) {
  // A policy in JSON is one in YAML.
  std::string policy;
  (void)google::protobuf::util::MessageToJsonString(access, &policy);
  const std::string next = settings_.access_policy() + ".next";
  std::ofstream(next) << policy;
  std::filesystem::rename(next, settings_.access_policy());
}

void TestServer::Open() {
  auto host = host::Host::Open(options_.definition, settings_, options_.clock);
  if (!host.ok()) Die(host.status());
  host_ = *std::move(host);
  auto server = rpc::Server::Start(host_->server_options());
  if (!server.ok()) Die(server.status());
  server_ = *std::move(server);
  caller_ = std::make_unique<Caller>(
      grpc::CreateChannel(server_->addresses()[0], grpc::InsecureChannelCredentials()));
}

void TestServer::Close() {
  caller_.reset();
  server_->Stop(absl::ZeroDuration(), absl::Seconds(5));
  server_.reset();
  host_.reset();
}

void TestServer::Restart() {
  Close();
  Open();
}

TestServer::~TestServer() { Close(); }

const std::string& TestServer::address() const { return server_->addresses()[0]; }

caravan::api::v1::AccessPolicy PolicyOf(const std::vector<Permission>& permissions) {
  caravan::api::v1::AccessPolicy policy;
  int number = 0;
  for (const Permission& permission : permissions) {
    const std::string role = absl::StrCat("role-", ++number);
    auto* added = policy.add_roles();
    added->set_name(role);
    added->add_permissions(permission.permission);
    auto* binding = policy.add_bindings();
    binding->set_principal(permission.principal);
    binding->set_role(role);
    binding->set_resource(permission.resource);
  }
  return policy;
}

}  // namespace caravan::testing
