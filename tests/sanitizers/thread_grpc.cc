// Linked into programs that are built with ThreadSanitizer: what gRPC promises of
// the order of things, which its library, built without, cannot tell the sanitizer.
//
// What comes before the start of a batch of operations comes before whatever its
// completion is followed by. And where client and server are in one process, as in
// tests: what comes before a message is sent comes before what follows from its
// arrival. That does not order the calls of a server with each other.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include <mutex>
#include <thread>
#include <unordered_set>

#include "grpcpp/impl/codegen/server_callback_handlers.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"

// Of the sanitizer, in no header.
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
extern "C" void AnnotateIgnoreSyncBegin(const char* file, int line);
extern "C" void AnnotateIgnoreSyncEnd(const char* file, int line);

// Of libgrpc, in no installed header.
int grpc_call_is_client(grpc_call* call);

namespace {

// The sanitizer must not take what happens meanwhile for an order of the threads.
class Unseen {
 public:
  Unseen() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    AnnotateIgnoreSyncBegin(__FILE__, __LINE__);
  }
  ~Unseen() {
    AnnotateIgnoreSyncEnd(__FILE__, __LINE__);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
};

// The tags of the batches of clients that are under way.
class ClientTags {
 public:
  void Add(void* tag) {
    Unseen unseen;
    std::lock_guard lock(mutex_);
    tags_.insert(tag);
  }
  bool Remove(void* tag) {
    Unseen unseen;
    std::lock_guard lock(mutex_);
    return tags_.erase(tag) > 0;
  }

 private:
  std::mutex mutex_;
  std::unordered_set<void*> tags_;
};

// Never destroyed: threads of gRPC may outlive main().
ClientTags& Clients() {
  static auto* const tags = new ClientTags();
  return *tags;
}

// Their addresses stand for all messages of this direction.
char g_to_servers;
char g_to_clients;

void Completed(const grpc_event& event) {
  if (event.type != GRPC_OP_COMPLETE) return;
  __tsan_acquire(event.tag);
  __tsan_acquire(Clients().Remove(event.tag) ? &g_to_clients : &g_to_servers);
}

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  static const auto next =
      reinterpret_cast<decltype(&grpc_call_start_batch)>(dlsym(RTLD_NEXT, "grpc_call_start_batch"));
  const bool client = grpc_call_is_client(call) != 0;
  if (client) Clients().Add(tag);
  __tsan_release(tag);
  __tsan_release(client ? &g_to_servers : &g_to_clients);
  const grpc_call_error error = next(call, ops, count, tag, reserved);
  // Then it is not completed.
  if (error != GRPC_CALL_OK && client) Clients().Remove(tag);
  return error;
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline,
                                      void* reserved) {
  static const auto next = reinterpret_cast<decltype(&grpc_completion_queue_next)>(
      dlsym(RTLD_NEXT, "grpc_completion_queue_next"));
  const grpc_event event = next(queue, deadline, reserved);
  Completed(event);
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  static const auto next = reinterpret_cast<decltype(&grpc_completion_queue_pluck)>(
      dlsym(RTLD_NEXT, "grpc_completion_queue_pluck"));
  const grpc_event event = next(queue, tag, deadline, reserved);
  Completed(event);
  return event;
}

}  // extern "C"

// The references of a call are dropped in headers, which the sanitizer sees, and in
// the library, which it does not.

void grpc::internal::ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  static const auto next = reinterpret_cast<void (*)(ServerCallbackCall*, bool)>(
      dlsym(RTLD_NEXT, "_ZN4grpc8internal18ServerCallbackCall14ScheduleOnDoneEb"));
  __tsan_acquire(&callbacks_outstanding_);
  next(this, inline_ondone);
}

// As in the library, but on a thread of its own.
void grpc::internal::ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  if (reactor->InternalInlineable()) return reactor->OnCancel();
  Ref();
  std::thread([this, reactor] {
    reactor->OnCancel();
    MaybeDone();
  }).detach();
}

// That of generic services.
template class grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>;
