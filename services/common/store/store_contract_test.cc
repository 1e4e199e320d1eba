// What both engines promise: rows, transactions, the change log. The scans are
// in store_scan_test.cc, replicas and failures in store_replicas_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/barrier.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "services/common/api/errors.h"
#include "services/common/store/store.h"
#include "services/common/store/store_test_util.h"
#include "services/common/store/testing.h"

namespace caravan::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Lt;

class StoreContractTest : public testing::TestWithParam<TestStore> {
 protected:
  StoreContractTest()
      : database_(GetParam().Create()), store_(database_->OpenOrDie({PlainTable("items")})) {}

  absl::Status Put(std::string key, std::string data) {
    return store_
        ->WriteAndWait([&](Transaction& tx) {
          tx.Put(kItems, key, data);
          return absl::OkStatus();
        })
        .status();
  }

  std::optional<Row> Get(std::string_view key) { return GetRow(*store_, kItems, key); }

  static constexpr TableId kItems = 0;
  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Engines, StoreContractTest, testing::ValuesIn(TestStores()),
                         TestStoreName);

TEST_P(StoreContractTest, RowsArePutReadAndDeleted) {
  EXPECT_EQ(Get("a"), std::nullopt);
  ASSERT_OK(Put("a", "one"));
  const std::optional<Row> first = Get("a");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->key, "a");
  EXPECT_EQ(first->data, "one");
  EXPECT_GT(first->version, 0);

  ASSERT_OK(Put("a", "two"));
  const std::optional<Row> second = Get("a");
  EXPECT_EQ(second->data, "two");
  EXPECT_GT(second->version, first->version);

  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) {
    tx.Delete(kItems, "a");
    tx.Delete(kItems, "never-there");
    return absl::OkStatus();
  }));
  EXPECT_EQ(Get("a"), std::nullopt);
}

TEST_P(StoreContractTest, KeysAndDataHoldAnyByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  ASSERT_OK(Put(all, all));
  ASSERT_OK(Put("empty", ""));
  EXPECT_EQ(Get(all)->data, all);
  EXPECT_EQ(Get("empty")->data, "");
}

TEST_P(StoreContractTest, GetManyKeepsTheOrderOfKeys) {
  ASSERT_OK(Put("a", "1"));
  ASSERT_OK(Put("b", "2"));
  ASSERT_OK(store_->Read([&](Reader& reader) -> absl::Status {
    auto rows = reader.GetMany(kItems, {"b", "x", "a", "b"});
    if (!rows.ok()) return rows.status();
    EXPECT_EQ((*rows)[0]->data, "2");
    EXPECT_EQ((*rows)[1], std::nullopt);
    EXPECT_EQ((*rows)[2]->data, "1");
    EXPECT_EQ((*rows)[3]->data, "2");
    return absl::OkStatus();
  }));
}

TEST_P(StoreContractTest, ATransactionReadsItsOwnWrites) {
  ASSERT_OK(Put("a", "old"));
  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) -> absl::Status {
    tx.Put(kItems, "a", "new");
    tx.Put(kItems, "b", "made");
    tx.Put(kItems, "c", "short-lived");
    tx.Delete(kItems, "c");
    EXPECT_EQ(tx.Get(kItems, "a")->value().data, "new");
    EXPECT_EQ(tx.Get(kItems, "a")->value().version, kPendingVersion);
    auto rows = tx.GetMany(kItems, {"a", "b", "c", "d"});
    if (!rows.ok()) return rows.status();
    EXPECT_EQ((*rows)[0]->data, "new");
    EXPECT_EQ((*rows)[1]->data, "made");
    EXPECT_EQ((*rows)[2], std::nullopt);
    EXPECT_EQ((*rows)[3], std::nullopt);
    return absl::OkStatus();
  }));
  EXPECT_EQ(Get("a")->data, "new");
  EXPECT_EQ(Get("b")->data, "made");
  EXPECT_EQ(Get("c"), std::nullopt);
}

TEST_P(StoreContractTest, RowsOfATransactionShareAVersion) {
  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) {
    tx.Put(kItems, "a", "1");
    tx.Put(kItems, "b", "2");
    return absl::OkStatus();
  }));
  EXPECT_EQ(Get("a")->version, Get("b")->version);
}

