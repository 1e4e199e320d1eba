// A real server in the process, on port 0, and a caller of it: the usual
// fixture.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "caravan/api/v1/access.pb.h"
#include "google/protobuf/descriptor.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/rpc_method.h"
#include "grpcpp/support/sync_stream.h"
#include "services/common/api/errors.h"
#include "services/common/host/host.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::testing {

// A clock that stands until it is set.
class TestClock {
 public:
  explicit TestClock(absl::Time now) : micros_(absl::ToUnixMicros(now)) {}
  absl::Time Now() const { return absl::FromUnixMicros(micros_); }
  void Advance(absl::Duration by) { micros_ += absl::ToInt64Microseconds(by); }
  std::function<absl::Time()> AsFunction() {
    return [this] { return Now(); };
  }

 private:
  std::atomic<int64_t> micros_;
};

// What came back beside the answer.
struct Reply {
  std::multimap<std::string, std::string> trailers;
};

// How a call is made.
struct CallOptions {
  std::string principal = "users/admin";
  std::map<std::string, std::string> metadata = {};
  absl::Duration timeout = absl::Seconds(20);
  Reply* reply = nullptr;
};

// Fills a context.
void Prepare(grpc::ClientContext& context, const CallOptions& options);

// The status of a call, with its details.
absl::Status FromGrpc(const grpc::Status& status);

// The path of a method, found by its request's file: `WidgetService/GetWidget`.
std::string MethodPath(const google::protobuf::Descriptor& request, std::string_view method);

// Calls methods by name, without stubs.
class Caller {
 public:
  explicit Caller(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}

  // `method` is `WidgetService/GetWidget`, of the package of the request.
  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request,
                                const CallOptions& options = {}) const {
    return CallPath<Response>(MethodPath(*Request::descriptor(), method), request, options);
  }

  template <class Response, class Request>
  absl::StatusOr<Response> CallPath(const std::string& path, const Request& request,
                                    const CallOptions& options = {}) const {
    grpc::ClientContext context;
    Prepare(context, options);
    Response response;
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<Request, Response, google::protobuf::MessageLite,
                                          google::protobuf::MessageLite>(
            channel_.get(), rpc, &context, request, &response);
    if (options.reply != nullptr) {
      for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
        options.reply->trailers.emplace(std::string(key.data(), key.size()),
                                        std::string(value.data(), value.size()));
      }
    }
    if (!status.ok()) return FromGrpc(status);
    return response;
  }

  // A server stream; read from it with Read() until false, then Finish().
  template <class Response, class Request>
  std::unique_ptr<grpc::ClientReader<Response>> Stream(std::string_view method,
                                                       const Request& request,
                                                       grpc::ClientContext& context,
                                                       const CallOptions& options = {}) const {
    Prepare(context, options);
    const std::string path = MethodPath(*Request::descriptor(), method);
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING);
    return std::unique_ptr<grpc::ClientReader<Response>>(
        grpc::internal::ClientReaderFactory<Response>::Create(channel_.get(), rpc, &context,
                                                              request));
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  std::shared_ptr<grpc::Channel> channel_;
};

// A service on a temporary store, served without TLS. `users/admin` may do
// everything unless another policy is given.
class TestServer {
 public:
  struct Options {
    host::ServiceDefinition definition = {};
    caravan::api::v1::AccessPolicy access = {};
    // Empty: SQLite in a directory of its own that goes with the server.
    std::string store = {};
    std::function<absl::Time()> clock = absl::Now;
    // Changes to the settings: where another service is that this one asks
    // (`settings.add_peer("zones=" + zones->address())`).
    std::function<void(settings::ServerSettings& settings)> adjust = {};
  };

  // Ends the process with a message where it cannot start: no test can go on.
  static std::unique_ptr<TestServer> Start(Options options);
  ~TestServer();

  const Caller& caller() const { return *caller_; }
  template <class Response, class Request>
  absl::StatusOr<Response> Call(std::string_view method, const Request& request,
                                const CallOptions& options = {}) const {
    return caller_->Call<Response>(method, request, options);
  }

  const std::string& address() const;
  host::Host& host() { return *host_; }
  const std::string& directory() const { return folder_.path(); }

  // Writes another access policy, which the server finds within a second or so.
  void SetAccess(const caravan::api::v1::AccessPolicy& access);

  // Stops and starts it again on the same store.
  void Restart();

 private:
  TestServer() = default;
  void Open();
  void Close();

  Options options_;
  TemporaryFolder folder_;
  settings::ServerSettings settings_;
  std::unique_ptr<host::Host> host_;
  std::unique_ptr<rpc::Server> server_;
  std::unique_ptr<Caller> caller_;
};

// A policy in which principals hold roles of these permissions: {principal,
// permission, resource}.
struct Permission {
  std::string principal;
  std::string permission;
  std::string resource = "*";
};
caravan::api::v1::AccessPolicy PolicyOf(const std::vector<Permission>& permissions);

}  // namespace caravan::testing
