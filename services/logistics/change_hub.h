// Wakes those who watch parcels, scorecards or the journal.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace caravan::logistics {

// One who watches. Notify is brief, and may be called on any thread, also while it
// runs on another.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void Notify() = 0;
};

// Who watches what. What is changed by another process, or by the passing of time,
// nobody tells here: so watchers are also woken by a pulse.
class ChangeHub {
 public:
  // Watches a key until the watcher is gone.
  void Watch(std::string key, std::weak_ptr<Watcher> watcher);

  // Notifies the watchers of a key.
  void Notify(std::string_view key);

  // Notifies all, and forgets those that are gone.
  void Pulse();

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::vector<std::weak_ptr<Watcher>>> watchers_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::logistics
