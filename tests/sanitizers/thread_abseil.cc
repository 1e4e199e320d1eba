// Linked into programs that are built with ThreadSanitizer. Debian's Abseil is
// not built with it, so it would not see what absl::Mutex guards. These functions
// stand before Abseil's own, call them, and tell the sanitizer what they do: also
// for the mutexes of libraries that use Abseil, such as gRPC.
//
// Between "pre" and "post" the sanitizer looks away, so it does not see that
// whoever unlocks a mutex evaluates the conditions of those who wait for it.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

// Defines `next`, the function of the library that has this mangled name.
#define CARAVAN_NEXT(type, name) \
  static const auto next = reinterpret_cast<type>(dlsym(RTLD_NEXT, name))

namespace absl {
ABSL_NAMESPACE_BEGIN

namespace {

constexpr unsigned kWriter = 0;
constexpr unsigned kReader = __tsan_mutex_read_lock;

// kMuWriter of Abseil's mutex.cc, in the word that a Mutex is.
constexpr intptr_t kWriterBit = 0x0008;

// How the calling thread holds the mutex.
unsigned HeldAs(const Mutex* mutex) {
  static_assert(sizeof(Mutex) == sizeof(std::atomic<intptr_t>));
  const intptr_t word =
      reinterpret_cast<const std::atomic<intptr_t>*>(mutex)->load(std::memory_order_relaxed);
  return (word & kWriterBit) != 0 ? kWriter : kReader;
}

// What gives the mutex away for a while, and comes back with it.
class GivenAway {
 public:
  explicit GivenAway(Mutex* mutex) : mutex_(mutex), how_(HeldAs(mutex)) {
    __tsan_mutex_pre_unlock(mutex_, how_);
    __tsan_mutex_post_unlock(mutex_, how_);
    __tsan_mutex_pre_lock(mutex_, how_);
  }
  ~GivenAway() { __tsan_mutex_post_lock(mutex_, how_, 0); }

 private:
  Mutex* const mutex_;
  const unsigned how_;
};

class Locking {
 public:
  Locking(Mutex* mutex, unsigned how) : mutex_(mutex), how_(how) {
    __tsan_mutex_pre_lock(mutex_, how_);
  }
  ~Locking() { __tsan_mutex_post_lock(mutex_, how_, 0); }

 private:
  Mutex* const mutex_;
  const unsigned how_;
};

}  // namespace

Mutex::~Mutex() {
  CARAVAN_NEXT(void (*)(Mutex*), "_ZN4absl7debian35MutexD1Ev");
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
  next(this);
}

void Mutex::Lock() {
  CARAVAN_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex4LockEv");
  Locking locking(this, kWriter);
  next(this);
}

void Mutex::Unlock() {
  CARAVAN_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_mutex_pre_unlock(this, kWriter);
  next(this);
  __tsan_mutex_post_unlock(this, kWriter);
}

bool Mutex::TryLock() {
  CARAVAN_NEXT(bool (*)(Mutex*), "_ZN4absl7debian35Mutex7TryLockEv");
  __tsan_mutex_pre_lock(this, __tsan_mutex_try_lock);
  const bool locked = next(this);
  __tsan_mutex_post_lock(this, __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed),
                         0);
  return locked;
}

void Mutex::ReaderLock() {
  CARAVAN_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex10ReaderLockEv");
  Locking locking(this, kReader);
  next(this);
}

void Mutex::ReaderUnlock() {
  CARAVAN_NEXT(void (*)(Mutex*), "_ZN4absl7debian35Mutex12ReaderUnlockEv");
  __tsan_mutex_pre_unlock(this, kReader);
  next(this);
  __tsan_mutex_post_unlock(this, kReader);
}

bool Mutex::ReaderTryLock() {
  CARAVAN_NEXT(bool (*)(Mutex*), "_ZN4absl7debian35Mutex13ReaderTryLockEv");
  __tsan_mutex_pre_lock(this, __tsan_mutex_try_read_lock);
  const bool locked = next(this);
  __tsan_mutex_post_lock(
      this, locked ? __tsan_mutex_try_read_lock : __tsan_mutex_try_read_lock_failed, 0);
  return locked;
}

void Mutex::LockWhen(const Condition& condition) {
  CARAVAN_NEXT(void (*)(Mutex*, const Condition&),
               "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
  Locking locking(this, kWriter);
  next(this, condition);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  CARAVAN_NEXT(bool (*)(Mutex*, const Condition&, Time),
               "_ZN4absl7debian35Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Locking locking(this, kWriter);
  return next(this, condition, deadline);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  return LockWhenWithDeadline(condition, Now() + timeout);
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  CARAVAN_NEXT(void (*)(Mutex*, const Condition&),
               "_ZN4absl7debian35Mutex14ReaderLockWhenERKNS0_9ConditionE");
  Locking locking(this, kReader);
  next(this, condition);
}

bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition, Time deadline) {
  CARAVAN_NEXT(bool (*)(Mutex*, const Condition&, Time),
               "_ZN4absl7debian35Mutex26ReaderLockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  Locking locking(this, kReader);
  return next(this, condition, deadline);
}

bool Mutex::ReaderLockWhenWithTimeout(const Condition& condition, Duration timeout) {
  return ReaderLockWhenWithDeadline(condition, Now() + timeout);
}

void Mutex::Await(const Condition& condition) {
  CARAVAN_NEXT(void (*)(Mutex*, const Condition&),
               "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  GivenAway given_away(this);
  next(this, condition);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  CARAVAN_NEXT(bool (*)(Mutex*, const Condition&, Time),
               "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  GivenAway given_away(this);
  return next(this, condition, deadline);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  return AwaitWithDeadline(condition, Now() + timeout);
}

void CondVar::Wait(Mutex* mutex) {
  CARAVAN_NEXT(void (*)(CondVar*, Mutex*), "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  GivenAway given_away(mutex);
  next(this, mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  CARAVAN_NEXT(bool (*)(CondVar*, Mutex*, Time),
               "_ZN4absl7debian37CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  GivenAway given_away(mutex);
  return next(this, mutex, deadline);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  return WaitWithDeadline(mutex, Now() + timeout);
}

// Who finds a Notification notified takes no lock.

void Notification::Notify() {
  CARAVAN_NEXT(void (*)(Notification*), "_ZN4absl7debian312Notification6NotifyEv");
  __tsan_release(&notified_yet_);
  next(this);
}

void Notification::WaitForNotification() const {
  CARAVAN_NEXT(void (*)(const Notification*),
               "_ZNK4absl7debian312Notification19WaitForNotificationEv");
  next(this);
  __tsan_acquire(const_cast<std::atomic<bool>*>(&notified_yet_));
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  CARAVAN_NEXT(bool (*)(const Notification*, Time),
               "_ZNK4absl7debian312Notification31WaitForNotificationWithDeadlineENS0_4TimeE");
  const bool notified = next(this, deadline);
  if (notified) __tsan_acquire(const_cast<std::atomic<bool>*>(&notified_yet_));
  return notified;
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  return WaitForNotificationWithDeadline(Now() + timeout);
}

// The count of who shares the message of a Status is decremented in the library.
void Status::UnrefNonInlined(uintptr_t rep) {
  CARAVAN_NEXT(void (*)(uintptr_t), "_ZN4absl7debian36Status15UnrefNonInlinedEm");
  __tsan_release(RepToPointer(rep));
  __tsan_acquire(RepToPointer(rep));
  next(rep);
}

ABSL_NAMESPACE_END
}  // namespace absl
