// A clock that a test moves.
//
// Whoever waits measures from when its last round began, so an Advance of its
// interval is always followed by a round that sees all that came before it.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/operations/clock.h"

namespace caravan::operations {

class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time now) : state_(std::make_shared<State>()) { state_->now = now; }

  absl::Time Now() override {
    absl::MutexLock lock(&state_->mutex);
    return state_->now;
  }

  void Advance(absl::Duration by) {
    absl::MutexLock lock(&state_->mutex);
    state_->now += by;
  }

  std::shared_ptr<Alarm> NewAlarm() override { return std::make_shared<FakeAlarm>(state_); }

 private:
  // Outlives the clock where an alarm does.
  struct State {
    absl::Mutex mutex;
    absl::Time now ABSL_GUARDED_BY(mutex);
  };

  class FakeAlarm : public Alarm {
   public:
    explicit FakeAlarm(std::shared_ptr<State> state) : state_(std::move(state)) {}

    void Wait(absl::Time until) override {
      absl::MutexLock lock(&state_->mutex);
      const auto over = [this, until]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) {
        return rung_ || state_->now >= until;
      };
      state_->mutex.Await(absl::Condition(&over));
      rung_ = false;
    }

    void Ring() override {
      absl::MutexLock lock(&state_->mutex);
      rung_ = true;
    }

   private:
    const std::shared_ptr<State> state_;
    bool rung_ ABSL_GUARDED_BY(state_->mutex) = false;
  };

  const std::shared_ptr<State> state_;
};

}  // namespace caravan::operations
