#include "services/common/store/revision_waiters.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {

RevisionWaiters::RevisionWaiters(Callbacks* callbacks)
    : callbacks_(callbacks), thread_([this] { Loop(); }) {}

RevisionWaiters::~RevisionWaiters() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    changed_.Signal();
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  for (auto& [key, waiter] : by_deadline_) {
    callbacks_->Run([done = std::move(waiter.done)]() mutable { done(UnavailableError()); });
  }
}

void RevisionWaiters::Advance(int64_t revision) {
  std::vector<Callbacks::Callback> reached;
  {
    absl::MutexLock lock(&mutex_);
    if (revision <= revision_) return;
    revision_ = revision;
    auto end = by_revision_.upper_bound(revision);
    for (auto it = by_revision_.begin(); it != end; ++it) {
      auto waiter = by_deadline_.find(it->second);
      reached.push_back(
          [done = std::move(waiter->second.done)]() mutable { done(absl::OkStatus()); });
      by_deadline_.erase(waiter);
    }
    by_revision_.erase(by_revision_.begin(), end);
  }
  if (!reached.empty()) callbacks_->RunAll(std::move(reached));
}

bool RevisionWaiters::Await(int64_t revision, absl::Time deadline, Done done) {
  {
    absl::MutexLock lock(&mutex_);
    if (revision > revision_) {
      const Key key{deadline, next_number_++};
      by_revision_.emplace(revision, key);
      const bool first = by_deadline_.empty() || key < by_deadline_.begin()->first;
      by_deadline_.emplace(key, Waiter{std::move(done), revision});
      if (first) changed_.Signal();
      return true;
    }
  }
  done(absl::OkStatus());
  return false;
}

void RevisionWaiters::Loop() {
  absl::MutexLock lock(&mutex_);
  while (!closing_) {
    if (by_deadline_.empty()) {
      changed_.Wait(&mutex_);
      continue;
    }
    auto first = by_deadline_.begin();
    if (first->first.first > absl::Now()) {
      changed_.WaitWithDeadline(&mutex_, first->first.first);
      continue;
    }
    const int64_t revision = first->second.revision;
    callbacks_->Run([done = std::move(first->second.done), revision,
                     now = revision_.load()]() mutable {
      done(api::Error(
          absl::StatusCode::kDeadlineExceeded, "REVISION_NOT_REACHED",
          absl::StrCat("revision ", revision, " was not reached in time; the newest is ", now)));
    });
    auto [begin, end] = by_revision_.equal_range(revision);
    for (auto it = begin; it != end; ++it) {
      if (it->second != first->first) continue;
      by_revision_.erase(it);
      break;
    }
    by_deadline_.erase(first);
  }
}

}  // namespace caravan::store
