#include "services/common/operations/operations.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "caravan/api/v1/operations.pb.h"
#include "gmock/gmock.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"
#include "services/common/api/errors.h"
#include "services/common/identity/access.h"
#include "services/common/operations/fake_clock.h"
#include "services/common/operations/operation_record.h"
#include "services/common/operations/testing.h"
#include "services/common/resources/registry.h"
#include "services/common/store/testing.h"
#include "services/common/testing/status_matchers.h"

namespace caravan::operations {
namespace {

using caravan::testing::Fails;
using caravan::testing::FailsAt;
using caravan::testing::IsOk;
using google::longrunning::Operation;
using google::protobuf::Int64Value;
using google::protobuf::StringValue;
using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr char kKind[] = "Count";

using CountWork =
    std::function<absl::StatusOr<Int64Value>(OperationContext& context, const StringValue& text)>;

Int64Value Number(int64_t value) {
  Int64Value number;
  number.set_value(value);
  return number;
}

int64_t ResponseOf(const Operation& operation) {
  Int64Value number;
  EXPECT_TRUE(operation.response().UnpackTo(&number)) << operation.ShortDebugString();
  return number.value();
}

absl::Status ErrorOf(const Operation& operation) { return api::FromRpcStatus(operation.error()); }

// A store that can be cut off, as by the death of the process or the database.
class CuttableStore : public store::Store {
 public:
  explicit CuttableStore(store::Store& store) : store_(store) {}

  void Cut(bool cut) { cut_ = cut; }

  void Write(store::WriteBody body, store::WriteDone done) override {
    if (cut_) return done(Away());
    store_.Write(std::move(body), std::move(done));
  }
  absl::Status Read(store::ReadBody body) override { return cut_ ? Away() : store_.Read(body); }
  bool reads_inline() const override { return store_.reads_inline(); }
  int64_t revision() const override { return store_.revision(); }
  void AwaitRevision(int64_t revision, absl::Time deadline,
                     absl::AnyInvocable<void(absl::Status)> done) override {
    store_.AwaitRevision(revision, deadline, std::move(done));
  }
  absl::StatusOr<Retained> retained() override { return store_.retained(); }
  absl::StatusOr<int64_t> Expire(absl::Time entries, absl::Time images) override {
    return store_.Expire(entries, images);
  }
  bool IndexReady(store::TableId table, int column) const override {
    return store_.IndexReady(table, column);
  }
  absl::Status Healthy() override { return cut_ ? Away() : store_.Healthy(); }

 private:
  static absl::Status Away() {
    return api::Error(absl::StatusCode::kUnavailable, "STORE_UNAVAILABLE", "the store is cut off");
  }

  store::Store& store_;
  std::atomic<bool> cut_ = false;
};

class OperationsTest : public ::testing::TestWithParam<store::TestStore> {
 protected:
  // Operations of one replica, not running yet.
  std::unique_ptr<Operations> Replica(std::string name, CountWork work,
                                      store::Store* store = nullptr, Clock* clock = nullptr) {
    OperationsOptions options = Options(std::move(name));
    if (store != nullptr) options.store = store;
    if (clock != nullptr) options.clock = clock;
    auto operations = std::make_unique<Operations>(std::move(options));
    operations->Register<StringValue, Int64Value>(kKind, std::move(work));
    return operations;
  }

  OperationsOptions Options(std::string replica) {
    OperationsOptions options;
    options.store = store_.get();
    options.replica = std::move(replica);
    options.access = access_.get();
    options.time_zone = absl::FixedTimeZone(8 * 60 * 60);
    options.clock = &clock_;
    return options;
  }

  resources::Caller CallerNamed(std::string name) {
    resources::Caller caller;
    caller.principal.name = std::move(name);
    caller.access = access_.get();
    caller.permission = "fairs.allocations.run";
    caller.method = "caravan.test.v1.Tests/Count";
    caller.request_id = "r1";
    caller.trace_id = "t1";
    caller.now = clock_.Now();
    return caller;
  }

