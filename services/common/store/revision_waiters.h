// Who waits for the store to reach a revision.
#pragma once

#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/store/callbacks.h"

namespace caravan::store {

class RevisionWaiters {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  explicit RevisionWaiters(Callbacks* callbacks);
  // Those who still wait get UNAVAILABLE.
  ~RevisionWaiters();

  // The newest revision that was reached.
  int64_t revision() const { return revision_; }

  // A revision was reached; smaller ones than before are ignored.
  void Advance(int64_t revision);

  // Returns whether the revision is still to come.
  bool Await(int64_t revision, absl::Time deadline, Done done);

 private:
  struct Waiter {
    Done done;
    int64_t revision;
  };
  using Key = std::pair<absl::Time, int64_t>;  // deadline, number

  // Calls back those whose deadline is over.
  void Loop();

  Callbacks* const callbacks_;
  std::atomic<int64_t> revision_ = 0;
  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t next_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Key, Waiter> by_deadline_ ABSL_GUARDED_BY(mutex_);
  std::multimap<int64_t, Key> by_revision_ ABSL_GUARDED_BY(mutex_);
  absl::CondVar changed_;
  std::thread thread_;
};

}  // namespace caravan::store
