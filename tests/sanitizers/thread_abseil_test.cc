// ThreadSanitizer sees what Abseil's locks order, and reports what they do not.
#include <cstdlib>
#include <functional>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

// What ThreadSanitizer exits with where it has reported something.
constexpr int kReported = 66;

struct Shared {
  absl::Mutex mutex;
  absl::Mutex other;
  absl::CondVar changed;
  absl::Notification notified;
  bool ready = false;
  int value = 0;
};

// Runs both at the same time, and ends the process.
[[noreturn]] void Race(const std::function<void(Shared&)>& first,
                       const std::function<void(Shared&)>& second) {
  {
    Shared shared;
    std::thread other([&] { first(shared); });
    second(shared);
    other.join();
  }
  std::exit(0);
}

void Write(Shared& shared) { ++shared.value; }

void WriteLocked(Shared& shared) {
  absl::MutexLock lock(&shared.mutex);
  ++shared.value;
}

void WriteThenBeReady(Shared& shared) {
  ++shared.value;
  absl::MutexLock lock(&shared.mutex);
  shared.ready = true;
  shared.changed.SignalAll();
}

void BeReadyThenWrite(Shared& shared) {
  {
    absl::MutexLock lock(&shared.mutex);
    shared.ready = true;
    shared.changed.SignalAll();
  }
  ++shared.value;
}

void AwaitThenWrite(Shared& shared) {
  {
    absl::MutexLock lock(&shared.mutex);
    shared.mutex.Await(absl::Condition(&shared.ready));
  }
  ++shared.value;
}

class ThreadAbseilTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

#define EXPECT_QUIET(statement) EXPECT_EXIT(statement, testing::ExitedWithCode(0), "")
#define EXPECT_REPORT(statement, text) \
  EXPECT_EXIT(statement, testing::ExitedWithCode(kReported), text)

TEST_F(ThreadAbseilTest, MutexOrders) {
  EXPECT_REPORT(Race(Write, Write), "data race");
  EXPECT_REPORT(Race(Write, WriteLocked), "data race");
  EXPECT_QUIET(Race(WriteLocked, WriteLocked));
}

TEST_F(ThreadAbseilTest, ReadersDoNotOrderEachOther) {
  const auto write = [](Shared& shared) {
    absl::ReaderMutexLock lock(&shared.mutex);
    ++shared.value;
  };
  EXPECT_REPORT(Race(write, write), "data race");
  EXPECT_QUIET(Race(
      [](Shared& shared) {
        absl::ReaderMutexLock lock(&shared.mutex);
        if (shared.value > 1) std::abort();
      },
      WriteLocked));
}

TEST_F(ThreadAbseilTest, ConditionsOrder) {
  EXPECT_QUIET(Race(AwaitThenWrite, WriteThenBeReady));
  EXPECT_REPORT(Race(AwaitThenWrite, BeReadyThenWrite), "data race");
  EXPECT_QUIET(Race(
      [](Shared& shared) {
        absl::MutexLock lock(&shared.mutex, absl::Condition(&shared.ready));
        ++shared.value;
      },
      WriteThenBeReady));
  EXPECT_QUIET(Race(
      [](Shared& shared) {
        absl::ReaderMutexLock lock(&shared.mutex);
        while (!shared.mutex.AwaitWithTimeout(absl::Condition(&shared.ready), absl::Seconds(1))) {
        }
        if (shared.value != 1) std::abort();
      },
      WriteThenBeReady));
}

TEST_F(ThreadAbseilTest, CondVarsOrder) {
  const auto wait = [](Shared& shared) {
    {
      absl::MutexLock lock(&shared.mutex);
      while (!shared.ready) shared.changed.WaitWithTimeout(&shared.mutex, absl::Seconds(1));
    }
    ++shared.value;
  };
  EXPECT_QUIET(Race(wait, WriteThenBeReady));
  EXPECT_REPORT(Race(wait, BeReadyThenWrite), "data race");
}

TEST_F(ThreadAbseilTest, NotificationsOrder) {
  const auto notify = [](Shared& shared) {
    ++shared.value;
    shared.notified.Notify();
  };
  EXPECT_QUIET(Race(
      [](Shared& shared) {
        shared.notified.WaitForNotification();
        ++shared.value;
      },
      notify));
  EXPECT_QUIET(Race(
      [](Shared& shared) {
        while (!shared.notified.HasBeenNotified()) std::this_thread::yield();
        ++shared.value;
      },
      notify));
  EXPECT_REPORT(Race(Write, notify), "data race");
}

TEST_F(ThreadAbseilTest, LocksTakenInAnotherOrderAreReported) {
  const auto nest = [](absl::Mutex& outer, absl::Mutex& inner) {
    absl::MutexLock lock(&outer);
    absl::MutexLock nested(&inner);
  };
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  EXPECT_REPORT(Race(
                    [&](Shared& shared) {
                      nest(shared.mutex, shared.other);
                      WriteThenBeReady(shared);
                    },
                    [&](Shared& shared) {
                      AwaitThenWrite(shared);
                      nest(shared.other, shared.mutex);
                    }),
                "lock-order-inversion");
}

}  // namespace
