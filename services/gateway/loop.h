// An event loop: one thread, and all that belongs to it. Nothing that belongs to
// a loop is touched from another thread, so nothing here is locked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "services/gateway/timer_wheel.h"

namespace boost::asio {
class io_context;
}

namespace caravan::gateway {

// What gathers output during a turn of the loop, to send it at its end.
class Flushable {
 public:
  virtual ~Flushable() = default;

 private:
  friend class Loop;
  virtual void Flush() = 0;
  bool waits_for_flush_ = false;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until Stop(), which any thread may call.
  void Run();
  void Stop();

  // Runs a function in the loop; from any thread.
  void Post(std::function<void()> function);

  // Calls Flush() once at the end of this turn, when all that is ready to be read
  // has been read.
  void FlushLater(std::shared_ptr<Flushable> flushable);

  // The time of this turn.
  Clock::time_point now() const { return timers_.now(); }
  TimerWheel& timers() { return timers_; }

  // For waiting handlers: they begin a turn.
  void BeginTurn() { timers_.set_now(Clock::now()); }

  // Buffers that are used within one function, and so shared by all connections.
  std::span<uint8_t> input() { return input_; }
  std::string& output() { return output_; }

  // What the calls of this loop hold in memory for readers that are slower than
  // writers, in bytes.
  int64_t buffered_bytes = 0;
  // Calls under way in this loop.
  int64_t calls = 0;

  boost::asio::io_context& io() { return *io_; }

 private:
  struct WakeUp;

  void FlushAll();
  void SetWakeUp();

  std::unique_ptr<boost::asio::io_context> io_;
  std::unique_ptr<WakeUp> wake_up_;
  TimerWheel timers_;
  std::vector<uint8_t> input_;
  std::string output_;
  std::vector<std::shared_ptr<Flushable>> to_flush_;
};

}  // namespace caravan::gateway
