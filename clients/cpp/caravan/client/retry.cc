#include "caravan/client/retry.h"

#include <algorithm>
#include <random>

#include "caravan/client/errors.h"

namespace caravan::client {

void Cancellation::Cancel() {
  absl::MutexLock lock(&state_->mutex);
  if (state_->cancelled) return;
  state_->cancelled = true;
  for (auto* callback : state_->callbacks) (*callback)();
}

bool Cancellation::cancelled() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->cancelled;
}

void Cancellation::Sleep(absl::Duration duration) const {
  absl::MutexLock lock(&state_->mutex);
  state_->mutex.AwaitWithTimeout(absl::Condition(&state_->cancelled), duration);
}

Cancellation::Registration::Registration(const Cancellation& cancellation,
                                         std::function<void()> on_cancel)
    : cancellation_(cancellation), on_cancel_(std::move(on_cancel)) {
  absl::MutexLock lock(&cancellation_.state_->mutex);
  if (cancellation_.state_->cancelled) on_cancel_();
  cancellation_.state_->callbacks.push_back(&on_cancel_);
}

Cancellation::Registration::~Registration() {
  absl::MutexLock lock(&cancellation_.state_->mutex);
  auto& callbacks = cancellation_.state_->callbacks;
  callbacks.erase(std::find(callbacks.begin(), callbacks.end(), &on_cancel_));
}

void Clock::Sleep(absl::Duration duration, const Cancellation& cancellation) const {
  if (sleep) return sleep(duration);
  cancellation.Sleep(duration);
}

double Clock::Random() const {
  if (random) return random();
  thread_local std::minstd_rand generator{std::random_device()()};
  return std::uniform_real_distribution<double>(0, 1)(generator);
}

absl::Duration WaitAfter(const absl::Status& status, int attempt, const RetryPolicy& policy,
                         const Clock& clock) {
  const double share = policy.least_share + (1 - policy.least_share) * clock.Random();
  if (const auto asked = RetryDelayOf(status)) {
    // No earlier than asked; all who were asked the same come a little apart.
    const absl::Duration spread = std::min(*asked, absl::Seconds(1)) * (share - policy.least_share);
    return std::clamp(*asked + spread, absl::ZeroDuration(), policy.longest_wait);
  }
  absl::Duration wait = policy.first_wait;
  for (int i = 1; i < attempt && wait < policy.longest_wait; ++i) wait *= policy.growth;
  return std::min(wait, policy.longest_wait) * share;
}

}  // namespace caravan::client
