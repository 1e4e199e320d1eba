#include "services/common/operations/clock.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

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

class TellingClock : public Clock {
 public:
  explicit TellingClock(std::function<absl::Time()> now) : now_(std::move(now)) {}
  absl::Time Now() override { return now_(); }
  std::shared_ptr<Alarm> NewAlarm() override { return std::make_shared<TellingAlarm>(now_); }

 private:
  class TellingAlarm : public SystemAlarm {
   public:
    explicit TellingAlarm(std::function<absl::Time()> now) : now_(std::move(now)) {}
    void Wait(absl::Time until) override { SystemAlarm::Wait(absl::Now() + (until - now_())); }

   private:
    const std::function<absl::Time()> now_;
  };

  const std::function<absl::Time()> now_;
};

}  // namespace

std::unique_ptr<Clock> Clock::Telling(std::function<absl::Time()> now) {
  return std::make_unique<TellingClock>(std::move(now));
}

Clock& Clock::System() {
  static SystemClock clock;
  return clock;
}

}  // namespace caravan::operations
