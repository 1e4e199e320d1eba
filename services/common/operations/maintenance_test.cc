#include "services/common/operations/maintenance.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/common/operations/fake_clock.h"
#include "services/common/operations/operation_record.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/requests.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"

namespace caravan::operations {
namespace {

using caravan::testing::IsOk;
using ::testing::ElementsAre;

// What tasks did, in order.
class Journal {
 public:
  void Add(std::string entry) {
    absl::MutexLock lock(&mutex_);
    entries_.push_back(std::move(entry));
  }
  // Waits until there are so many.
  std::vector<std::string> Await(size_t count) {
    const auto there = [this, count]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return entries_.size() >= count;
    };
    absl::MutexLock lock(&mutex_, absl::Condition(&there));
    return entries_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::string> entries_ ABSL_GUARDED_BY(mutex_);
};

class MaintenanceTest : public ::testing::Test {
 protected:
  MaintenanceTask Task(std::string entry, absl::Duration interval) {
    return {entry, interval, [this, entry](absl::Time) -> absl::StatusOr<int64_t> {
              journal_.Add(entry);
              return 0;
            }};
  }

  std::unique_ptr<Maintenance> Replica(std::string name, std::vector<MaintenanceTask> tasks,
                                       Clock* clock = nullptr) {
    MaintenanceOptions options;
    options.store = store_.get();
    options.replica = std::move(name);
    options.clock = clock == nullptr ? &clock_ : clock;
    return std::make_unique<Maintenance>(std::move(options), std::move(tasks));
  }

  FakeClock clock_{absl::FromUnixSeconds(1'750'000'000)};
  std::unique_ptr<store::Store> store_ =
      store::OpenTemporaryStore(resources::Registry().Tables(OperationsTable()));
  Journal journal_;
};

TEST_F(MaintenanceTest, RunsEachTaskAtItsInterval) {
  auto maintenance =
      Replica("a", {Task("often", absl::Seconds(10)), Task("seldom", absl::Seconds(20))});
  EXPECT_THAT(journal_.Await(2), ElementsAre("often", "seldom"));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(journal_.Await(3), ElementsAre("often", "seldom", "often"));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(journal_.Await(5), ElementsAre("often", "seldom", "often", "often", "seldom"));
}

TEST_F(MaintenanceTest, CallsATaskAgainUntilNothingIsLeft) {
  int64_t left = 3;
  MaintenanceTask task{"steps", absl::Seconds(10), [&](absl::Time) -> absl::StatusOr<int64_t> {
                         journal_.Add("step");
                         return left == 0 ? 0 : left--;
                       }};
  auto maintenance = Replica("a", {task, Task("next", absl::Seconds(10))});
  EXPECT_THAT(journal_.Await(5), ElementsAre("step", "step", "step", "step", "next"));
}

TEST_F(MaintenanceTest, ATaskThatFailsHasItsNextTurn) {
  MaintenanceTask task{"fails", absl::Seconds(10), [&](absl::Time) -> absl::StatusOr<int64_t> {
                         journal_.Add("fails");
                         return absl::UnavailableError("away");
                       }};
  auto maintenance = Replica("a", {task, Task("works", absl::Seconds(10))});
  EXPECT_THAT(journal_.Await(2), ElementsAre("fails", "works"));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(journal_.Await(4), ElementsAre("fails", "works", "fails", "works"));
}

TEST_F(MaintenanceTest, OneReplicaDoesIt) {
  auto first = Replica("a", {Task("a", absl::Seconds(10))});
  journal_.Await(1);
  // Its clock is its own: it can be seen to have tried.
  FakeClock other(clock_.Now());
  auto second = Replica("b", {Task("b", absl::Seconds(10))}, &other);
  for (size_t i = 2; i < 5; ++i) {
    other.Advance(absl::Seconds(10));
    clock_.Advance(absl::Seconds(10));
    EXPECT_THAT(journal_.Await(i), ::testing::Each("a"));
  }
  // The first leaves in order, and the second takes over before the lease ends.
  first.reset();
  other.Advance(absl::Seconds(10));
  EXPECT_EQ(journal_.Await(5).back(), "b");
}

TEST_F(MaintenanceTest, AnotherTakesOverAfterACrash) {
  // A replica that died with the lease.
  store::Leases dead(store_.get(), [this] { return clock_.Now(); });
  ASSERT_THAT(dead.Acquire("maintenance", "dead", absl::Minutes(1)), IsOk());
  const absl::Time end = clock_.Now() + absl::Minutes(1);
  auto second = Replica("b", {{"b", absl::Seconds(10), [&](absl::Time now) {
                                 EXPECT_GE(now, end);
                                 journal_.Add("b");
                                 return absl::StatusOr<int64_t>(0);
                               }}});
  clock_.Advance(absl::Seconds(59));
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(journal_.Await(1), ElementsAre("b"));
}

TEST_F(MaintenanceTest, StandardTasksDeleteWhatHasExpired) {
  const absl::Time now = clock_.Now();
  auto committed = store_->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
    OperationRecord operation;
    EndWithError(tx, NewOperationName(now), operation, absl::CancelledError("done"), now,
                 absl::Hours(1));
    resources::Caller caller;
    caller.principal.name = "users/li.wei";
    caller.method = "test";
    caller.request_id = "r1";
    caller.now = now;
    resources::KeepAnswer(tx, caller, operation, *OperationRecord::descriptor(), "answer");
    store::Change change;
    change.resource = "things/a";
    change.after = "image";
    tx.Log(std::move(change));
    return absl::OkStatus();
  });
  ASSERT_THAT(committed, IsOk());
  const auto count = [&](store::TableId table) {
    int rows = 0;
    absl::Status read = store_->Read([&](store::Reader& reader) {
      rows = 0;
      store::ScanSpec scan;
      scan.table = table;
      return reader.Scan(scan, [&](store::Row&) { return ++rows > 0; });
    });
    EXPECT_THAT(read, IsOk());
    return rows;
  };
  EXPECT_EQ(count(resources::kOperations), 1);
  EXPECT_EQ(count(resources::kRequests), 1);

  // The change log has the time of the machine.
  clock_.Advance(absl::Now() - now + absl::Hours(48));
  std::vector<MaintenanceTask> tasks =
      StandardTasks(*store_, /*images=*/absl::Hours(24), /*entries=*/absl::Hours(24 * 365));
  tasks.push_back(Task("all done", absl::Minutes(1)));
  auto maintenance = Replica("a", std::move(tasks));
  journal_.Await(1);
  EXPECT_EQ(count(resources::kOperations), 0);
  EXPECT_EQ(count(resources::kRequests), 0);
  auto retained = store_->retained();
  ASSERT_THAT(retained, IsOk());
  EXPECT_EQ(retained->oldest, 1);
  EXPECT_EQ(retained->oldest_with_images, 2);
}

}  // namespace
}  // namespace caravan::operations
