// For tests of servers: a service with one method, and its client.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "google/longrunning/operations.pb.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/client_unary_call.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "services/common/rpc/run_server.h"

namespace caravan::rpc {

// google.longrunning.Operations with GetOperation only.
class FakeOperations final : public grpc::Service {
 public:
  using Request = google::longrunning::GetOperationRequest;
  using Response = google::longrunning::Operation;
  // Finishes the reactor, at once or later.
  using Handler = std::function<void(const grpc::CallbackServerContext&, const Request&, Response*,
                                     grpc::ServerUnaryReactor*)>;

  static constexpr char kMethod[] = "/google.longrunning.Operations/GetOperation";

  explicit FakeOperations(Handler handler) : handler_(std::move(handler)) {
    AddMethod(new grpc::internal::RpcServiceMethod(kMethod, grpc::internal::RpcMethod::NORMAL_RPC,
                                                   nullptr));
    MarkMethodCallback(0, new grpc::internal::CallbackUnaryHandler<Request, Response>(
                              [this](grpc::CallbackServerContext* context, const Request* request,
                                     Response* response) {
                                grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
                                handler_(*context, *request, response, reactor);
                                return reactor;
                              }));
  }

  HostedService hosted() {
    return {this, google::longrunning::GetOperationRequest::descriptor()->file()->FindServiceByName(
                      "Operations")};
  }

 private:
  const Handler handler_;
};

// A blocking call with a time limit.
template <typename Request, typename Response>
grpc::Status Call(grpc::ChannelInterface* channel, const char* method, const Request& request,
                  Response* response,
                  const std::vector<std::pair<std::string, std::string>>& metadata = {}) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
  return grpc::internal::BlockingUnaryCall(
      channel, grpc::internal::RpcMethod(method, grpc::internal::RpcMethod::NORMAL_RPC), &context,
      request, response);
}

}  // namespace caravan::rpc
