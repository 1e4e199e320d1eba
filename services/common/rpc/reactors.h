// gRPC reactors that run a bound method: one for unary calls, one for server
// streams.
#pragma once

#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "services/common/rpc/binding.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/runtime.h"

namespace caravan::rpc {

class StreamCall;

// The streams under way, so that a drain can end them.
class StreamSet {
 public:
  // False where the server is draining.
  bool Add(StreamCall* call);
  void Remove(StreamCall* call);
  void EndAll();

 private:
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<StreamCall*> calls_ ABSL_GUARDED_BY(mutex_);
};

// Starts a call; the reactor deletes itself when it is done.
grpc::ServerUnaryReactor* StartUnary(const RuntimeOptions& runtime, Executor& executor,
                                     const BoundMethod& method,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response);
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(const RuntimeOptions& runtime,
                                                        Executor& executor, StreamSet& streams,
                                                        const BoundMethod& method,
                                                        grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request);

}  // namespace caravan::rpc
