#include "services/gateway/loop.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace caravan::gateway {
namespace {

constexpr size_t kInputBytes = 128 * 1024;

}  // namespace

struct Loop::WakeUp {
  explicit WakeUp(boost::asio::io_context& io) : work(io.get_executor()), timer(io) {}

  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
  boost::asio::steady_timer timer;
};

Loop::Loop()
    : io_(std::make_unique<boost::asio::io_context>(1)),
      wake_up_(std::make_unique<WakeUp>(*io_)),
      timers_(Clock::now(), [this] { SetWakeUp(); }),
      input_(kInputBytes) {}

// Handlers that still wait hold what may have timers.
Loop::~Loop() {
  to_flush_.clear();
  wake_up_.reset();
  io_.reset();
}

void Loop::Run() { io_->run(); }

void Loop::Stop() { io_->stop(); }

void Loop::Post(std::function<void()> function) {
  boost::asio::post(*io_, [this, function = std::move(function)] {
    BeginTurn();
    function();
  });
}

void Loop::FlushLater(std::shared_ptr<Flushable> flushable) {
  if (flushable->waits_for_flush_) return;
  flushable->waits_for_flush_ = true;
  to_flush_.push_back(std::move(flushable));
  if (to_flush_.size() == 1) boost::asio::post(*io_, [this] { FlushAll(); });
}

void Loop::FlushAll() {
  // What is flushed may let others have something to send.
  for (size_t i = 0; i < to_flush_.size(); ++i) {
    const std::shared_ptr<Flushable> flushable = std::move(to_flush_[i]);
    flushable->waits_for_flush_ = false;
    flushable->Flush();
  }
  to_flush_.clear();
}

void Loop::SetWakeUp() {
  const auto next = timers_.Next();
  if (!next) return;
  wake_up_->timer.expires_at(*next);
  wake_up_->timer.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    timers_.Advance(Clock::now());
    SetWakeUp();
  });
}

}  // namespace caravan::gateway
