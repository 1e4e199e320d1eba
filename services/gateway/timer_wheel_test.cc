#include "services/gateway/timer_wheel.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace caravan::gateway {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class TimerWheelTest : public ::testing::Test {
 protected:
  const Clock::time_point start_ = Clock::now();
  int changed_ = 0;
  TimerWheel wheel_{start_, [this] { ++changed_; }};
  std::vector<int> fired_;

  std::unique_ptr<Timer> NewTimer(int number) {
    return std::make_unique<Timer>(wheel_, [this, number] { fired_.push_back(number); });
  }
};

TEST_F(TimerWheelTest, FiresInOrderAndNotBeforeItsTime) {
  const auto late = NewTimer(2);
  const auto soon = NewTimer(1);
  late->StartIn(milliseconds(95));
  soon->StartIn(milliseconds(15));
  wheel_.Advance(start_ + milliseconds(14));
  EXPECT_TRUE(fired_.empty());
  wheel_.Advance(start_ + milliseconds(20));
  EXPECT_EQ(fired_, std::vector<int>{1});
  EXPECT_FALSE(soon->running());
  wheel_.Advance(start_ + milliseconds(100));
  EXPECT_EQ(fired_, (std::vector<int>{1, 2}));
}

TEST_F(TimerWheelTest, FiresAfterManyRounds) {
  const auto timer = NewTimer(1);
  timer->StartIn(minutes(15));
  for (auto time = start_; time < start_ + minutes(15); time += seconds(7)) wheel_.Advance(time);
  EXPECT_TRUE(fired_.empty());
  wheel_.Advance(start_ + minutes(15) + TimerWheel::kTick);
  EXPECT_EQ(fired_, std::vector<int>{1});
}

TEST_F(TimerWheelTest, FiresAllAfterALongSleep) {
  const auto near = NewTimer(1);
  const auto far = NewTimer(2);
  near->StartIn(milliseconds(10));
  far->StartIn(minutes(3));
  wheel_.Advance(start_ + minutes(10));
  EXPECT_EQ(fired_.size(), 2);
}

TEST_F(TimerWheelTest, DoesNotFireWhatWasStoppedOrDestroyed) {
  const auto stopped = NewTimer(1);
  auto destroyed = NewTimer(2);
  stopped->StartIn(milliseconds(10));
  destroyed->StartIn(milliseconds(10));
  stopped->Stop();
  destroyed.reset();
  wheel_.Advance(start_ + seconds(1));
  EXPECT_TRUE(fired_.empty());
  EXPECT_EQ(wheel_.Next(), std::nullopt);
}

TEST_F(TimerWheelTest, MovesWhatIsStartedAgain) {
  const auto timer = NewTimer(1);
  timer->StartIn(milliseconds(10));
  timer->StartIn(milliseconds(500));
  wheel_.Advance(start_ + milliseconds(100));
  EXPECT_TRUE(fired_.empty());
  wheel_.Advance(start_ + milliseconds(500));
  EXPECT_EQ(fired_, std::vector<int>{1});
}

TEST_F(TimerWheelTest, LetsATimerStopAndStartOthersWhenItFires) {
  const auto victim = NewTimer(1);
  Timer periodic(wheel_, [&] {
    fired_.push_back(2);
    victim->Stop();
    periodic.StartIn(milliseconds(10));
  });
  periodic.StartIn(milliseconds(10));
  victim->StartIn(milliseconds(20));  // in the same advance
  wheel_.Advance(start_ + milliseconds(20));
  EXPECT_EQ(fired_, std::vector<int>{2});
  wheel_.Advance(start_ + milliseconds(30));
  EXPECT_EQ(fired_, (std::vector<int>{2, 2}));
}

TEST_F(TimerWheelTest, TellsWhenItIsDueSoonerThanItHasSaid) {
  const auto first = NewTimer(1);
  first->StartIn(seconds(1));
  EXPECT_EQ(changed_, 1);
  const auto next = wheel_.Next();
  ASSERT_TRUE(next);
  EXPECT_EQ(*next, start_ + seconds(1));
  const auto later = NewTimer(2);
  later->StartIn(seconds(2));
  EXPECT_EQ(changed_, 1);
  const auto sooner = NewTimer(3);
  sooner->StartIn(milliseconds(100));
  EXPECT_EQ(changed_, 2);
  EXPECT_EQ(*wheel_.Next(), start_ + milliseconds(100));
}

}  // namespace
}  // namespace caravan::gateway
