// Streams of what is watched: its state, and again each time that this has changed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/common/rpc/executor.h"
#include "services/common/rpc/service.h"
#include "services/logistics/change_hub.h"

namespace caravan::logistics {

// Reads when it is notified and the peer has taken what was sent before, never
// twice at once, on the executor, which must outlive it.
template <class Message>
class WatchedState : public Watcher, public std::enable_shared_from_this<WatchedState<Message>> {
 public:
  // The next message; nothing where there is none to send now.
  using ReadFunction = std::function<absl::StatusOr<std::optional<Message>>()>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<std::optional<Message>>)>;

  WatchedState(rpc::Executor& executor, ReadFunction read)
      : executor_(executor), read_(std::move(read)) {}

  void Next(Done done) {
    absl::MutexLock lock(&mutex_);
    done_ = std::move(done);
    if (changed_ || cancelled_) ScheduleRead();
  }

  void Notify() override {
    absl::MutexLock lock(&mutex_);
    changed_ = true;
    if (done_) ScheduleRead();
  }

  void Cancel() {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    if (done_) ScheduleRead();
  }

 private:
  void ScheduleRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (reading_) return;
    reading_ = true;
    executor_.Continue([self = this->shared_from_this()] { self->Read(); });
  }

  void Read() {
    {
      absl::MutexLock lock(&mutex_);
      changed_ = false;
      if (cancelled_) return Finish(absl::CancelledError("the caller has gone"));
    }
    absl::StatusOr<std::optional<Message>> next = read_();
    absl::MutexLock lock(&mutex_);
    if (!next.ok() || next->has_value()) {
      // What was sent last was not all: the next call reads on.
      if (next.ok()) changed_ = true;
      return Finish(std::move(next));
    }
    reading_ = false;
    if (changed_ || cancelled_) ScheduleRead();
  }

  // Gives the answer without the lock, since the next call may come from within it.
  void Finish(absl::StatusOr<std::optional<Message>> next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    reading_ = false;
    Done done = std::exchange(done_, nullptr);
    mutex_.Unlock();
    done(std::move(next));
    mutex_.Lock();
  }

  rpc::Executor& executor_;
  const ReadFunction read_;
  absl::Mutex mutex_;
  Done done_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool changed_ ABSL_GUARDED_BY(mutex_) = true;  // nothing was sent yet
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

// The stream of a call.
template <class Message>
class WatchSource : public rpc::Source<Message> {
 public:
  explicit WatchSource(std::shared_ptr<WatchedState<Message>> state) : state_(std::move(state)) {}
  ~WatchSource() override { state_->Cancel(); }

  void Next(absl::AnyInvocable<void(absl::StatusOr<std::optional<Message>>)> done) override {
    state_->Next(std::move(done));
  }
  void Cancel() override { state_->Cancel(); }

 private:
  const std::shared_ptr<WatchedState<Message>> state_;
};

// A stream of what `read` gives, woken by changes of a key.
template <class Message>
std::unique_ptr<rpc::Source<Message>> Watch(ChangeHub& hub, rpc::Executor& executor,
                                            std::string key,
                                            typename WatchedState<Message>::ReadFunction read) {
  auto state = std::make_shared<WatchedState<Message>>(executor, std::move(read));
  hub.Watch(std::move(key), state);
  return std::make_unique<WatchSource<Message>>(std::move(state));
}

}  // namespace caravan::logistics
