// When and how long calls wait before they are repeated.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace caravan::client {

// Exponential waits with jitter; where the server says how long to wait, that.
struct RetryPolicy {
  int max_attempts = 8;  // of one call, the first among them
  absl::Duration first_wait = absl::Milliseconds(100);
  absl::Duration longest_wait = absl::Seconds(30);
  double growth = 2;  // of the wait from attempt to attempt
  // A wait is between this share of what it would be and all of it, so that
  // callers who failed together do not come back together.
  double least_share = 0.5;
};

// Ends calls, waits and streams from another thread. Copies are the same
// cancellation; it cannot be taken back.
class Cancellation {
 public:
  Cancellation() : state_(std::make_shared<State>()) {}

  void Cancel();
  bool cancelled() const;

  // Waits, but no longer than until it is cancelled.
  void Sleep(absl::Duration duration) const;

  // Calls `on_cancel` when it is cancelled, at once where it already is, while
  // the registration lives.
  class Registration {
   public:
    Registration(const Cancellation& cancellation, std::function<void()> on_cancel);
    ~Registration();
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

   private:
    const Cancellation& cancellation_;
    std::function<void()> on_cancel_;
  };

 private:
  struct State {
    absl::Mutex mutex;
    bool cancelled = false;
    std::vector<std::function<void()>*> callbacks;
  };
  std::shared_ptr<State> state_;
};

// Where time and chance come from. A test gives its own; what is left empty is
// real.
struct Clock {
  std::function<absl::Time()> now = nullptr;
  std::function<void(absl::Duration)> sleep = nullptr;
  std::function<double()> random = nullptr;  // from 0 up to 1

  absl::Time Now() const { return now ? now() : absl::Now(); }
  void Sleep(absl::Duration duration, const Cancellation& cancellation) const;
  double Random() const;
};

// How long to wait after the given failed attempt (from 1).
absl::Duration WaitAfter(const absl::Status& status, int attempt, const RetryPolicy& policy,
                         const Clock& clock);

}  // namespace caravan::client
