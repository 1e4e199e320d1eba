// Threads for work that may block: reads of a database, scans.
#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace caravan::rpc {

class Executor {
 public:
  // At most `most_waiting` tasks may wait.
  Executor(int threads, size_t most_waiting);
  // Runs what still waits, then ends the threads.
  ~Executor();

  // False where too many wait; then the task is not run.
  bool Run(absl::AnyInvocable<void()> task);

  // For the next step of work that has been taken on: never refused.
  void Continue(absl::AnyInvocable<void()> task);

 private:
  void Work();

  const size_t most_waiting_;
  absl::Mutex mutex_;
  std::deque<absl::AnyInvocable<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace caravan::rpc
