// Timers that cost a few nanoseconds to start and to stop, since nearly all are
// stopped before they fire. They fire late by up to one tick.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace caravan::gateway {

using Clock = std::chrono::steady_clock;

class TimerWheel;

// A timer of one loop. Destroying it stops it. It may be started and stopped, but
// not destroyed, from its own function.
class Timer {
 public:
  Timer(TimerWheel& wheel, std::function<void()> fire) : wheel_(wheel), fire_(std::move(fire)) {}
  ~Timer() { Stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once, at `time` or soon after it. Starting it again moves it.
  void StartAt(Clock::time_point time);
  void StartIn(Clock::duration delay);
  void Stop();
  bool running() const { return link_.next != nullptr; }

 private:
  friend class TimerWheel;
  struct Link {
    Link* previous = nullptr;
    Link* next = nullptr;
    Timer* timer = nullptr;
  };

  TimerWheel& wheel_;
  const std::function<void()> fire_;
  Link link_;
  int64_t tick_ = 0;
};

class TimerWheel {
 public:
  static constexpr Clock::duration kTick = std::chrono::milliseconds(10);

  // `changed` is called when a timer is due before all that were waiting.
  TimerWheel(Clock::time_point now, std::function<void()> changed);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  // Fires what is due.
  void Advance(Clock::time_point now);

  // When to advance next, at the latest; nothing where no timer runs. `changed`
  // is called for timers that are due before then, and not while the wheel
  // advances.
  std::optional<Clock::time_point> Next();

  Clock::time_point now() const { return now_; }
  void set_now(Clock::time_point now) { now_ = now; }

 private:
  friend class Timer;
  using Link = Timer::Link;
  static constexpr int64_t kSlots = 1024;

  int64_t TickOf(Clock::time_point time) const;  // rounded up
  void Insert(Timer& timer, Clock::time_point time);
  void Remove(Timer& timer);
  static void Unlink(Link& link);
  static void Append(Link& list, Link& link);

  const Clock::time_point start_;
  const std::function<void()> changed_;
  Clock::time_point now_;
  int64_t tick_ = 0;          // all timers of this tick and before have fired
  int64_t wake_ = INT64_MAX;  // what Next() has said
  bool advancing_ = false;
  std::array<Link, kSlots> slots_;
  std::array<uint64_t, kSlots / 64> used_{};  // a bit for each slot with timers
};

}  // namespace caravan::gateway
