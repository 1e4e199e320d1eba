// Bounds how often something may happen.
#pragma once

#include <algorithm>
#include <chrono>

#include "services/gateway/timer_wheel.h"

namespace caravan::gateway {

class TokenBucket {
 public:
  // `burst` at once, and then `per_second`.
  TokenBucket(double per_second, double burst, Clock::time_point now)
      : per_second_(per_second), burst_(burst), tokens_(burst), filled_(now) {}

  // Whether it may happen now.
  bool Take(Clock::time_point now) {
    if (tokens_ < 1) {
      const std::chrono::duration<double> passed = now - filled_;
      tokens_ = std::min(burst_, tokens_ + passed.count() * per_second_);
      filled_ = now;
      if (tokens_ < 1) return false;
    } else if (tokens_ == burst_) {
      filled_ = now;
    }
    tokens_ -= 1;
    return true;
  }

 private:
  const double per_second_;
  const double burst_;
  double tokens_;
  Clock::time_point filled_;
};

}  // namespace caravan::gateway