  // Starts an operation; returns its name.
  std::string Start(Operations& operations, const std::string& text = "text") {
    StringValue parameters;
    parameters.set_value(text);
    const resources::Caller caller = CallerNamed("users/li.wei");
    std::string name;
    auto committed = store_->WriteAndWait([&](store::Transaction& tx) {
      auto operation = operations.Start(caller, tx, kKind, parameters, "fairs/canton-136");
      if (operation.ok()) name = operation->name();
      return operation.status();
    });
    EXPECT_THAT(committed, IsOk());
    return name;
  }

  void Cancel(Operations& operations, const std::string& name) {
    auto committed = store_->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
      auto record = ReadRecord(tx, name);
      if (!record.ok()) return record.status();
      operations.Cancel(tx, name, **record);
      return absl::OkStatus();
    });
    EXPECT_THAT(committed, IsOk());
  }

  OperationRecord Record(const std::string& name) {
    OperationRecord result;
    absl::Status read = store_->Read([&](store::Reader& reader) -> absl::Status {
      auto record = ReadRecord(reader, name);
      if (!record.ok()) return record.status();
      if (!record->has_value()) return absl::NotFoundError(name);
      result = **record;
      return absl::OkStatus();
    });
    EXPECT_THAT(read, IsOk());
    return result;
  }

