#include "services/common/store/callbacks.h"

#include <utility>

namespace caravan::store {

Callbacks::Callbacks(int threads) {
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
    Callback callback;
    {
      absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
      if (queue_.empty()) return;
      callback = std::move(queue_.front());
      queue_.pop_front();
    }
    std::move(callback)();
  }
}

}  // namespace caravan::store
