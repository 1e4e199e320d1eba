// gRPC reactors that run a bound method: one for unary calls, one for server
// streams. Calls that take a stream of requests are in exchange_call.h.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "services/common/rpc/binding.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/runtime.h"

namespace caravan::rpc {

// A call that lasts, which a drain ends.
class Stream {
 public:
  virtual ~Stream() = default;
  // The server drains. Must not leave the set before it returns.
  virtual void Drain() = 0;
};

// The streams under way.
class StreamSet {
 public:
  // False where the server is draining.
  bool Add(Stream* stream);
  void Remove(Stream* stream);
  void EndAll();

 private:
  absl::Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<Stream*> streams_ ABSL_GUARDED_BY(mutex_);
};

// A buffer over the string, without a copy.
grpc::ByteBuffer ToByteBuffer(std::string bytes);

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
