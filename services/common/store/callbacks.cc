#include "services/common/store/callbacks.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace caravan::store {
namespace {

// Callbacks that a thread takes at a time: taking each by itself would cost as much
// as many of them do.
constexpr size_t kMostAtOnce = 16;

}  // namespace

Callbacks::Callbacks(int threads) : number_(threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

Callbacks::~Callbacks() {
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void Callbacks::Run(Callback callback) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back(std::move(callback));
}

void Callbacks::RunAll(std::vector<Callback> callbacks) {
  absl::MutexLock lock(&mutex_);
  for (Callback& callback : callbacks) queue_.push_back(std::move(callback));
}

void Callbacks::Loop() {
  auto has_work = [this]()
                      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !queue_.empty() || closing_; };
  while (true) {
    std::vector<Callback> callbacks;
    {
      absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
      if (queue_.empty()) return;
      // The other threads are to have their share of a group that was committed.
      const size_t share = std::clamp<size_t>(queue_.size() / number_, 1, kMostAtOnce);
      std::move(queue_.begin(), queue_.begin() + share, std::back_inserter(callbacks));
      queue_.erase(queue_.begin(), queue_.begin() + share);
    }
    for (Callback& callback : callbacks) std::move(callback)();
  }
}

}  // namespace caravan::store
