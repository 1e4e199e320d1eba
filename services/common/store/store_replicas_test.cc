// Several stores on one database, and a database that goes away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <stdlib.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/common/api/errors.h"
#include "services/common/store/postgres_store.h"
#include "services/common/store/store.h"
#include "services/common/store/store_test_util.h"
#include "services/common/store/testing.h"

namespace caravan::store {
namespace {

class StoreReplicasTest : public testing::TestWithParam<TestStore> {
 protected:
  StoreReplicasTest() : database_(GetParam().Create()) {
    for (int i = 0; i < 2; ++i) {
      stores_.push_back(
          database_->OpenOrDie({PlainTable("items")}, {.replica = absl::StrCat("replica-", i)}));
    }
  }

  std::unique_ptr<TestDatabase> database_;
  std::vector<std::unique_ptr<Store>> stores_;
};

INSTANTIATE_TEST_SUITE_P(Engines, StoreReplicasTest, testing::ValuesIn(SharedTestStores()),
                         TestStoreName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreReplicasTest);

// Waits until a store has reached a revision.
void Await(Store& store, int64_t revision) {
  absl::Notification reached;
  store.AwaitRevision(revision, absl::InfiniteFuture(), [&](absl::Status status) {
    EXPECT_OK(status);
    reached.Notify();
  });
  reached.WaitForNotification();
}

TEST_P(StoreReplicasTest, CountersLoseNoUpdateAndRevisionsAreDense) {
  constexpr int kThreads = 4, kRounds = 40;
  std::vector<std::thread> threads;
  for (auto& store : stores_) {
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&store] {
        for (int round = 0; round < kRounds; ++round) {
          ASSERT_OK(store->WriteAndWait([](Transaction& tx) {
            if (absl::Status s = Increment(tx, "counter"); !s.ok()) return s;
            tx.Log({.resource = "counter", .after = tx.Get(0, "counter")->value().data});
            return absl::OkStatus();
          }));
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  constexpr int kTotal = 2 * kThreads * kRounds;
  for (auto& store : stores_) {
    Await(*store, kTotal);
    EXPECT_EQ(GetRow(*store, 0, "counter")->data, absl::StrCat(kTotal));
    const std::vector<Change> changes = ReadChanges(*store);
    ASSERT_EQ(changes.size(), kTotal);
    for (int i = 0; i < kTotal; ++i) {
      EXPECT_EQ(changes[i].revision, i + 1);
      EXPECT_EQ(changes[i].after, absl::StrCat(i + 1));
    }
  }
}

// Who was alone for long commits without the lock, until it is not alone.
TEST_P(StoreReplicasTest, WhoWasAloneForLongLosesNoUpdateOfAnother) {
  constexpr int kRounds = 3, kAlone = 100, kThreads = 4;
  const auto increment = [](Store& store, const std::string& own) {
    ASSERT_OK(store.WriteAndWait([&](Transaction& tx) {
      for (const std::string& key : {own, std::string("counter")}) {
        if (absl::Status s = Increment(tx, key); !s.ok()) return s;
      }
      tx.Log({.resource = "counter", .after = tx.Get(0, "counter")->value().data});
      return absl::OkStatus();
    }));
  };
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kAlone; ++i) increment(*stores_[0], "first");
    increment(*stores_[1], "second");
    // And while it commits.
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 5; ++n) increment(*stores_[i == 0 ? 1 : 0], absl::StrCat("t", i));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  constexpr int kTotal = kRounds * (kAlone + 1 + kThreads * 5);
  for (auto& store : stores_) {
    Await(*store, kTotal);
    EXPECT_EQ(GetRow(*store, 0, "first")->data, absl::StrCat(kRounds * kAlone));
    EXPECT_EQ(GetRow(*store, 0, "second")->data, absl::StrCat(kRounds));
    const std::vector<Change> changes = ReadChanges(*store);
    ASSERT_EQ(changes.size(), kTotal);
    for (int i = 0; i < kTotal; ++i) {
      EXPECT_EQ(changes[i].revision, i + 1);
      EXPECT_EQ(changes[i].after, absl::StrCat(i + 1));
    }
  }
}

// What a body comes to that commits nothing is as good as a read.
TEST_P(StoreReplicasTest, WhoWasAloneForLongAnswersByWhatAnotherWrote) {
  constexpr int kRounds = 3, kAlone = 100;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kAlone; ++i) {
      ASSERT_OK(stores_[0]->WriteAndWait([](Transaction& tx) { return Increment(tx, "first"); }));
    }
    for (const bool discards : {false, true}) {
      ASSERT_OK(stores_[1]->WriteAndWait([](Transaction& tx) { return Increment(tx, "first"); }));
      std::string read;
      const absl::Status status =
          stores_[0]
              ->WriteAndWait([&](Transaction& tx) -> absl::Status {
                auto row = tx.Get(0, "first");
                if (!row.ok()) return row.status();
                read = row->value().data;
                tx.Put(0, "other", read);
                tx.Discard();
                return discards ? absl::OkStatus() : absl::AbortedError("no");
              })
              .status();
      EXPECT_EQ(status.code(), discards ? absl::StatusCode::kOk : absl::StatusCode::kAborted);
      EXPECT_EQ(read, absl::StrCat((round + 1) * kAlone + 2 * round + (discards ? 2 : 1)));
    }
  }
  EXPECT_EQ(GetRow(*stores_[1], 0, "other"), std::nullopt);
}

