#include "services/common/rpc/exchange_call.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/common/api/errors.h"
#include "services/common/rpc/call_state.h"
#include "services/common/rpc/status.h"

namespace caravan::rpc {

namespace {

using Answer = absl::StatusOr<std::optional<std::string>>;

// Answers that may wait to be written, before the next request is read.
constexpr int kMostUnwritten = 16;

// What waits in a call for its turn to be answered, in the order of the stream:
// a request, the end of the requests, or an error that ends the call.
struct Item {
  std::unique_ptr<CallState> state;  // of a request, and of the end
  bool last = false;                 // the end of the requests
  bool handed_over = false;          // the end, to the exchange
  std::optional<Answer> answer;
};

// Everything that happens (a request came, an answer was given, a response was
// taken, the peer has gone) is noted under the mutex, and then Pump decides what
// to do next. One thread at a time pumps, so that gRPC and the exchange are called
// by one at a time.
//
// The call is over when nothing of it is under way any more: no response on its
// way, no request at the exchange.
class ExchangeCall : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                     public Stream {
 public:
  ExchangeCall(const RuntimeOptions& runtime, Executor& executor, StreamSet& streams,
               const BoundMethod& method, grpc::CallbackServerContext* context)
      : executor_(executor), streams_(streams), state_(runtime, method, context, nullptr) {}

  void Start() {
    absl::Status s = state_.PrepareStream();
    if (s.ok()) {
      // Before: once it is in the set, it may be drained.
      registered_ = true;
      if (!streams_.Add(this)) {
        registered_ = false;
        s = Draining();
      }
    }
    mutex_.Lock();
    if (!s.ok()) EndWith(s);
    PumpAndUnlock();
  }

  void Drain() override {
    mutex_.Lock();
    if (finished_) return mutex_.Unlock();
    // Elsewhere: the call may be over then, and leaves the set.
    ++under_way_;
    mutex_.Unlock();
    executor_.Continue([this] {
      mutex_.Lock();
      --under_way_;
      // What has been taken is answered first.
      if (!reading_ended_) PushError(Draining());
      PumpAndUnlock();
    });
  }

  void OnReadDone(bool ok) override {
    mutex_.Lock();
    reading_ = false;
    if (!reading_ended_) {
      if (ok) {
        Submit([this] { Take(); });
      } else {
        PushEnd();
      }
    }
    PumpAndUnlock();
  }

  void OnWriteDone(bool ok) override {
    mutex_.Lock();
    writing_ = false;
    if (ok) {
      PopAnswered();
    } else {
      EndWith(Gone());
    }
    PumpAndUnlock();
  }

  void OnCancel() override {
    mutex_.Lock();
    EndWith(Gone());
    PumpAndUnlock();
  }

  void OnDone() override { delete this; }

 private:
  enum class Act { kNothing, kRead, kWrite, kHandOverEnd, kCancel, kFinish };

  // Runs a task that may wait for the store; until it has called Returned, nothing
  // else is asked of the exchange. The first may be refused: then the call has not
  // been taken on.
  void Submit(absl::AnyInvocable<void()> task) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    in_task_ = true;
    if (exchange_ != nullptr) return executor_.Continue(std::move(task));
    if (executor_.Run(std::move(task))) return;
    in_task_ = false;
    PushError(Busy());
  }

  void Returned() {
    mutex_.Lock();
    in_task_ = false;
    PumpAndUnlock();
  }

  // Takes the request that has been read through the steps, to the exchange.
  void Take() {
    auto state = std::make_unique<CallState>(state_, &request_);
    absl::Status s = state_.context()->IsCancelled() ? Gone() : state->PrepareRequest();
    request_.Clear();
    if (s.ok()) s = state->CheckOwners();
    if (s.ok() && exchange_ == nullptr) s = Open();
    state_.method().metrics->Received();
    Item* item = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      if (reading_ended_) {
        // As if it had never come: nobody will tell that it was answered.
        s = Gone();
      } else if (s.ok()) {
        item = items_.emplace_back(std::make_unique<Item>()).get();
        item->state = std::move(state);
      } else {
        PushError(s);
      }
    }
    if (s.ok()) {
      exchange_->OnMessage(item->state->call(), item->state->request(),
                           [this, item](Answer answer) { Answered(item, std::move(answer)); });
    }
    Returned();
  }

  absl::Status Open() {
    absl::StatusOr<std::unique_ptr<ByteExchange>> exchange =
        state_.method().handler.exchange(state_.call());
    if (!exchange.ok()) return exchange.status();
    exchange_ = *std::move(exchange);
    most_in_progress_ = static_cast<size_t>(std::max(1, exchange_->MostInProgress()));
    return absl::OkStatus();
  }

  void TakeEnd(Item* item) {
    if (state_.context()->IsCancelled()) {
      Answered(item, Gone());
    } else {
      exchange_->OnEnd(item->state->call(),
                       [this, item](Answer answer) { Answered(item, std::move(answer)); });
    }
    Returned();
  }

  // On any thread.
  void Answered(Item* item, Answer answer) {
    mutex_.Lock();
    // No request is read that could not be answered any more.
    if (!answer.ok()) reading_ended_ = true;
    item->answer = std::move(answer);
    ++answered_;
    PumpAndUnlock();
  }

