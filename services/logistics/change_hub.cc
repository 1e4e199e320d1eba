#include "services/logistics/change_hub.h"

#include <utility>

namespace caravan::logistics {

void ChangeHub::Watch(std::string key, std::weak_ptr<Watcher> watcher) {
  absl::MutexLock lock(&mutex_);
  watchers_[std::move(key)].push_back(std::move(watcher));
}

void ChangeHub::Notify(std::string_view key) {
  // Notified without the lock: a watcher may go as it is told.
  std::vector<std::shared_ptr<Watcher>> told;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = watchers_.find(key);
    if (found == watchers_.end()) return;
    for (const auto& watcher : found->second) {
      if (auto alive = watcher.lock()) told.push_back(std::move(alive));
    }
  }
  for (const auto& watcher : told) watcher->Notify();
}

void ChangeHub::Pulse() {
  std::vector<std::shared_ptr<Watcher>> told;
  {
    absl::MutexLock lock(&mutex_);
    absl::erase_if(watchers_, [&](auto& entry) {
      auto& watchers = entry.second;
      size_t kept = 0;
      for (auto& watcher : watchers) {
        if (auto alive = watcher.lock()) {
          told.push_back(std::move(alive));
          watchers[kept++] = std::move(watcher);
        }
      }
      watchers.resize(kept);
      return watchers.empty();
    });
  }
  for (const auto& watcher : told) watcher->Notify();
}

}  // namespace caravan::logistics