  FakeClock clock_{absl::FromUnixSeconds(1'750'000'000)};
  std::unique_ptr<identity::AccessControl> access_ = *identity::AccessControl::Create({});
  std::unique_ptr<store::TestDatabase> database_ = GetParam().Create();
  std::unique_ptr<store::Store> store_ =
      database_->OpenOrDie(resources::Registry().Tables(OperationsTable()));
};

INSTANTIATE_TEST_SUITE_P(Engines, OperationsTest, ::testing::ValuesIn(store::TestStores()),
                         store::TestStoreName);

TEST_P(OperationsTest, RunsAtOnceToItsEnd) {
  auto operations = Replica("a", [](OperationContext& context, const StringValue& text) {
    context.SetProgress(3, 3, "counted");
    return Number(static_cast<int64_t>(text.value().size()));
  });
  operations->Run();
  const std::string name = Start(*operations, "four");
  EXPECT_THAT(name, StartsWith("operations/"));
  EXPECT_TRUE(IsOperationName(name)) << name;

  // The clock stands: no polling helps.
  auto operation = AwaitDone(*operations, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(operation->name(), name);
  EXPECT_TRUE(operation->done());
  EXPECT_EQ(ResponseOf(*operation), 4);
  const auto metadata = MetadataOf(*operation);
  EXPECT_EQ(metadata.actor(), "users/li.wei");
  EXPECT_EQ(metadata.method(), "caravan.test.v1.Tests/Count");
  EXPECT_EQ(metadata.resource(), "fairs/canton-136");
  EXPECT_EQ(metadata.create_time().seconds(), 1'750'000'000);
  EXPECT_EQ(metadata.end_time().seconds(), 1'750'000'000);
  EXPECT_EQ(metadata.done_units(), 3);
  EXPECT_EQ(metadata.total_units(), 3);
  EXPECT_EQ(metadata.stage(), "counted");
  EXPECT_FALSE(metadata.cancel_requested());
}

TEST_P(OperationsTest, NamesSortByTimeOfStart) {
  auto operations = Replica("a", [](OperationContext&, const StringValue&) { return Number(0); });
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.push_back(Start(*operations));
    clock_.Advance(absl::Milliseconds(1));
  }
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST_P(OperationsTest, StartsOnlyWithItsTransaction) {
  std::atomic<int> runs = 0;
  auto operations = Replica("a", [&](OperationContext&, const StringValue&) {
    ++runs;
    return Number(0);
  });
  operations->Run();
  const resources::Caller caller = CallerNamed("users/li.wei");
  std::string failed, discarded;
  auto start = [&](store::Transaction& tx, std::string& name) {
    auto operation = operations->Start(caller, tx, kKind, StringValue(), "");
    name = operation->name();
  };
  EXPECT_FALSE(store_
                   ->WriteAndWait([&](store::Transaction& tx) {
                     start(tx, failed);
                     return absl::FailedPreconditionError("no");
                   })
                   .ok());
  EXPECT_THAT(store_->WriteAndWait([&](store::Transaction& tx) {
    start(tx, discarded);
    tx.Discard();
    return absl::OkStatus();
  }),
              IsOk());
  for (const std::string& name : {failed, discarded}) {
    EXPECT_THAT(LookAt(*operations, name),
                Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  }
  EXPECT_THAT(AwaitDone(*operations, Start(*operations)), IsOk());
  EXPECT_EQ(runs, 1);
}

TEST_P(OperationsTest, RefusesAKindThatIsNotRegistered) {
  auto operations = Replica("a", [](OperationContext&, const StringValue&) { return Number(0); });
  const resources::Caller caller = CallerNamed("users/li.wei");
  auto committed = store_->WriteAndWait([&](store::Transaction& tx) {
    EXPECT_EQ(operations->Start(caller, tx, "Other", StringValue(), "").status().code(),
              absl::StatusCode::kInternal);
    return operations->Start(caller, tx, kKind, Int64Value(), "").status();
  });
  EXPECT_EQ(committed.status().code(), absl::StatusCode::kInternal);
}

TEST_P(OperationsTest, WritesProgressOnceASecond) {
  Gate first, second;
  auto operations = Replica("a", [&](OperationContext& context, const StringValue&) {
    context.SetProgress(1, 3, "first");
    first.Pass();
    context.SetProgress(2, 3, "second");
    second.Pass();
    return Number(0);
  });
  operations->Run();
  const std::string name = Start(*operations);
  first.AwaitArrival();
  EXPECT_EQ(MetadataOf(*LookAt(*operations, name)).stage(), "first");
  first.Open();
  second.AwaitArrival();
  clock_.Advance(absl::Milliseconds(999));
  EXPECT_EQ(MetadataOf(*LookAt(*operations, name)).stage(), "first");
  clock_.Advance(absl::Milliseconds(1));
  const auto metadata = MetadataOf(*LookAt(*operations, name));
  EXPECT_EQ(metadata.stage(), "second");
  EXPECT_EQ(metadata.done_units(), 2);
  EXPECT_EQ(metadata.total_units(), 3);
  second.Open();
  EXPECT_THAT(AwaitDone(*operations, name), IsOk());
}

TEST_P(OperationsTest, TellsAnErrorWithItsDetails) {
  auto operations =
      Replica("a", [](OperationContext&, const StringValue& text) -> absl::StatusOr<Int64Value> {
        if (text.value() == "ours") return absl::InternalError("SELECT secret FROM vault");
        return api::Error(absl::StatusCode::kFailedPrecondition, "NO_BOOTHS", "no booths are left")
            .Field("section", "has no booths");
      });
  operations->Run();
  auto operation = AwaitDone(*operations, Start(*operations));
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(operation->done());
  EXPECT_FALSE(operation->has_response());
  EXPECT_THAT(ErrorOf(*operation), FailsAt(absl::StatusCode::kFailedPrecondition, "NO_BOOTHS",
                                           std::vector<std::string>{"section"}));

  auto ours = AwaitDone(*operations, Start(*operations, "ours"));
  ASSERT_THAT(ours, IsOk());
  EXPECT_THAT(ErrorOf(*ours), Fails(absl::StatusCode::kInternal, "INTERNAL"));
  EXPECT_THAT(ours->ShortDebugString(), ::testing::Not(::testing::HasSubstr("vault")));
}

TEST_P(OperationsTest, CancelsWhatRuns) {
  Gate gate;
  auto operations = Replica(
      "a", [&](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
        EXPECT_FALSE(context.cancelled());
        gate.Pass();
        // It is told once the store says so.
        const absl::Time late = absl::Now() + absl::Minutes(1);
        while (!context.cancelled() && absl::Now() < late) std::this_thread::yield();
        EXPECT_TRUE(context.cancelled());
        EXPECT_FALSE(context.stopping());
        return context.CancelledStatus();
      });
  operations->Run();
  const std::string name = Start(*operations);
  gate.AwaitArrival();
  Cancel(*operations, name);
  auto operation = LookAt(*operations, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_FALSE(operation->done());
  EXPECT_TRUE(MetadataOf(*operation).cancel_requested());
  gate.Open();
  operation = AwaitDone(*operations, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_THAT(ErrorOf(*operation), Fails(absl::StatusCode::kCancelled, "OPERATION_CANCELLED"));
  EXPECT_TRUE(MetadataOf(*operation).cancel_requested());
}

TEST_P(OperationsTest, CancelsAtOnceWhatNobodyHasBegun) {
  std::atomic<int> runs = 0;
  auto operations = Replica("a", [&](OperationContext&, const StringValue&) {
    ++runs;
    return Number(0);
  });
  const std::string name = Start(*operations);
  Cancel(*operations, name);
  const OperationRecord record = Record(name);
  EXPECT_EQ(record.phase(), OperationRecord::DONE);
  EXPECT_THAT(api::FromRpcStatus(record.error()),
              Fails(absl::StatusCode::kCancelled, "OPERATION_CANCELLED"));
  operations->Run();
  EXPECT_THAT(AwaitDone(*operations, Start(*operations)), IsOk());
  EXPECT_EQ(runs, 1);
}

TEST_P(OperationsTest, CancellingWhatIsDoneChangesNothing) {
  auto operations = Replica("a", [](OperationContext&, const StringValue&) { return Number(7); });
  operations->Run();
  const std::string name = Start(*operations);
  ASSERT_THAT(AwaitDone(*operations, name), IsOk());
  Cancel(*operations, name);
  auto operation = LookAt(*operations, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(ResponseOf(*operation), 7);
  EXPECT_FALSE(MetadataOf(*operation).cancel_requested());
}

TEST_P(OperationsTest, AnotherGoesOnFromTheCheckpointAfterACrash) {
  CuttableStore dying(*store_);
  Gate gate;
  auto first = Replica(
      "a",
      [&](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
        EXPECT_EQ(context.checkpoint(), "");
        EXPECT_THAT(context.SaveCheckpoint("half"), IsOk());
        EXPECT_EQ(context.checkpoint(), "half");
        gate.Pass();
        return context.SaveCheckpoint("never stored");
      },
      &dying);
  first->Run();
  const std::string name = Start(*first);
  gate.AwaitArrival();
  dying.Cut(true);
  gate.Open();
  first.reset();

  std::atomic<int> runs = 0;
  auto second = Replica("b", [&](OperationContext& context, const StringValue& text) {
    ++runs;
    EXPECT_EQ(context.checkpoint(), "half");
    return Number(static_cast<int64_t>(text.value().size()));
  });
  second->Run();
  // The lease of the first still holds.
  auto operation = LookAt(*second, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_FALSE(operation->done());
  EXPECT_EQ(runs, 0);
  clock_.Advance(absl::Seconds(16));
  operation = AwaitDone(*second, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(ResponseOf(*operation), 4);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(Record(name).crashes(), 1);
}

TEST_P(OperationsTest, GivesUpWhatKillsItsProcess) {
  std::atomic<int> runs = 0;
  std::string name;
  for (int i = 0; i < 5; ++i) {
    CuttableStore dying(*store_);
    Gate gate;
    auto operations = Replica(
        absl::StrCat("replica-", i),
        [&](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
          ++runs;
          gate.Pass();
          return context.SaveCheckpoint("x");
        },
        &dying);
    operations->Run();
    if (i == 0) name = Start(*operations);
    gate.AwaitArrival();
    dying.Cut(true);
    gate.Open();
    operations.reset();
    clock_.Advance(absl::Seconds(16));
  }
  auto last = Replica("last", [&](OperationContext&, const StringValue&) {
    ++runs;
    return Number(0);
  });
  last->Run();
  auto operation = AwaitDone(*last, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_THAT(ErrorOf(*operation), Fails(absl::StatusCode::kAborted, "OPERATION_CRASHED"));
  EXPECT_EQ(runs, 5);
}

TEST_P(OperationsTest, WhoLostTheLeaseCannotWrite) {
  // The clock of the first stands still: it renews nothing.
  FakeClock stopped(clock_.Now());
  Gate gate;
  absl::Status written, saved;
  auto first = Replica(
      "a",
      [&](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
        gate.Pass();
        written = context.Write([](store::Transaction& tx) {
          tx.Put(resources::kGuards, "late", "");
          return absl::OkStatus();
        });
        saved = context.SaveCheckpoint("late");
        EXPECT_TRUE(context.cancelled());
        return Number(1);
      },
      nullptr, &stopped);
  first->Run();
  const std::string name = Start(*first);
  gate.AwaitArrival();
  clock_.Advance(absl::Seconds(16));
  Gate other;
  auto second = Replica("b", [&](OperationContext&, const StringValue&) {
    other.Pass();
    return Number(2);
  });
  second->Run();
  other.AwaitArrival();
  gate.Open();
  first.reset();
  EXPECT_THAT(written, Fails(absl::StatusCode::kAborted, "LEASE_LOST"));
  EXPECT_THAT(saved, Fails(absl::StatusCode::kAborted, "LEASE_LOST"));
  EXPECT_FALSE(IsDone(Record(name)));
  other.Open();
  auto operation = AwaitDone(*second, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(ResponseOf(*operation), 2);
  absl::Status read = store_->Read([&](store::Reader& reader) -> absl::Status {
    auto row = reader.Get(resources::kGuards, "late");
    EXPECT_FALSE(row->has_value());
    return row.status();
  });
  EXPECT_THAT(read, IsOk());
}

TEST_P(OperationsTest, TwoReplicasRunEachOnce) {
  constexpr int kOperations = 20;
  absl::Mutex mutex;
  std::map<std::string, int> runs;
  const CountWork work = [&](OperationContext& context, const StringValue&) {
    absl::MutexLock lock(&mutex);
    ++runs[context.name()];
    return Number(0);
  };
  auto first = Replica("a", work);
  auto second = Replica("b", work);
  std::vector<std::string> names;
  for (int i = 0; i < kOperations; ++i) names.push_back(Start(*first));
  first->Run();
  second->Run();
  for (const std::string& name : names) {
    absl::StatusOr<Operation> operation;
    do {
      operation = LookAt(*first, name);
      ASSERT_THAT(operation, IsOk());
    } while (!operation->done());
  }
  first.reset();
  second.reset();
  EXPECT_EQ(runs.size(), names.size());
  for (const std::string& name : names) EXPECT_EQ(runs[name], 1) << name;
}

TEST_P(OperationsTest, KeepsTheLeaseOfLongWork) {
  Gate gate;
  auto first = Replica("a", [&](OperationContext&, const StringValue&) {
    gate.Pass();
    return Number(1);
  });
  auto second = Replica("b", [&](OperationContext&, const StringValue&) { return Number(2); });
  first->Run();
  const std::string name = Start(*first);
  gate.AwaitArrival();
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(absl::Seconds(5));
    ASSERT_THAT(LookAt(*first, name), IsOk());
  }
  second->Run();
  EXPECT_FALSE(LookAt(*second, name)->done());
  gate.Open();
  auto operation = AwaitDone(*first, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(ResponseOf(*operation), 1);
}

TEST_P(OperationsTest, HandsOverWhenItStops) {
  Gate gate;
  auto first = Replica(
      "a", [&](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
        gate.Pass();
        EXPECT_TRUE(context.cancelled());
        EXPECT_TRUE(context.stopping());
        EXPECT_THAT(context.SaveCheckpoint("half"), IsOk());
        return context.CancelledStatus();
      });
  first->Run();
  const std::string name = Start(*first);
  gate.AwaitArrival();
  first->Drain();
  gate.Open();
  first->Stop();
  EXPECT_EQ(Record(name).phase(), OperationRecord::PAUSED);

  // Another goes on without waiting for the lease.
  auto second = Replica("b", [&](OperationContext& context, const StringValue&) {
    EXPECT_EQ(context.checkpoint(), "half");
    return Number(2);
  });
  second->Run();
  auto operation = AwaitDone(*second, name);
  ASSERT_THAT(operation, IsOk());
  EXPECT_EQ(ResponseOf(*operation), 2);
  EXPECT_EQ(Record(name).crashes(), 0);
}

TEST_P(OperationsTest, KeepsTheResultOfWorkThatEndsWhileItStops) {
  Gate gate;
  auto operations = Replica("a", [&](OperationContext& context, const StringValue&) {
    gate.Pass();
    EXPECT_TRUE(context.cancelled());
    return Number(1);
  });
  operations->Run();
  const std::string name = Start(*operations);
  gate.AwaitArrival();
  operations->Drain();
  gate.Open();
  operations->Stop();
  EXPECT_TRUE(Record(name).has_response());
}

TEST_P(OperationsTest, GoesOnWhenTheStoreIsBack) {
  CuttableStore store(*store_);
  Gate gate;
  std::vector<std::string> checkpoints;
  auto operations = Replica(
      "a",
      [&](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
        checkpoints.push_back(context.checkpoint());
        if (context.checkpoint().empty()) {
          EXPECT_THAT(context.SaveCheckpoint("half"), IsOk());
          gate.Pass();
        }
        if (absl::Status s = context.SaveCheckpoint("whole"); !s.ok()) {
          store.Cut(false);
          return s;
        }
        return Number(1);
      },
      &store);
  operations->Run();
  const std::string name = Start(*operations);
  gate.AwaitArrival();
  store.Cut(true);
  gate.Open();
  // Each look is a round of the runner; one of them finds the store back.
  absl::StatusOr<Operation> operation;
  do {
    operation = LookAt(*operations, name);
  } while (!operation.ok() || !operation->done());
  EXPECT_EQ(ResponseOf(*operation), 1);
  EXPECT_THAT(checkpoints, ElementsAre("", "half"));
  EXPECT_EQ(Record(name).crashes(), 0);
}

TEST_P(OperationsTest, WritesAndItsCheckpointAreOneTransaction) {
  auto operations =
      Replica("a", [](OperationContext& context, const StringValue&) -> absl::StatusOr<Int64Value> {
        absl::Status refused = context.Write(
            [](store::Transaction& tx) -> absl::Status {
              tx.Put(resources::kGuards, "refused", "");
              return api::Error(absl::StatusCode::kFailedPrecondition, "REFUSED", "refused");
            },
            "refused");
        EXPECT_THAT(refused, Fails(absl::StatusCode::kFailedPrecondition, "REFUSED"));
        EXPECT_EQ(context.checkpoint(), "");
        EXPECT_THAT(context.Write(
                        [](store::Transaction& tx) {
                          tx.Put(resources::kGuards, "written", "");
                          return absl::OkStatus();
                        },
                        "written"),
                    IsOk());
        std::vector<std::string> keys;
        EXPECT_THAT(context.Read([&](store::Reader& reader) {
          keys.clear();
          store::ScanSpec scan;
          scan.table = resources::kGuards;
          return reader.Scan(scan, [&](store::Row& row) {
            keys.push_back(row.key);
            return true;
          });
        }),
                    IsOk());
        EXPECT_THAT(keys, ElementsAre("written"));
        EXPECT_EQ(context.checkpoint(), "written");
        return Number(0);
      });
  operations->Run();
  auto operation = AwaitDone(*operations, Start(*operations));
  ASSERT_THAT(operation, IsOk());
  EXPECT_TRUE(operation->has_response());
}

TEST_P(OperationsTest, WorksInTheNameOfWhoStartedIt) {
  std::string principal, permission, method, request_id, trace_id;
  int64_t today = 0;
  auto operations = Replica("a", [&](OperationContext& context, const StringValue&) {
    const resources::Caller caller = context.caller();
    principal = caller.principal.name;
    permission = std::string(caller.permission);
    method = std::string(caller.method);
    request_id = caller.request_id;
    trace_id = caller.trace_id;
    today = caller.today;
    return Number(0);
  });
  operations->Run();
  ASSERT_THAT(AwaitDone(*operations, Start(*operations)), IsOk());
  EXPECT_EQ(principal, "users/li.wei");
  EXPECT_EQ(permission, "fairs.allocations.run");
  EXPECT_EQ(method, "caravan.test.v1.Tests/Count");
  EXPECT_EQ(request_id, "r1");
  EXPECT_EQ(trace_id, "t1");
  EXPECT_EQ(today, 20250615);
}

TEST_P(OperationsTest, LeavesKindsThatItDoesNotKnow) {
  auto newer = Replica("a", [](OperationContext&, const StringValue&) { return Number(1); });
  const std::string name = Start(*newer);
  auto older = std::make_unique<Operations>(Options("b"));
  older->Run();
  EXPECT_FALSE(LookAt(*older, name)->done());
  EXPECT_EQ(Record(name).phase(), OperationRecord::WAITING);
  newer->Run();
  EXPECT_THAT(AwaitDone(*newer, name), IsOk());
}

TEST_P(OperationsTest, ExpiresWhatIsDone) {
  Gate gate;
  auto operations = Replica("a", [&](OperationContext&, const StringValue& text) {
    if (text.value() == "long") gate.Pass();
    return Number(0);
  });
  operations->Run();
  const std::string lasting = Start(*operations, "long");
  const std::string done = Start(*operations);
  ASSERT_THAT(AwaitDone(*operations, done), IsOk());
  const absl::Time end = clock_.Now() + absl::Hours(24 * 30);
  EXPECT_THAT(*ExpireOperations(*store_, end - absl::Microseconds(1)), 0);
  EXPECT_THAT(*ExpireOperations(*store_, end), 1);
  EXPECT_THAT(*ExpireOperations(*store_, end), 0);
  EXPECT_THAT(LookAt(*operations, done), Fails(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND"));
  EXPECT_FALSE(LookAt(*operations, lasting)->done());
  gate.Open();
  EXPECT_THAT(AwaitDone(*operations, lasting), IsOk());
}

TEST_P(OperationsTest, WaitsUntilTheDeadline) {
  Gate gate;
  auto operations = Replica("a", [&](OperationContext&, const StringValue&) {
    gate.Pass();
    return Number(0);
  });
  operations->Run();
  const std::string name = Start(*operations);
  gate.AwaitArrival();
  PendingWait pending(*operations, name, clock_.Now() + absl::Milliseconds(2500));
  for (int i = 0; i < 2; ++i) {
    clock_.Advance(absl::Seconds(1));
    ASSERT_THAT(LookAt(*operations, name), IsOk());
    EXPECT_FALSE(pending.answered());
  }
  clock_.Advance(absl::Milliseconds(500));
  auto operation = pending.Get();
  ASSERT_THAT(operation, IsOk());
  EXPECT_FALSE(operation->done());
  gate.Open();
}

TEST_P(OperationsTest, EndsWaitsOfCallersThatHaveGone) {
  auto operations = Replica("a", [](OperationContext&, const StringValue&) { return Number(0); });
  const std::string name = Start(*operations);
  auto other = std::make_unique<Operations>(Options("b"));
  other->Run();
  std::atomic<bool> gone = false;
  PendingWait pending(*other, name, absl::InfiniteFuture(), [&] { return gone.load(); });
  ASSERT_THAT(LookAt(*other, name), IsOk());
  EXPECT_FALSE(pending.answered());
  gone = true;
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(pending.Get(), IsOk());
}

TEST_P(OperationsTest, EndsWaitsWhenItDrains) {
  Gate gate;
  auto operations = Replica("a", [&](OperationContext&, const StringValue&) {
    gate.Pass();
    return Number(0);
  });
  operations->Run();
  const std::string name = Start(*operations);
  gate.AwaitArrival();
  PendingWait pending(*operations, name, absl::InfiniteFuture());
  operations->Drain();
  auto operation = pending.Get();
  ASSERT_THAT(operation, IsOk());
  EXPECT_FALSE(operation->done());
  // One that comes late does not wait either.
  EXPECT_THAT(PendingWait(*operations, name, absl::InfiniteFuture()).Get(), IsOk());
  gate.Open();
  operations->Stop();
  EXPECT_THAT(PendingWait(*operations, name, absl::InfiniteFuture()).Get(),
              Fails(absl::StatusCode::kUnavailable, "DRAINING"));
}

TEST_P(OperationsTest, RefusesMoreWaitsThanItKeeps) {
  OperationsOptions options = Options("a");
  options.most_waits = 1;
  Operations operations(std::move(options));
  PendingWait first(operations, "operations/x", absl::InfiniteFuture());
  PendingWait second(operations, "operations/x", absl::InfiniteFuture());
  EXPECT_THAT(second.Get(), Fails(absl::StatusCode::kResourceExhausted, "TOO_MANY_WAITS"));
  operations.Stop();
  EXPECT_THAT(first.Get(), Fails(absl::StatusCode::kUnavailable, "DRAINING"));
}

}  // namespace
}  // namespace caravan::operations
