#include "services/common/operations/clock.h"

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace caravan::operations {

namespace {

class SystemAlarm : public Alarm {
 public:
  void Wait(absl::Time until) override {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithDeadline(absl::Condition(&rung_), until);
    rung_ = false;
  }

  void Ring() override {
    absl::MutexLock lock(&mutex_);
    rung_ = true;
  }

 private:
  absl::Mutex mutex_;
  bool rung_ ABSL_GUARDED_BY(mutex_) = false;
};

class SystemClock : public Clock {
 public:
  absl::Time Now() override { return absl::Now(); }
  std::shared_ptr<Alarm> NewAlarm() override { return std::make_shared<SystemAlarm>(); }
};

}  // namespace

Clock& Clock::System() {
  static SystemClock clock;
  return clock;
}

}  // namespace caravan::operations
