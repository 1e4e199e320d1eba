#include "services/common/changes/change_feed.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace caravan::changes {

namespace {

// How long the feed's thread waits for the store before it looks whether it is
// to end.
constexpr absl::Duration kPatience = absl::Milliseconds(200);

}  // namespace

ChangeFeed::ChangeFeed(store::Store& store) : store_(store), thread_([this] { Follow(); }) {}

ChangeFeed::~ChangeFeed() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

ChangeFeed::WaiterId ChangeFeed::Wait(int64_t revision, absl::AnyInvocable<void()> wake) {
  {
    absl::MutexLock lock(&mutex_);
    // Checked under the lock: the thread looks at the waiters after each new
    // revision, so none is missed.
    if (store_.revision() < revision) {
      const WaiterId id = next_id_++;
      waiters_.emplace(id, Waiter{revision, std::move(wake)});
      return id;
    }
  }
  wake();
  return 0;
}

bool ChangeFeed::Cancel(WaiterId id) {
  absl::MutexLock lock(&mutex_);
  return waiters_.erase(id) > 0;
}

void ChangeFeed::Follow() {
  int64_t seen = store_.revision();
  while (true) {
    struct Arrival {
      absl::Notification notification;
    };
    // Outlives this turn where the store calls back late.
    auto arrival = std::make_shared<Arrival>();
    store_.AwaitRevision(seen + 1, absl::Now() + kPatience,
                         [arrival](const absl::Status&) { arrival->notification.Notify(); });
    arrival->notification.WaitForNotification();
    seen = std::max(seen, store_.revision());
    std::vector<absl::AnyInvocable<void()>> due;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      for (auto it = waiters_.begin(); it != waiters_.end();) {
        if (it->second.revision <= seen) {
          due.push_back(std::move(it->second.wake));
          waiters_.erase(it++);
        } else {
          ++it;
        }
      }
    }
    for (auto& wake : due) wake();
  }
}

}  // namespace caravan::changes