TEST_P(StoreContractTest, AFailedOrDiscardedBodyChangesNothing) {
  const absl::StatusOr<Committed> failed = store_->WriteAndWait([](Transaction& tx) {
    tx.Put(kItems, "a", "1");
    tx.Log({.resource = "a"});
    return absl::FailedPreconditionError("no");
  });
  EXPECT_EQ(failed.status(), absl::FailedPreconditionError("no"));
  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) {
    tx.Put(kItems, "b", "1");
    tx.Log({.resource = "b"});
    tx.Discard();
    return absl::OkStatus();
  }));
  EXPECT_EQ(Get("a"), std::nullopt);
  EXPECT_EQ(Get("b"), std::nullopt);
  EXPECT_THAT(ReadChanges(*store_), IsEmpty());
  EXPECT_EQ(store_->revision(), 0);
}

TEST_P(StoreContractTest, ATransactionWithoutWritesCommits) {
  ASSERT_OK(Put("a", "1"));
  std::string seen;
  ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
    absl::StatusOr<std::optional<Row>> row = tx.Get(kItems, "a");
    if (row.ok()) seen = row->value().data;
    return row.status();
  }));
  EXPECT_EQ(seen, "1");
}

TEST_P(StoreContractTest, ATransactionMayReadOnAndOn) {
  // Each row says which comes next; some transactions say beforehand what they
  // will read, and all of them change the last.
  constexpr int kRows = 12, kTransactions = 30;
  for (int i = 0; i < kRows; ++i) {
    ASSERT_OK(Put(absl::StrCat("row", i), absl::StrCat("row", i + 1)));
  }
  absl::BlockingCounter left(kTransactions);
  for (int n = 0; n < kTransactions; ++n) {
    store_->Write(
        [n](Transaction& tx) -> absl::Status {
          for (int i = 0; i < kRows && n % 3 == 0; ++i) tx.Expect(kItems, absl::StrCat("row", i));
          std::string key = "row0";
          for (int i = 0; i < kRows; ++i) {
            absl::StatusOr<std::optional<Row>> row = tx.Get(kItems, key);
            if (!row.ok()) return row.status();
            EXPECT_TRUE(row->has_value()) << key;
            key = (*row)->data;
          }
          EXPECT_EQ(key, absl::StrCat("row", kRows));
          return Increment(tx, "count");
        },
        [&](absl::StatusOr<Committed> result) {
          EXPECT_OK(result);
          left.DecrementCount();
        });
  }
  left.Wait();
  EXPECT_EQ(Get("count")->data, absl::StrCat(kTransactions));
}

TEST_P(StoreContractTest, AReadThatGoesOnSeesOneState) {
  // The first row may come from memory; the writer changes both.
  ASSERT_OK(Put("a", "0"));
  ASSERT_OK(Put("b", "0"));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 1; !stop; ++i) {
      ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
        tx.Put(kItems, "a", absl::StrCat(i));
        tx.Put(kItems, "b", absl::StrCat(i));
        return absl::OkStatus();
      }));
    }
  });
  for (int i = 0; i < 300; ++i) {
    // Leaves the row in memory, where it is kept.
    GetRow(*store_, kItems, "a");
    std::string a;
    std::vector<std::string> scanned;
    EXPECT_OK(store_->Read([&](Reader& reader) {
      absl::StatusOr<std::optional<Row>> row = reader.Get(kItems, "a");
      if (!row.ok()) return row.status();
      a = (*row)->data;
      scanned.clear();
      return reader.Scan({.table = kItems}, [&](Row& row) {
        scanned.push_back(row.data);
        return true;
      });
    }));
    EXPECT_THAT(scanned, ElementsAre(a, a));
  }
  stop = true;
  writer.join();
}

