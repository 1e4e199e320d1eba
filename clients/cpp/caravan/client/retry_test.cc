#include "caravan/client/retry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "services/common/api/errors.h"

namespace caravan::client {
namespace {

Clock Always(double random) {
  return {.random = [random] { return random; }};
}

TEST(WaitAfterTest, GrowsUpToABound) {
  const RetryPolicy policy = {.first_wait = absl::Milliseconds(100),
                              .longest_wait = absl::Milliseconds(350)};
  const auto wait = [&](int attempt) {
    return WaitAfter(absl::UnavailableError("down"), attempt, policy, Always(1));
  };
  EXPECT_EQ(wait(1), absl::Milliseconds(100));
  EXPECT_EQ(wait(2), absl::Milliseconds(200));
  EXPECT_EQ(wait(3), absl::Milliseconds(350));
  EXPECT_EQ(wait(1'000'000), absl::Milliseconds(350));
}

TEST(WaitAfterTest, SpreadsCallersOut) {
  const auto status = absl::UnavailableError("down");
  EXPECT_EQ(WaitAfter(status, 1, {}, Always(0)), absl::Milliseconds(50));
  EXPECT_EQ(WaitAfter(status, 1, {}, Always(0.5)), absl::Milliseconds(75));
  const RetryPolicy exact = {.least_share = 1};
  EXPECT_EQ(WaitAfter(status, 1, exact, Always(0)), absl::Milliseconds(100));
}

TEST(WaitAfterTest, WaitsAsLongAsTheServerAsks) {
  const auto asks = [](double seconds) -> absl::Status {
    return api::Error(absl::StatusCode::kUnavailable, "DRAINING", "later").RetryAfter(seconds);
  };
  EXPECT_EQ(WaitAfter(asks(2), 1, {}, Always(0)), absl::Seconds(2));
  EXPECT_EQ(WaitAfter(asks(2), 1, {}, Always(1)), absl::Seconds(2.5));
  EXPECT_EQ(WaitAfter(asks(3600), 1, {}, Always(0)), RetryPolicy().longest_wait);
  EXPECT_EQ(WaitAfter(asks(-1), 1, {}, Always(0)), absl::ZeroDuration());
}

TEST(ClockTest, RandomNumbersDiffer) {
  const Clock clock;
  const double first = clock.Random();
  EXPECT_GE(first, 0);
  EXPECT_LT(first, 1);
  bool differs = false;
  for (int i = 0; i < 100; ++i) differs = differs || clock.Random() != first;
  EXPECT_TRUE(differs);
}

TEST(CancellationTest, EndsWaits) {
  Cancellation cancellation;
  EXPECT_FALSE(cancellation.cancelled());
  std::thread sleeper([cancellation] { Clock().Sleep(absl::Hours(1), cancellation); });
  cancellation.Cancel();
  sleeper.join();
  EXPECT_TRUE(cancellation.cancelled());
}

TEST(CancellationTest, TellsThoseWhoAreRegistered) {
  Cancellation cancellation;
  int told = 0;
  {
    const Cancellation::Registration gone(cancellation, [&] { told += 100; });
  }
  const Cancellation::Registration early(cancellation, [&] { ++told; });
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_EQ(told, 1);
  const Cancellation::Registration late(cancellation, [&] { ++told; });
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace caravan::client