// As many callers of both use the same new ids.
TEST_P(StoreReplicasTest, AnIdThatIsExpectedToBeNewIsTakenOnce) {
  constexpr int kRounds = 4, kAlone = 80, kThreads = 3, kIds = 30;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kAlone; ++i) {
      ASSERT_OK(stores_[0]->WriteAndWait([](Transaction& tx) { return Increment(tx, "first"); }));
    }
    std::atomic<int> taken = 0;
    std::vector<std::thread> threads;
    for (auto& store : stores_) {
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          for (int id = 0; id < kIds; ++id) {
            const std::string key = absl::StrCat("round", round, "/", id);
            bool takes = false;
            ASSERT_OK(store->WriteAndWait([&](Transaction& tx) -> absl::Status {
              takes = false;
              tx.ExpectAbsent(0, key);
              auto row = tx.Get(0, key);
              if (!row.ok()) return row.status();
              if (row->has_value()) return absl::OkStatus();
              takes = true;
              tx.Put(0, key, "");
              tx.Log({.resource = key});
              return absl::OkStatus();
            }));
            if (takes) ++taken;
          }
        });
      }
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(taken, kIds);
  }
  const std::vector<Change> changes = ReadChanges(*stores_[0]);
  EXPECT_EQ(changes.size(), kRounds * kIds);
}

TEST_P(StoreReplicasTest, OneReadsWhatTheOtherWrote) {
  for (int i = 0; i < 20; ++i) {
    Store& writer = *stores_[i % 2];
    Store& reader = *stores_[1 - i % 2];
    const absl::StatusOr<Committed> result = writer.WriteAndWait([&](Transaction& tx) {
      tx.Put(0, "a", absl::StrCat(i));
      tx.Log({.resource = "a"});
      return absl::OkStatus();
    });
    ASSERT_OK(result);
    Await(reader, result->revision);
    EXPECT_GE(reader.revision(), result->revision);
    EXPECT_EQ(GetRow(reader, 0, "a")->data, absl::StrCat(i));
  }
}

TEST_P(StoreReplicasTest, AFeedMissesNothing) {
  // What a follower does: it reads on from where it was, whenever there is more.
  constexpr int kChanges = 200;
  std::thread writer([&] {
    for (int i = 0; i < kChanges; ++i) {
      ASSERT_OK(stores_[0]->WriteAndWait([&](Transaction& tx) {
        tx.Log({.record = absl::StrCat(i)});
        return absl::OkStatus();
      }));
    }
  });
  int64_t next = 1;
  while (next <= kChanges) {
    Await(*stores_[1], next);
    for (const Change& change : ReadChanges(*stores_[1], {.begin_revision = next})) {
      ASSERT_EQ(change.revision, next);
      EXPECT_EQ(change.record, absl::StrCat(next - 1));
      ++next;
    }
  }
  writer.join();
}

TEST_P(StoreReplicasTest, ExpiryByOneIsSeenByTheOther) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(stores_[0]->WriteAndWait([](Transaction& tx) {
      tx.Log({.resource = "a"});
      return absl::OkStatus();
    }));
  }
  EXPECT_EQ(*stores_[1]->Expire(absl::InfiniteFuture(), absl::InfiniteFuture()), 3);
  EXPECT_EQ(stores_[0]->retained()->oldest, 4);
}

