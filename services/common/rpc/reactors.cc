#include "services/common/rpc/reactors.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/resources/requests.h"
#include "services/common/rpc/call_state.h"
#include "services/common/rpc/status.h"

namespace caravan::rpc {

namespace {

// How soon a call that waits for a revision sees that its caller has gone.
constexpr absl::Duration kPatience = absl::Milliseconds(500);

// Deletes itself when it has answered. It is no reactor itself: gRPC would call
// one of ours when the call is done on a thread of another kind, which costs more
// than a Get.
class UnaryCall {
 public:
  UnaryCall(const RuntimeOptions& runtime, Executor& executor, const BoundMethod& method,
            grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
            grpc::ByteBuffer* response)
      : runtime_(runtime),
        executor_(executor),
        state_(runtime, method, context, request),
        reactor_(context->DefaultReactor()),
        response_(response) {}

  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

  void Start() {
    if (absl::Status s = state_.Prepare(); !s.ok()) return End(s);
    if (state_.min_revision() <= runtime_.store->revision()) return Dispatch();
    AwaitRevision();
  }

 private:
  // Read your writes: the reply must know the revision that the caller knows.
  void AwaitRevision() {
    const absl::Time deadline = state_.call().deadline;
    runtime_.store->AwaitRevision(state_.min_revision(),
                                  std::min(deadline, absl::Now() + kPatience),
                                  [this, deadline](absl::Status s) {
                                    if (s.ok()) return Dispatch();
                                    if (state_.context()->IsCancelled()) return End(Gone());
                                    if (!absl::IsDeadlineExceeded(s) || absl::Now() >= deadline) {
                                      return End(s);
                                    }
                                    AwaitRevision();
                                  });
  }

  void Dispatch() {
    const Method& handler = state_.method().handler;
    if (handler.before) return Wait([this] { RunBefore(); });
    if (handler.write) return RunWrite();
    if (handler.async) {
      if (!executor_.Run([this] { RunAsync(); })) End(Busy());
      return;
    }
    if (handler.quick && runtime_.store->reads_inline()) return RunRead();
    if (!executor_.Run([this] { RunRead(); })) End(Busy());
  }

  void RunRead() {
    // A caller that has gone, or whose deadline passed in the queue, is not
    // worked for.
    if (state_.context()->IsCancelled()) return End(Gone());
    std::string reply;
    int64_t revision = 0;
    absl::Status s = runtime_.store->Read([&](store::Reader& reader) -> absl::Status {
      revision = reader.revision();
      if (absl::Status owners = state_.CheckOwners(reader); !owners.ok()) return owners;
      absl::StatusOr<std::string> answer =
          state_.method().handler.read(state_.call(), reader, state_.request());
      if (!answer.ok()) return answer.status();
      reply = *std::move(answer);
      return absl::OkStatus();
    });
    if (!s.ok()) return End(s);
    Reply(std::move(reply), revision);
  }

  void RunAsync() {
    if (absl::Status s = state_.CheckOwners(); !s.ok()) return End(s);
    state_.method().handler.async(state_.call(), state_.request(),
                                  [this](absl::StatusOr<std::string> answer) {
                                    if (!answer.ok()) return End(answer.status());
                                    Reply(*std::move(answer), runtime_.store->revision());
                                  });
  }

  // For what may wait for another service.
  void Wait(absl::AnyInvocable<void()> task) {
    Executor& executor = runtime_.asking == nullptr ? executor_ : *runtime_.asking;
    if (!executor.Run(std::move(task))) End(Busy());
  }

  // What a service does before the transaction or the read. Nobody is asked for a
  // caller who may not call, or who has been answered already.
  void RunBefore() {
    if (state_.context()->IsCancelled()) return End(Gone());
    bool answered = false;
    int64_t revision = 0;
    absl::Status s = runtime_.store->Read([&](store::Reader& reader) -> absl::Status {
      revision = reader.revision();
      if (absl::Status owners = state_.CheckOwners(reader); !owners.ok()) return owners;
      absl::StatusOr<bool> found = FindAnswer(reader);
      if (!found.ok()) return found.status();
      answered = *found;
      return absl::OkStatus();
    });
    if (!s.ok()) return End(s);
    if (answered) return Reply(std::move(reply_), revision);
    const Method& handler = state_.method().handler;
    s = handler.before(state_.call(), state_.request());
    if (!s.ok()) return End(s);
    if (handler.write) return RunWrite();
    RunRead();
  }

  void RunWrite() {
    asks_ = false;
    runtime_.store->Write([this](store::Transaction& tx) { return Body(tx); },
                          [this](absl::StatusOr<store::Committed> committed) {
                            if (asks_) return Wait([this] { Ask(); });
                            if (!committed.ok()) return End(committed.status());
                            Reply(std::move(reply_), committed->revision);
                          });
  }

  // Between two runs of the transaction: asks for what the first wanted to know.
  void Ask() {
    if (state_.context()->IsCancelled()) return End(Gone());
    const Call& call = state_.call();
    absl::Status s = state_.inquiry().Ask(call.deadline, call.trace.ToTraceparent());
    if (!s.ok()) return End(s);
    RunWrite();
  }

  // Whether the caller's request id has been answered; then with `reply_`.
  absl::StatusOr<bool> FindAnswer(store::Reader& reader) {
    const resources::Caller& caller = state_.call().caller;
    if (caller.request_id.empty()) return false;
    absl::StatusOr<std::optional<std::string>> answer =
        resources::FindAnswer(reader, caller, state_.request());
    if (!answer.ok()) return answer.status();
    if (!answer->has_value()) return false;
    reply_ = **std::move(answer);
    return true;
  }

