// Threads on which a store calls back, so that a slow callback delays no commit.
#pragma once

#include <deque>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace caravan::store {

class Callbacks {
 public:
  using Callback = absl::AnyInvocable<void()>;

  explicit Callbacks(int threads);
  // Runs what is left.
  ~Callbacks();

  void Run(Callback callback);
  void RunAll(std::vector<Callback> callbacks);

 private:
  void Loop();

  const size_t number_;
  absl::Mutex mutex_;
  std::deque<Callback> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace caravan::store