// Ends connections of the server, as an operator or a failure does.
class Terminator {
 public:
  explicit Terminator(std::string name) : name_(std::move(name)) {
    connection_ = PQconnectdb(getenv("CARAVAN_TEST_POSTGRES"));
  }
  ~Terminator() { PQfinish(connection_); }

  // Returns how many there were.
  int TerminateAll() {
    PGresult* result = PQexec(
        connection_, absl::StrCat("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                  "application_name = '",
                                  name_, "'")
                         .c_str());
    const int rows = PQntuples(result);
    PQclear(result);
    return rows;
  }

 private:
  const std::string name_;
  PGconn* connection_;
};

class LostConnectionTest : public testing::TestWithParam<TestStore> {
 protected:
  LostConnectionTest() : database_(GetParam().Create()), terminator_(Name()) {
    PostgresOptions options;
    options.replica = "test";
    options.conninfo = absl::StrCat(getenv("CARAVAN_TEST_POSTGRES"), " application_name=", Name());
    options.schema = Name();
    options.log = [](std::string_view) {};
    absl::StatusOr<std::unique_ptr<Store>> store =
        OpenPostgresStore(options, {PlainTable("items")});
    EXPECT_OK(store);
    if (store.ok()) store_ = *std::move(store);
  }

  // The schema of the database, by which its connections are told from others.
  std::string Name() const {
    const std::string url = database_->url();
    const size_t begin = url.find("test_");
    return url.substr(begin, url.find(' ', begin) - begin);
  }

  std::unique_ptr<TestDatabase> database_;
  Terminator terminator_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Engines, LostConnectionTest, testing::ValuesIn(SharedTestStores()),
                         TestStoreName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LostConnectionTest);

TEST_P(LostConnectionTest, AcknowledgedWritesAreThereOnce) {
  constexpr int kThreads = 8;
  std::atomic<bool> stop = false;
  std::atomic<int> acknowledged = 0, unknown = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; !stop; ++n) {
        const absl::Status status = store_
                                        ->WriteAndWait([&](Transaction& tx) {
                                          tx.Put(0, absl::StrCat("row", i, "-", n), "");
                                          tx.Log({.resource = absl::StrCat("row", i, "-", n)});
                                          return Increment(tx, "count");
                                        })
                                        .status();
        if (status.ok()) {
          ++acknowledged;
        } else {
          EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
          if (api::ReasonOf(status) == "COMMIT_UNKNOWN") ++unknown;
        }
      }
    });
  }
  int terminated = 0;
  for (int round = 0; round < 30; ++round) {
    const int before = acknowledged;
    terminated += terminator_.TerminateAll();
    // It goes on by itself.
    while (acknowledged < before + 20) std::this_thread::yield();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(terminated, 30);
  EXPECT_EQ(unknown, 0);
  EXPECT_EQ(GetRow(*store_, 0, "count")->data, absl::StrCat(acknowledged.load()));
  EXPECT_EQ(CountRows(*store_, {.begin_key = "row", .end_key = "rox"}), acknowledged);
  const std::vector<Change> changes = ReadChanges(*store_);
  ASSERT_EQ(changes.size(), acknowledged);
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].revision, static_cast<int64_t>(i) + 1);
  }
}

TEST_P(LostConnectionTest, ReadsGoOnAfterIdleConnectionsBroke) {
  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) {
    tx.Put(0, "a", "1");
    return absl::OkStatus();
  }));
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(GetRow(*store_, 0, "a")->data, "1");
    EXPECT_GT(terminator_.TerminateAll(), 0);
    EXPECT_EQ(GetRow(*store_, 0, "a")->data, "1");
  }
  EXPECT_OK(store_->Healthy());
}

TEST(PostgresStoreTest, ADatabaseThatIsNotThereIsUnavailable) {
  PostgresOptions options;
  options.conninfo = "host=/nonexistent";
  std::string logged;
  options.log = [&](std::string_view line) { logged = std::string(line); };
  const absl::Status status = OpenPostgresStore(options, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(absl::StrContains(status.message(), "nonexistent"));
  EXPECT_TRUE(absl::StrContains(logged, "nonexistent"));
}

}  // namespace
}  // namespace caravan::store