  // The transaction; may be run again.
  absl::Status Body(store::Transaction& tx) {
    const resources::Caller& caller = state_.call().caller;
    asks_ = false;
    state_.inquiry().Begin();
    if (state_.context()->IsCancelled()) return Gone();
    if (tx.remote()) state_.ExpectResources(tx);
    if (absl::Status s = state_.CheckOwners(tx); !s.ok()) return s;
    absl::StatusOr<bool> answered = FindAnswer(tx);
    if (!answered.ok()) return answered.status();
    if (*answered) return absl::OkStatus();
    absl::StatusOr<std::string> reply =
        state_.method().handler.write(state_.call(), tx, state_.request());
    if (!reply.ok()) return reply.status();
    if (state_.inquiry().open()) {
      asks_ = true;
      return absl::AbortedError("other services are asked first");
    }
    reply_ = *std::move(reply);
    if (state_.validate_only()) {
      tx.Discard();
    } else if (!caller.request_id.empty()) {
      resources::KeepAnswer(tx, caller, state_.request(),
                            *state_.method().descriptor->output_type(), reply_);
    }
    return absl::OkStatus();
  }

  void Reply(std::string bytes, int64_t revision) {
    *response_ = ToByteBuffer(std::move(bytes));
    state_.context()->AddTrailingMetadata(kRevisionMetadata, absl::StrCat(revision));
    End(absl::OkStatus());
  }

  void End(const absl::Status& status) {
    const grpc::Status answer = state_.Finished(status);
    grpc::ServerUnaryReactor* reactor = reactor_;
    delete this;
    reactor->Finish(answer);
  }

  const RuntimeOptions& runtime_;
  Executor& executor_;
  CallState state_;
  grpc::ServerUnaryReactor* const reactor_;
  grpc::ByteBuffer* response_;
  std::string reply_;
  // The transaction ended without a change, so that others can be asked.
  bool asks_ = false;
};

// A server stream. One thing is under way at a time: pulling the next message,
// or writing it; whoever ends that ends the call where it has been cancelled.
class StreamCall : public grpc::ServerWriteReactor<grpc::ByteBuffer>, public Stream {
 public:
  StreamCall(const RuntimeOptions& runtime, Executor& executor, StreamSet& streams,
             const BoundMethod& method, grpc::CallbackServerContext* context,
             const grpc::ByteBuffer* request)
      : runtime_(runtime),
        executor_(executor),
        streams_(streams),
        state_(runtime, method, context, request) {}

  void Start() {
    if (absl::Status s = state_.Prepare(); !s.ok()) return End(s);
    if (!streams_.Add(this)) return End(Draining());
    registered_ = true;
    // Opening may read the store.
    if (!executor_.Run([this] { Open(); })) End(Busy());
  }

  // Only asks: the source answers on a thread of its own.
  void Drain() override {
    draining_ = true;
    CancelSource();
  }

  void OnCancel() override {
    cancelled_ = true;
    CancelSource();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return End(Gone());
    Pull();
  }

  void OnDone() override { delete this; }

 private:
  void Open() {
    if (absl::Status s = state_.CheckOwners(); !s.ok()) return End(s);
    absl::StatusOr<std::unique_ptr<ByteSource>> source =
        state_.method().handler.stream(state_.call(), state_.request());
    if (!source.ok()) return End(source.status());
    {
      absl::MutexLock lock(&mutex_);
      source_ = *std::move(source);
    }
    Pull();
  }

  void Pull() {
    if (cancelled_) return End(Gone());
    if (draining_) return End(Draining());
    source_->Next([this](absl::StatusOr<std::optional<std::string>> next) {
      if (cancelled_) return End(Gone());
      if (draining_) return End(Draining());
      if (!next.ok()) return End(next.status());
      if (!next->has_value()) return End(absl::OkStatus());
      buffer_ = ToByteBuffer(**std::move(next));
      StartWrite(&buffer_);
    });
  }

  void CancelSource() {
    absl::MutexLock lock(&mutex_);
    if (source_ != nullptr) source_->Cancel();
  }

  void End(const absl::Status& status) {
    if (registered_) streams_.Remove(this);
    Finish(state_.Finished(status));
  }

  const RuntimeOptions& runtime_;
  Executor& executor_;
  StreamSet& streams_;
  CallState state_;
  bool registered_ = false;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> draining_ = false;
  absl::Mutex mutex_;
  std::unique_ptr<ByteSource> source_;  // set once under mutex_
  grpc::ByteBuffer buffer_;
};

}  // namespace

bool StreamSet::Add(Stream* stream) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return false;
  streams_.insert(stream);
  return true;
}

void StreamSet::Remove(Stream* stream) {
  absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void StreamSet::EndAll() {
  absl::MutexLock lock(&mutex_);
  ended_ = true;
  // A stream that ends meanwhile waits in Remove until this is over.
  for (Stream* stream : streams_) stream->Drain();
}

grpc::ByteBuffer ToByteBuffer(std::string bytes) {
  auto* kept = new std::string(std::move(bytes));
  grpc::Slice slice(
      kept->data(), kept->size(), [](void* p) { delete static_cast<std::string*>(p); }, kept);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ServerUnaryReactor* StartUnary(const RuntimeOptions& runtime, Executor& executor,
                                     const BoundMethod& method,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  auto* call = new UnaryCall(runtime, executor, method, context, request, response);
  grpc::ServerUnaryReactor* reactor = call->reactor();
  call->Start();
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(const RuntimeOptions& runtime,
                                                        Executor& executor, StreamSet& streams,
                                                        const BoundMethod& method,
                                                        grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request) {
  auto* call = new StreamCall(runtime, executor, streams, method, context, request);
  call->Start();
  return call;
}

}  // namespace caravan::rpc