TEST_P(StoreContractTest, MisuseAndOverlongKeysAreRefused) {
  auto write = [&](std::function<void(Transaction&)> body) {
    return store_
        ->WriteAndWait([&](Transaction& tx) {
          body(tx);
          return absl::OkStatus();
        })
        .status();
  };
  EXPECT_EQ(api::ReasonOf(write([](Transaction& tx) { tx.Put(kItems, "", "x"); })), "INVALID_KEY");
  EXPECT_EQ(
      api::ReasonOf(write([](Transaction& tx) { tx.Put(kItems, std::string(1001, 'k'), "x"); })),
      "INVALID_KEY");
  EXPECT_OK(write([](Transaction& tx) { tx.Put(kItems, std::string(1000, 'k'), "x"); }));
  EXPECT_EQ(api::ReasonOf(write([](Transaction& tx) { tx.Put(7, "a", "x"); })), "STORE_MISUSE");
  EXPECT_EQ(api::ReasonOf(write([](Transaction& tx) { tx.Put(kItems, "a", "x", {int64_t{1}}); })),
            "STORE_MISUSE");
}

TEST_P(StoreContractTest, CountersLoseNoUpdate) {
  constexpr int kThreads = 8, kRounds = 50;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        ASSERT_OK(store_->WriteAndWait([](Transaction& tx) { return Increment(tx, "counter"); }));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("counter")->data, absl::StrCat(kThreads * kRounds));
}

TEST_P(StoreContractTest, MembersOfOneGroupSeeEachOther) {
  // All wait at once, so they are committed in few groups; each relies on the
  // one before it, through a row and through a scan.
  constexpr int kTransactions = 200;
  absl::BlockingCounter left(kTransactions);
  for (int i = 0; i < kTransactions; ++i) {
    store_->Write(
        [i](Transaction& tx) -> absl::Status {
          if (absl::Status status = Increment(tx, "guard"); !status.ok()) return status;
          int64_t rows = 0;
          absl::Status status =
              tx.Scan({.table = kItems, .begin_key = "row", .end_key = "rox"}, [&](Row&) {
                ++rows;
                return true;
              });
          if (!status.ok()) return status;
          if (rows < 10) tx.Put(kItems, absl::StrCat("row", i), "");
          return absl::OkStatus();
        },
        [&](absl::StatusOr<Committed> result) {
          EXPECT_OK(result);
          left.DecrementCount();
        });
  }
  left.Wait();
  EXPECT_EQ(Get("guard")->data, absl::StrCat(kTransactions));
  EXPECT_EQ(CountRows(*store_, {.table = kItems, .begin_key = "row", .end_key = "rox"}), 10);
}

TEST_P(StoreContractTest, ABadTransactionFailsAlone) {
  constexpr int kTransactions = 50;
  absl::BlockingCounter left(kTransactions);
  std::atomic<int> failed = 0;
  for (int i = 0; i < kTransactions; ++i) {
    store_->Write(
        [i](Transaction& tx) -> absl::Status {
          if (i % 10 == 3) return absl::AbortedError("stale");
          if (absl::Status status = Increment(tx, "sum"); !status.ok()) return status;
          tx.Put(kItems, i % 10 == 7 ? "" : absl::StrCat("k", i), "");
          return absl::OkStatus();
        },
        [&](absl::StatusOr<Committed> result) {
          if (!result.ok()) ++failed;
          left.DecrementCount();
        });
  }
  left.Wait();
  EXPECT_EQ(failed, 10);
  EXPECT_EQ(Get("sum")->data, "40");
}