  void PushError(absl::Status error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    reading_ended_ = true;
    items_.push_back(std::make_unique<Item>());
    items_.back()->answer = std::move(error);
    ++answered_;
  }

  void PushEnd() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    // Without a request nothing has been permitted, and nothing is answered.
    if (exchange_ == nullptr && !answers_in_a_stream()) {
      return PushError(api::Error(absl::StatusCode::kInvalidArgument, "EMPTY_STREAM",
                                  "the stream of requests is empty; must have at least one"));
    }
    reading_ended_ = true;
    auto& item = *items_.emplace_back(std::make_unique<Item>());
    item.last = true;
    if (exchange_ == nullptr) {
      item.answer.emplace(std::nullopt);
      ++answered_;
    }
  }

  bool answers_in_a_stream() const { return state_.method().descriptor->server_streaming(); }

  // Nothing more is answered; the first reason stands.
  void EndWith(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    reading_ended_ = true;
    if (!end_.has_value()) end_ = status;
  }

  void PopAnswered() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (items_.front()->last) EndWith(absl::OkStatus());
    items_.pop_front();
    --answered_;
  }

  // Whether the exchange has something to answer yet.
  bool Waited() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::any_of(items_.begin(), items_.end(), [](const auto& item) {
      return !item->answer.has_value() && (!item->last || item->handed_over);
    });
  }

  // What is to be done next, noted as done.
  Act Next() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    while (!end_.has_value() && !writing_ && !items_.empty()) {
      Item& item = *items_.front();
      if (!item.answer.has_value()) {
        if (!item.last || item.handed_over || in_task_) break;
        item.handed_over = true;
        item.state = std::make_unique<CallState>(state_, nullptr);
        return Act::kHandOverEnd;
      }
      if (!item.answer->ok()) {
        EndWith(item.answer->status());
      } else if ((*item.answer)->has_value() != item.last && !answers_in_a_stream()) {
        EndWith(absl::InternalError("the handler must answer at the end, and only there"));
      } else if ((*item.answer)->has_value()) {
        writing_ = true;
        response_ = ToByteBuffer(***std::move(item.answer));
        return Act::kWrite;
      } else {
        PopAnswered();
      }
    }
    if (end_.has_value()) {
      if (in_task_ || writing_) return Act::kNothing;
      if (Waited()) return std::exchange(told_, true) ? Act::kNothing : Act::kCancel;
      if (under_way_ > 0 || finished_) return Act::kNothing;
      finished_ = true;
      return Act::kFinish;
    }
    // A request is kept until its answer is written: a client that reads no answers is held
    // up after a few.
    if (!reading_ended_ && !reading_ && !in_task_ && items_.size() < most_in_progress_ &&
        answered_ < kMostUnwritten) {
      reading_ = true;
      return Act::kRead;
    }
    return Act::kNothing;
  }

  void PumpAndUnlock() ABSL_UNLOCK_FUNCTION(mutex_) {
    // Who pumps already looks again before it ends.
    if (pumping_) return mutex_.Unlock();
    pumping_ = true;
    while (true) {
      const Act act = Next();
      if (act == Act::kHandOverEnd) {
        Submit([this, item = items_.front().get()] { TakeEnd(item); });
        continue;
      }
      if (act == Act::kNothing) break;
      mutex_.Unlock();
      switch (act) {
        case Act::kRead:
          StartRead(&request_);
          break;
        case Act::kWrite:
          StartWrite(&response_);
          break;
        case Act::kCancel:
          exchange_->Cancel();
          break;
        default:
          // The last that is done: gRPC may delete the call before this returns.
          if (registered_) streams_.Remove(this);
          return Finish(state_.Finished(*end_));
      }
      mutex_.Lock();
    }
    pumping_ = false;
    mutex_.Unlock();
  }

  Executor& executor_;
  StreamSet& streams_;
  CallState state_;  // of the call itself
  bool registered_ = false;
  grpc::ByteBuffer request_;   // of the read under way, and of the task after it
  grpc::ByteBuffer response_;  // of the write under way
  // Made by the first task; then called by tasks, and by Pump while there is none.
  std::unique_ptr<ByteExchange> exchange_;
  size_t most_in_progress_ = 1;

  absl::Mutex mutex_;
  std::deque<std::unique_ptr<Item>> items_ ABSL_GUARDED_BY(mutex_);
  int answered_ ABSL_GUARDED_BY(mutex_) = 0;  // of the items: those that have an answer
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool reading_ended_ ABSL_GUARDED_BY(mutex_) = false;  // for whatever reason
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool in_task_ ABSL_GUARDED_BY(mutex_) = false;
  bool pumping_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;      // the exchange, that nobody waits
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;  // or about to be
  int under_way_ ABSL_GUARDED_BY(mutex_) = 0;      // drains
  std::optional<absl::Status> end_;                // written under mutex_, once
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartExchange(
    const RuntimeOptions& runtime, Executor& executor, StreamSet& streams,
    const BoundMethod& method, grpc::CallbackServerContext* context) {
  auto* call = new ExchangeCall(runtime, executor, streams, method, context);
  call->Start();
  return call;
}

}  // namespace caravan::rpc
