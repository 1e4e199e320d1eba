// What writes waits here for its turn on one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"

namespace caravan::logistics {

// Jobs are taken in the order in which they came. Those of a `Batch` are taken
// together with the batches right behind them.
template <class Batch>
class WriteQueue {
 public:
  // `take` is called on the queue's thread with at least one batch. A batch weighs what
  // `weigh` says; together they weigh `max_together` at the most, but for one alone.
  WriteQueue(size_t max_waiting, size_t max_together, std::function<size_t(const Batch&)> weigh,
             std::function<void(std::vector<Batch>)> take)
      : max_waiting_(max_waiting),
        max_together_(max_together),
        weigh_(std::move(weigh)),
        take_(std::move(take)),
        thread_([this] { Loop(); }) {}

  // Does what waits, and ends.
  ~WriteQueue() {
    {
      absl::MutexLock lock(&mutex_);
      ending_ = true;
    }
    thread_.join();
  }

  // False, and the batch is as it was, where too much waits.
  bool Add(Batch& batch) {
    const size_t weight = weigh_(batch);
    absl::MutexLock lock(&mutex_);
    if (waiting_ > 0 && waiting_ + weight > max_waiting_) return false;
    waiting_ += weight;
    jobs_.push_back({std::move(batch), weight, nullptr});
    return true;
  }

  // Runs a function on the queue's thread, behind what waits, and returns when it has.
  void Run(absl::FunctionRef<void()> function) {
    bool done = false;
    absl::MutexLock lock(&mutex_);
    jobs_.push_back({Batch(), 0, [&] {
                       function();
                       absl::MutexLock lock(&mutex_);
                       done = true;
                     }});
    mutex_.Await(absl::Condition(&done));
  }

 private:
  struct Job {
    Batch batch;
    size_t weight = 0;
    absl::AnyInvocable<void()> function;  // empty: it is a batch
  };

  bool IsReady() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return ending_ || !jobs_.empty(); }

  void Loop() {
    while (true) {
      std::vector<Batch> batches;
      absl::AnyInvocable<void()> function = nullptr;
      size_t weight = 0;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &WriteQueue::IsReady));
        if (jobs_.empty()) return;
        if (jobs_.front().function) {
          function = std::move(jobs_.front().function);
          jobs_.pop_front();
        }
        while (!function && !jobs_.empty() && !jobs_.front().function &&
               (batches.empty() || weight + jobs_.front().weight <= max_together_)) {
          weight += jobs_.front().weight;
          batches.push_back(std::move(jobs_.front().batch));
          jobs_.pop_front();
        }
      }
      if (function) {
        function();
        continue;
      }
      take_(std::move(batches));
      absl::MutexLock lock(&mutex_);
      waiting_ -= weight;
    }
  }

  const size_t max_waiting_;
  const size_t max_together_;
  const std::function<size_t(const Batch&)> weigh_;
  const std::function<void(std::vector<Batch>)> take_;
  absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace caravan::logistics