// That a row is expected to be absent changes nothing but the time it takes.
TEST_P(StoreContractTest, ARowThatIsThereIsFoundWhateverWasExpected) {
  constexpr int kCommits = 100;  // after so many, a store of its own may guess
  for (const char* key : {"old", "older", "oldest"}) ASSERT_OK(Put(key, key));
  store_ = nullptr;
  store_ = database_->OpenOrDie({PlainTable("items")});
  for (int i = 0; i < kCommits; ++i) ASSERT_OK(Put("a", absl::StrCat(i)));
  const auto put_where_absent = [](std::string key, std::string data, std::string* found) {
    return [=](Transaction& tx) -> absl::Status {
      tx.ExpectAbsent(kItems, key);
      auto row = tx.Get(kItems, key);
      if (!row.ok()) return row.status();
      *found = row->has_value() ? (*row)->data : "none";
      if (!row->has_value()) tx.Put(kItems, key, data);
      return absl::OkStatus();
    };
  };
  std::string found;
  ASSERT_OK(store_->WriteAndWait(put_where_absent("new", "one", &found)));
  EXPECT_EQ(found, "none");
  ASSERT_OK(store_->WriteAndWait(put_where_absent("new", "two", &found)));
  EXPECT_EQ(found, "one");
  ASSERT_OK(store_->WriteAndWait(put_where_absent("old", "two", &found)));
  EXPECT_EQ(found, "old");
  EXPECT_EQ(Get("old")->data, "old");
  // The commit of others does not fail with it.
  for (int i = 0; i < kCommits; ++i) ASSERT_OK(Put("a", absl::StrCat(i)));
  {
    constexpr int kOthers = 20;
    absl::BlockingCounter pending(kOthers + 1);
    std::atomic<int> failed = 0;
    const auto done = [&](absl::StatusOr<Committed> result) {
      if (!result.ok()) ++failed;
      pending.DecrementCount();
    };
    for (int i = 0; i < kOthers; ++i) {
      if (i == kOthers / 2) store_->Write(put_where_absent("older", "two", &found), done);
      store_->Write([](Transaction& tx) { return Increment(tx, "count"); }, done);
    }
    pending.Wait();
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(found, "older");
    EXPECT_EQ(Get("count")->data, absl::StrCat(kOthers));
  }
  // One that only reads it, and one that deletes what it expected to be absent.
  for (int i = 0; i < kCommits; ++i) ASSERT_OK(Put("a", absl::StrCat(i)));
  for (const bool deletes : {false, true}) {
    ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) -> absl::Status {
      tx.ExpectAbsent(kItems, "oldest");
      auto row = tx.Get(kItems, "oldest");
      if (!row.ok()) return row.status();
      tx.Put(kItems, "copy", row->has_value() ? (*row)->data : "none");
      if (deletes) tx.Delete(kItems, "oldest");
      return absl::OkStatus();
    }));
    EXPECT_EQ(Get("copy")->data, "oldest");
  }
  EXPECT_EQ(Get("oldest"), std::nullopt);
}

TEST_P(StoreContractTest, RevisionsAreDenseAndInCommitOrder) {
  constexpr int kThreads = 6, kRounds = 30;
  std::vector<std::thread> threads;
  absl::Mutex mutex;
  std::vector<std::pair<int64_t, std::string>> answers;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < kRounds; ++round) {
        const std::string record = absl::StrCat(i, "-", round);
        absl::StatusOr<Committed> result = store_->WriteAndWait([&](Transaction& tx) {
          tx.Put(kItems, record, "");
          for (int n = 0; n <= round % 3; ++n) {
            tx.Log({.resource = record, .record = absl::StrCat(n), .after = record});
          }
          return absl::OkStatus();
        });
        ASSERT_OK(result);
        EXPECT_GE(store_->revision(), result->revision);
        absl::MutexLock lock(&mutex);
        answers.emplace_back(result->revision, record);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<int64_t, std::string> by_revision(answers.begin(), answers.end());
  const std::vector<Change> changes = ReadChanges(*store_);
  ASSERT_EQ(changes.size(), kThreads * kRounds / 3 * (1 + 2 + 3));
  for (size_t i = 0; i < changes.size(); ++i) {
    EXPECT_EQ(changes[i].revision, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(by_revision[changes[i].transaction_end_revision], changes[i].resource);
    if (i > 0) {
      EXPECT_GE(changes[i].commit_time, changes[i - 1].commit_time);
    }
  }
  EXPECT_EQ(store_->revision(), static_cast<int64_t>(changes.size()));
}

TEST_P(StoreContractTest, PutAtCommitKnowsTheRevision) {
  for (int round = 0; round < 3; ++round) {
    const absl::StatusOr<Committed> result = store_->WriteAndWait([](Transaction& tx) {
      tx.PutAtCommit(kItems, "a", [](int64_t revision) { return absl::StrCat(revision); });
      tx.Log({.resource = "a"});
      tx.Log({.resource = "b"});
      return absl::OkStatus();
    });
    ASSERT_OK(result);
    EXPECT_EQ(result->revision, 2 * (round + 1));
    EXPECT_EQ(Get("a")->data, absl::StrCat(result->revision));
  }
}

TEST_P(StoreContractTest, ReadsSeeOneState) {
  ASSERT_OK(Put("a", "0"));
  ASSERT_OK(Put("b", "0"));
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 1; !stop; ++i) {
      ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
        tx.Put(kItems, "a", absl::StrCat(i));
        tx.Put(kItems, "b", absl::StrCat(i));
        return absl::OkStatus();
      }));
    }
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_OK(store_->Read([&](Reader& reader) -> absl::Status {
      const auto a = reader.Get(kItems, "a");
      const auto missing = reader.Get(kItems, "missing");
      const auto b = reader.Get(kItems, "b");
      if (!a.ok() || !b.ok()) return a.status();
      EXPECT_EQ((*a)->data, (*b)->data);
      EXPECT_FALSE(missing->has_value());
      return absl::OkStatus();
    }));
  }
  stop = true;
  writer.join();
}

