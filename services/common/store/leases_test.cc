#include "services/common/store/leases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_test_util.h"
#include "services/common/store/testing.h"

namespace caravan::store {
namespace {

class LeasesTest : public testing::TestWithParam<TestStore> {
 protected:
  LeasesTest()
      : database_(GetParam().Create()),
        store_(database_->OpenOrDie({PlainTable("items")})),
        leases_(store_.get(), [this] { return now_; }) {}

  absl::Status GuardedPut(const Lease& lease) {
    return store_
        ->WriteAndWait([&](Transaction& tx) -> absl::Status {
          if (absl::Status status = CheckLease(tx, lease); !status.ok()) return status;
          tx.Put(0, "written-by", lease.holder);
          return absl::OkStatus();
        })
        .status();
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<Store> store_;
  Leases leases_;
};

INSTANTIATE_TEST_SUITE_P(Engines, LeasesTest, testing::ValuesIn(TestStores()), TestStoreName);

TEST_P(LeasesTest, OneHolderUntilTheEnd) {
  const absl::StatusOr<Lease> first = leases_.Acquire("job", "a", absl::Seconds(10));
  ASSERT_OK(first);
  EXPECT_EQ(first->epoch, 1);
  EXPECT_EQ(first->expires, now_ + absl::Seconds(10));
  EXPECT_EQ(api::ReasonOf(leases_.Acquire("job", "b", absl::Seconds(10)).status()), "LEASE_HELD");
  EXPECT_OK(leases_.Acquire("another job", "b", absl::Seconds(10)));

  now_ += absl::Seconds(10);
  const absl::StatusOr<Lease> second = leases_.Acquire("job", "b", absl::Seconds(10));
  ASSERT_OK(second);
  EXPECT_EQ(second->epoch, 2);
}

TEST_P(LeasesTest, RenewingMovesTheEnd) {
  absl::StatusOr<Lease> lease = leases_.Acquire("job", "a", absl::Seconds(10));
  now_ += absl::Seconds(9);
  lease = leases_.Renew(*lease, absl::Seconds(10));
  ASSERT_OK(lease);
  EXPECT_EQ(lease->epoch, 1);
  now_ += absl::Seconds(9);
  EXPECT_EQ(api::ReasonOf(leases_.Acquire("job", "b", absl::Seconds(10)).status()), "LEASE_HELD");
  // Late, but nobody came between.
  now_ += absl::Seconds(9);
  EXPECT_OK(leases_.Renew(*lease, absl::Seconds(10)));
}

TEST_P(LeasesTest, WhoLostItNeitherRenewsNorWrites) {
  const absl::StatusOr<Lease> first = leases_.Acquire("job", "a", absl::Seconds(10));
  EXPECT_OK(GuardedPut(*first));
  now_ += absl::Seconds(11);
  // Over, but still its own.
  EXPECT_OK(GuardedPut(*first));
  const absl::StatusOr<Lease> second = leases_.Acquire("job", "b", absl::Seconds(10));
  EXPECT_EQ(api::ReasonOf(GuardedPut(*first)), "LEASE_LOST");
  EXPECT_OK(GuardedPut(*second));
  EXPECT_EQ(api::ReasonOf(leases_.Renew(*first, absl::Seconds(10)).status()), "LEASE_LOST");
  EXPECT_EQ(GetRow(*store_, 0, "written-by")->data, "b");
  // Nor does it free what is another's.
  EXPECT_OK(leases_.Release(*first));
  EXPECT_OK(GuardedPut(*second));
}

TEST_P(LeasesTest, AReleasedLeaseIsFreeAndItsEpochGoesOn) {
  const absl::StatusOr<Lease> first = leases_.Acquire("job", "a", absl::Seconds(10));
  EXPECT_OK(leases_.Release(*first));
  EXPECT_EQ(api::ReasonOf(GuardedPut(*first)), "LEASE_LOST");
  const absl::StatusOr<Lease> second = leases_.Acquire("job", "b", absl::Seconds(10));
  ASSERT_OK(second);
  EXPECT_EQ(second->epoch, 2);
}

TEST_P(LeasesTest, AcquiringAgainRaisesTheEpoch) {
  const absl::StatusOr<Lease> first = leases_.Acquire("job", "a", absl::Seconds(10));
  const absl::StatusOr<Lease> again = leases_.Acquire("job", "a", absl::Seconds(10));
  ASSERT_OK(again);
  EXPECT_EQ(again->epoch, 2);
  EXPECT_EQ(api::ReasonOf(GuardedPut(*first)), "LEASE_LOST");
}

TEST_P(LeasesTest, ATakeoverDuringATransactionStopsIt) {
  const absl::StatusOr<Lease> first = leases_.Acquire("job", "a", absl::Seconds(10));
  if (!database_->shared()) return;  // nothing commits while a body runs
  auto other_store = database_->OpenOrDie({PlainTable("items")}, {.replica = "other"});
  Leases others(other_store.get(), [this] { return now_; });
  absl::Notification checked, taken;
  std::thread writer([&] {
    const absl::Status status =
        store_
            ->WriteAndWait([&](Transaction& tx) -> absl::Status {
              if (absl::Status status = CheckLease(tx, *first); !status.ok()) return status;
              if (!checked.HasBeenNotified()) checked.Notify();
              taken.WaitForNotification();
              tx.Put(0, "written-by", "a");
              return absl::OkStatus();
            })
            .status();
    EXPECT_EQ(api::ReasonOf(status), "LEASE_LOST");
  });
  checked.WaitForNotification();
  now_ += absl::Seconds(11);
  EXPECT_OK(others.Acquire("job", "b", absl::Seconds(10)));
  taken.Notify();
  writer.join();
  EXPECT_EQ(GetRow(*store_, 0, "written-by"), std::nullopt);
}

TEST_P(LeasesTest, OnlyOneOfManyGetsIt) {
  std::vector<std::thread> threads;
  std::atomic<int> got = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      if (leases_.Acquire("job", absl::StrCat("holder", i), absl::Seconds(10)).ok()) ++got;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(got, 1);
}

}  // namespace
}  // namespace caravan::store
