// Wakes those who follow the change log.
#pragma once

#include <cstdint>
#include <thread>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "services/common/store/store.h"

namespace caravan::changes {

// Calls back whoever waits for a revision, once the store has it. One thread
// follows the store for all.
class ChangeFeed {
 public:
  explicit ChangeFeed(store::Store& store);
  ~ChangeFeed();

  using WaiterId = int64_t;

  // Calls `wake` once the store has `revision`: at once where it has, else on
  // the feed's thread. Returns an id for Cancel.
  WaiterId Wait(int64_t revision, absl::AnyInvocable<void()> wake);

  // Takes a waiter out; true where its `wake` has not been, and will not be,
  // called.
  bool Cancel(WaiterId id);

 private:
  void Follow();

  struct Waiter {
    int64_t revision;
    absl::AnyInvocable<void()> wake;
  };

  store::Store& store_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  WaiterId next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  absl::flat_hash_map<WaiterId, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace caravan::changes