TEST_P(StoreContractTest, AReadSeesWhatWasAcknowledged) {
  for (int i = 0; i < 50; ++i) {
    const absl::StatusOr<Committed> result = store_->WriteAndWait([&](Transaction& tx) {
      tx.Put(kItems, "a", absl::StrCat(i));
      tx.Log({.resource = "a"});
      return absl::OkStatus();
    });
    ASSERT_OK(result);
    EXPECT_OK(store_->Read([&](Reader& reader) {
      EXPECT_GE(reader.revision(), result->revision);
      EXPECT_EQ(reader.Get(kItems, "a")->value().data, absl::StrCat(i));
      return absl::OkStatus();
    }));
  }
}

TEST_P(StoreContractTest, AVisitorMayReadTheSameTable) {
  ASSERT_OK(Put("a", "b"));
  ASSERT_OK(Put("b", "a"));
  std::vector<std::string> seen;
  EXPECT_OK(store_->Read([&](Reader& reader) {
    return reader.Scan({.table = kItems}, [&](Row& row) {
      const auto other = reader.Get(kItems, row.data);
      int64_t rows = 0;
      EXPECT_OK(reader.Scan({.table = kItems}, [&](Row&) { return ++rows < 2; }));
      seen.push_back(absl::StrCat(row.key, other->value().key, rows));
      return true;
    });
  }));
  EXPECT_THAT(seen, ElementsAre("ab2", "ba2"));
}

TEST_P(StoreContractTest, ChangesAreScannedByRangeResourceAndDirection) {
  for (int i = 1; i <= 300; ++i) {
    ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
      tx.Log({.resource = i % 3 == 0 ? "fizz" : "other",
              .record = absl::StrCat("r", i),
              .before = absl::StrCat("b", i),
              .after = absl::StrCat("a", i)});
      return absl::OkStatus();
    }));
  }
  EXPECT_THAT(Revisions(*store_, {.begin_revision = 5, .end_revision = 9}),
              ElementsAre(5, 6, 7, 8));
  EXPECT_THAT(Revisions(*store_, {.begin_revision = 5, .end_revision = 9, .descending = true}),
              ElementsAre(8, 7, 6, 5));
  EXPECT_THAT(Revisions(*store_, {.begin_revision = 2, .resource = "fizz", .limit = 3}),
              ElementsAre(3, 6, 9));
  EXPECT_THAT(Revisions(*store_, {.resource = "fizz", .descending = true, .limit = 2}),
              ElementsAre(300, 297));
  EXPECT_THAT(Revisions(*store_, {.resource = "none"}), IsEmpty());
  EXPECT_EQ(Revisions(*store_, {}).size(), 300);
  const Change change = ReadChanges(*store_, {.begin_revision = 6, .limit = 1})[0];
  EXPECT_EQ(change.resource, "fizz");
  EXPECT_EQ(change.record, "r6");
  EXPECT_EQ(change.before, "b6");
  EXPECT_EQ(change.after, "a6");
  EXPECT_FALSE(change.images_expired);
}

