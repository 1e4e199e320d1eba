#include "services/common/rpc/runtime.h"

#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "grpcpp/impl/rpc_service_method.h"
#include "grpcpp/impl/service_type.h"
#include "grpcpp/support/server_callback.h"
#include "services/common/api/standard_method.h"
#include "services/common/resources/transitions.h"
#include "services/common/rpc/binding.h"
#include "services/common/rpc/exchange_call.h"
#include "services/common/rpc/reactors.h"

namespace caravan::rpc {

namespace {

using google::protobuf::MethodDescriptor;

// What gRPC sees of a service: methods that take and give bytes.
class ByteService : public grpc::Service {
 public:
  ByteService(const RuntimeOptions& runtime, Executor& executor, StreamSet& streams,
              const std::vector<const BoundMethod*>& methods) {
    for (size_t i = 0; i < methods.size(); ++i) {
      const BoundMethod& method = *methods[i];
      AddMethod(new grpc::internal::RpcServiceMethod(method.path.c_str(), TypeOf(method), nullptr));
      if (method.handler.exchange) {
        MarkMethodRawCallback(
            static_cast<int>(i),
            new grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                [&runtime, &executor, &streams, &method](grpc::CallbackServerContext* context) {
                  return StartExchange(runtime, executor, streams, method, context);
                }));
      } else if (method.handler.stream) {
        MarkMethodRawCallback(
            static_cast<int>(i),
            new grpc::internal::CallbackServerStreamingHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                [&runtime, &executor, &streams, &method](grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request) {
                  return StartStream(runtime, executor, streams, method, context, request);
                }));
      } else {
        MarkMethodRawCallback(
            static_cast<int>(i),
            new grpc::internal::CallbackUnaryHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                [&runtime, &executor, &method](grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
                  return StartUnary(runtime, executor, method, context, request, response);
                }));
      }
    }
  }

 private:
  static grpc::internal::RpcMethod::RpcType TypeOf(const BoundMethod& method) {
    // One response to a stream of requests is a stream of one.
    if (method.handler.exchange) return grpc::internal::RpcMethod::BIDI_STREAMING;
    return method.handler.stream ? grpc::internal::RpcMethod::SERVER_STREAMING
                                 : grpc::internal::RpcMethod::NORMAL_RPC;
  }
};

}  // namespace

struct Runtime::Impl {
  explicit Impl(const RuntimeOptions& runtime_options)
      : options(runtime_options),
        standard(*options.registry, [store = options.store](store::TableId table, int column) {
          return store->IndexReady(table, column);
        }) {}

  absl::Status Bind(Service& service);
  absl::Status BindHandler(Method& method, BoundMethod& bound);
  static absl::Status CheckBefore(const BoundMethod& bound);

  const RuntimeOptions options;
  resources::StandardMethods standard;
  StreamSet streams;
  std::deque<BoundMethod> methods;  // stay where they are
  std::vector<std::unique_ptr<ByteService>> services;
  std::vector<HostedService> hosted;
};

absl::Status Runtime::Impl::CheckBefore(const BoundMethod& bound) {
  if (!bound.handler.before || bound.handler.write || bound.handler.read) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      bound.name, " has neither a transaction nor a read that something could precede"));
}

absl::Status Runtime::Impl::BindHandler(Method& method, BoundMethod& bound) {
  const MethodDescriptor& descriptor = *method.descriptor;
  if (method.bound()) {
    bound.handler = method;
    bound.checks_owners = method.checks_owners;
    return CheckBefore(bound);
  }
  absl::StatusOr<resources::Handler> handler;
  if (api::ClassifyStandardMethod(descriptor)) {
    handler = standard.Bind(descriptor);
  } else if (descriptor.options().HasExtension(caravan::api::v1::transition)) {
    handler = resources::BindTransition(*options.registry, descriptor);
  } else {
    return absl::InternalError(absl::StrCat(bound.name, " has no handler"));
  }
  if (!handler.ok()) return handler.status();
  bound.checks_owners = true;
  bound.handler.descriptor = &descriptor;
  bound.handler.quick = handler->quick;
  if (handler->read) {
    bound.handler.read = [read = handler->read](Call& call, store::Reader& reader,
                                                const google::protobuf::Message& request) {
      return read(call.caller, reader, request);
    };
  } else {
    bound.handler.write = [write = handler->write](Call& call, store::Transaction& tx,
                                                   const google::protobuf::Message& request) {
      return write(call.caller, tx, request);
    };
  }
  bound.handler.before = method.before;
  return CheckBefore(bound);
}

absl::Status Runtime::Impl::Bind(Service& service) {
  std::vector<const BoundMethod*> bound_methods;
  for (Method& method : service.methods()) {
    absl::StatusOr<BoundMethod> bound = DescribeMethod(*method.descriptor);
    if (!bound.ok()) return bound.status();
    if (method.access.has_value()) bound->access = *method.access;
    // Deny by default begins here: what declares nothing is not served.
    if (bound->access.permission().empty()) {
      return absl::InternalError(absl::StrCat(bound->name, " declares no access"));
    }
    if (absl::Status s = BindHandler(method, *bound); !s.ok()) return s;
    const bool exchange = method.descriptor->client_streaming();
    const bool stream = !exchange && method.descriptor->server_streaming();
    if (exchange != static_cast<bool>(bound->handler.exchange) ||
        stream != static_cast<bool>(bound->handler.stream)) {
      return absl::InternalError(
          absl::StrCat(bound->name, " has a handler of another kind than its contract"));
    }
    bound->metrics = &options.metrics->Method(service.service_descriptor().full_name(),
                                              method.descriptor->name());
    methods.push_back(*std::move(bound));
    bound_methods.push_back(&methods.back());
  }
  services.push_back(
      std::make_unique<ByteService>(options, *options.executor, streams, bound_methods));
  hosted.push_back({services.back().get(), &service.service_descriptor()});
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Runtime>> Runtime::Create(const RuntimeOptions& options,
                                                         std::vector<Service*> services) {
  if (!options.registry->status().ok()) return options.registry->status();
  auto impl = std::make_unique<Impl>(options);
  for (Service* service : services) {
    if (absl::Status s =
            resources::DescribeTransitions(*options.registry, service->service_descriptor());
        !s.ok()) {
      return s;
    }
  }
  for (Service* service : services) {
    if (absl::Status s = impl->Bind(*service); !s.ok()) return s;
  }
  return std::unique_ptr<Runtime>(new Runtime(std::move(impl)));
}

Runtime::Runtime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Runtime::~Runtime() = default;

const std::vector<HostedService>& Runtime::hosted() const { return impl_->hosted; }

void Runtime::EndStreams() { impl_->streams.EndAll(); }

}  // namespace caravan::rpc
