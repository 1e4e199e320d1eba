#include "services/gateway/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace caravan::gateway {

void Timer::StartAt(Clock::time_point time) {
  Stop();
  wheel_.Insert(*this, time);
}

void Timer::StartIn(Clock::duration delay) { StartAt(wheel_.now() + delay); }

void Timer::Stop() {
  if (running()) wheel_.Remove(*this);
}

TimerWheel::TimerWheel(Clock::time_point now, std::function<void()> changed)
    : start_(now), changed_(std::move(changed)), now_(now) {
  for (Link& slot : slots_) slot.previous = slot.next = &slot;
}

int64_t TimerWheel::TickOf(Clock::time_point time) const {
  return (time - start_ + kTick - Clock::duration(1)) / kTick;
}

void TimerWheel::Insert(Timer& timer, Clock::time_point time) {
  timer.tick_ = std::max(TickOf(time), tick_ + 1);
  timer.link_.timer = &timer;
  const int64_t slot = timer.tick_ % kSlots;
  Append(slots_[slot], timer.link_);
  used_[slot / 64] |= uint64_t{1} << (slot % 64);
  if (timer.tick_ < wake_ && !advancing_) changed_();
}

void TimerWheel::Remove(Timer& timer) {
  Unlink(timer.link_);
  const int64_t slot = timer.tick_ % kSlots;
  if (slots_[slot].next == &slots_[slot]) used_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
}

void TimerWheel::Unlink(Link& link) {
  link.previous->next = link.next;
  link.next->previous = link.previous;
  link.previous = link.next = nullptr;
}

void TimerWheel::Append(Link& list, Link& link) {
  link.previous = list.previous;
  link.next = &list;
  list.previous->next = &link;
  list.previous = &link;
}

void TimerWheel::Advance(Clock::time_point now) {
  now_ = now;
  const int64_t last = (now - start_) / kTick;
  if (last <= tick_) return;
  // First out of the wheel, then fired: what fires may start and stop others.
  Link due;
  due.previous = due.next = &due;
  for (int64_t tick = std::max(tick_ + 1, last - kSlots + 1); tick <= last; ++tick) {
    const int64_t slot = tick % kSlots;
    if ((used_[slot / 64] >> (slot % 64) & 1) == 0) continue;
    Link& list = slots_[slot];
    for (Link* link = list.next; link != &list;) {
      Link* next = link->next;
      if (link->timer->tick_ <= last) {
        Unlink(*link);
        Append(due, *link);
      }
      link = next;
    }
    if (list.next == &list) used_[slot / 64] &= ~(uint64_t{1} << (slot % 64));
  }
  tick_ = last;
  advancing_ = true;
  while (due.next != &due) {
    Timer* timer = due.next->timer;
    Unlink(*due.next);
    timer->fire_();
  }
  advancing_ = false;
}

std::optional<Clock::time_point> TimerWheel::Next() {
  for (int64_t step = 1; step <= kSlots;) {
    const int64_t slot = (tick_ + step) % kSlots;
    const uint64_t word = used_[slot / 64] >> (slot % 64);
    if (word != 0) {
      wake_ = tick_ + step + std::countr_zero(word);
      return start_ + wake_ * kTick;
    }
    step += 64 - slot % 64;
  }
  wake_ = INT64_MAX;
  return std::nullopt;
}

}  // namespace caravan::gateway