TEST_P(StoreContractTest, AwaitRevisionCallsBackOnceReached) {
  absl::Notification reached;
  store_->AwaitRevision(1, absl::InfiniteFuture(), [&](absl::Status status) {
    EXPECT_OK(status);
    EXPECT_GE(store_->revision(), 1);
    reached.Notify();
  });
  EXPECT_FALSE(reached.HasBeenNotified());
  ASSERT_OK(store_->WriteAndWait([](Transaction& tx) {
    tx.Log({.resource = "a"});
    return absl::OkStatus();
  }));
  reached.WaitForNotification();

  absl::Status at_once = absl::UnknownError("not called");
  store_->AwaitRevision(1, absl::InfinitePast(), [&](absl::Status status) { at_once = status; });
  EXPECT_OK(at_once);
}

TEST_P(StoreContractTest, AwaitRevisionEndsAtTheDeadline) {
  absl::Notification over;
  store_->AwaitRevision(100, absl::Now() + absl::Milliseconds(20), [&](absl::Status status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
    over.Notify();
  });
  over.WaitForNotification();
}

TEST_P(StoreContractTest, ClosingEndsTheWaiting) {
  absl::Status ended;
  store_->AwaitRevision(100, absl::InfiniteFuture(), [&](absl::Status status) { ended = status; });
  store_ = nullptr;
  EXPECT_EQ(ended.code(), absl::StatusCode::kUnavailable);
}

TEST_P(StoreContractTest, ClosingCommitsWhatWaits) {
  std::atomic<int> committed = 0;
  for (int i = 0; i < 100; ++i) {
    store_->Write([](Transaction& tx) { return Increment(tx, "n"); },
                  [&](absl::StatusOr<Committed> result) { committed += result.ok() ? 1 : 0; });
  }
  store_ = nullptr;
  EXPECT_EQ(committed, 100);
  store_ = database_->OpenOrDie({PlainTable("items")});
  EXPECT_EQ(Get("n")->data, "100");
}

TEST_P(StoreContractTest, ACallbackMayWriteWhileTheStoreIsClosed) {
  // Every answer writes again, until one says that the store is closed.
  absl::Status last;
  std::function<void()> write = [&] {
    store_->Write([](Transaction& tx) { return Increment(tx, "n"); },
                  [&](absl::StatusOr<Committed> result) {
                    if (result.ok()) {
                      write();
                    } else {
                      last = result.status();
                    }
                  });
  };
  write();
  Store* const closed = store_.get();
  while (GetRow(*closed, kItems, "n") == std::nullopt) {
  }
  // Keeps `store_` for the callbacks while it is destroyed.
  delete closed;
  store_.release();
  EXPECT_EQ(last.code(), absl::StatusCode::kUnavailable);
}

TEST_P(StoreContractTest, EverythingIsThereAfterReopening) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
      tx.Put(kItems, absl::StrCat("k", i), absl::StrCat("v", i));
      tx.Log({.resource = absl::StrCat("k", i)});
      return absl::OkStatus();
    }));
  }
  const int64_t version = Get("k19")->version;
  store_ = nullptr;
  store_ = database_->OpenOrDie({PlainTable("items")});
  EXPECT_EQ(store_->revision(), 20);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Get(absl::StrCat("k", i))->data, absl::StrCat("v", i));
  ASSERT_OK(Put("k19", "again"));
  EXPECT_GT(Get("k19")->version, version);
}

TEST_P(StoreContractTest, TooManyWaitingAreRefused) {
  store_ = nullptr;
  store_ = database_->OpenOrDie({PlainTable("items")}, {.max_waiting = 4});
  absl::Notification started, go;
  absl::BlockingCounter left(4);
  auto count = [&](absl::StatusOr<Committed> result) {
    EXPECT_OK(result);
    left.DecrementCount();
  };
  store_->Write(
      [&](Transaction&) {
        if (!started.HasBeenNotified()) started.Notify();
        go.WaitForNotification();
        return absl::OkStatus();
      },
      count);
  started.WaitForNotification();
  for (int i = 0; i < 3; ++i) {
    store_->Write(
        [&](Transaction& tx) {
          go.WaitForNotification();
          return Increment(tx, "n");
        },
        count);
  }
  const absl::Status refused = Put("a", "1");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(api::ReasonOf(refused), "STORE_OVERLOADED");
  go.Notify();
  left.Wait();
  EXPECT_OK(Put("a", "1"));
}

