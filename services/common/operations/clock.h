// Time, and waiting for it, given from outside so that tests can move it.
#pragma once

#include <functional>
#include <memory>

#include "absl/time/time.h"

namespace caravan::operations {

// What one thread waits on and others ring.
class Alarm {
 public:
  virtual ~Alarm() = default;

  // Waits until the time has come, or the alarm was rung since the last Wait.
  virtual void Wait(absl::Time until) = 0;

  // Ends a Wait, the next one where there is none. Thread-safe.
  virtual void Ring() = 0;
};

class Clock {
 public:
  virtual ~Clock() = default;

  virtual absl::Time Now() = 0;
  virtual std::shared_ptr<Alarm> NewAlarm() = 0;

  // The clock of the machine.
  static Clock& System();

  // The clock of a host: `now` says what time it is, and a wait takes as long as
  // the clock of the machine says.
  static std::unique_ptr<Clock> Telling(std::function<absl::Time()> now);
};

}  // namespace caravan::operations
