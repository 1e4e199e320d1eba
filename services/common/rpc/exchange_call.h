// The gRPC reactor of a call that takes a stream of requests.
#pragma once

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "services/common/rpc/binding.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/reactors.h"
#include "services/common/rpc/runtime.h"

namespace caravan::rpc {

// Starts a call; the reactor deletes itself when it is done.
grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartExchange(
    const RuntimeOptions& runtime, Executor& executor, StreamSet& streams,
    const BoundMethod& method, grpc::CallbackServerContext* context);

}  // namespace caravan::rpc