TEST_P(StoreContractTest, ACallbackMayWriteAgain) {
  absl::Notification second;
  store_->Write([](Transaction& tx) { return Increment(tx, "n"); },
                [&](absl::StatusOr<Committed>) {
                  store_->Write([](Transaction& tx) { return Increment(tx, "n"); },
                                [&](absl::StatusOr<Committed>) { second.Notify(); });
                });
  second.WaitForNotification();
  EXPECT_EQ(Get("n")->data, "2");
}

TEST_P(StoreContractTest, HealthyWhereItCanWrite) { EXPECT_OK(store_->Healthy()); }

TEST_P(StoreContractTest, ExpiryDropsImagesThenEntries) {
  store_ = nullptr;
  absl::Time now = absl::FromUnixSeconds(1000);
  store_ = database_->OpenOrDie({PlainTable("items")}, {.clock = [&] { return now; }});
  for (int i = 0; i < 1200; ++i) {
    now = absl::FromUnixSeconds(1000 + i);
    ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
      tx.Log({.resource = "r", .record = "who", .before = "b", .after = "a"});
      return absl::OkStatus();
    }));
  }
  EXPECT_EQ(store_->retained()->oldest, 1);
  EXPECT_EQ(store_->retained()->oldest_with_images, 1);

  // Entries up to revision 600 go, images up to 1100.
  const absl::StatusOr<int64_t> expired =
      store_->Expire(absl::FromUnixSeconds(1600), absl::FromUnixSeconds(2100));
  ASSERT_OK(expired);
  EXPECT_EQ(*expired, 600 + 500);
  EXPECT_EQ(store_->retained()->oldest, 601);
  EXPECT_EQ(store_->retained()->oldest_with_images, 1101);
  const std::vector<Change> changes = ReadChanges(*store_);
  ASSERT_EQ(changes.size(), 600);
  EXPECT_EQ(changes[0].revision, 601);
  EXPECT_TRUE(changes[0].images_expired);
  EXPECT_EQ(changes[0].record, "who");
  EXPECT_EQ(changes[0].before, "");
  EXPECT_TRUE(changes[499].images_expired);
  EXPECT_FALSE(changes[500].images_expired);
  EXPECT_EQ(changes[500].after, "a");
  EXPECT_EQ(*store_->Expire(absl::FromUnixSeconds(1600), absl::FromUnixSeconds(2100)), 0);

  // Everything goes; revisions go on.
  EXPECT_EQ(*store_->Expire(absl::FromUnixSeconds(9000), absl::FromUnixSeconds(9000)), 600);
  EXPECT_EQ(store_->retained()->oldest, 1201);
  EXPECT_THAT(ReadChanges(*store_), IsEmpty());
  const absl::StatusOr<Committed> next = store_->WriteAndWait([&](Transaction& tx) {
    tx.Log({.resource = "r"});
    return absl::OkStatus();
  });
  EXPECT_EQ(next->revision, 1201);
}

TEST_P(StoreContractTest, CommitTimesNeverRunBackwards) {
  store_ = nullptr;
  absl::Time now = absl::FromUnixSeconds(5000);
  store_ = database_->OpenOrDie({PlainTable("items")}, {.clock = [&] { return now; }});
  for (int seconds : {5000, 4000, 6000}) {
    now = absl::FromUnixSeconds(seconds);
    ASSERT_OK(store_->WriteAndWait([&](Transaction& tx) {
      tx.Log({.resource = "r"});
      return absl::OkStatus();
    }));
  }
  std::vector<int64_t> times;
  for (const Change& change : ReadChanges(*store_)) {
    times.push_back(absl::ToUnixSeconds(change.commit_time));
  }
  EXPECT_THAT(times, ElementsAre(5000, 5000, 6000));
}

TEST_P(StoreContractTest, NamesThatAreNoIdentifiersAreRefused) {
  store_ = nullptr;
  for (const char* name : {"", "Items", "items; drop", "1items", "store_meta", "sqlite_x"}) {
    EXPECT_EQ(api::ReasonOf(database_->Open({PlainTable(name)}).status()), "INVALID_TABLE") << name;
  }
  EXPECT_EQ(api::ReasonOf(database_->Open({PlainTable("a"), PlainTable("a")}).status()),
            "INVALID_TABLE");
}

}  // namespace
}  // namespace caravan::store
