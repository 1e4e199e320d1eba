// What both engines of the store of parcels promise.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "services/common/api/errors.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/testing/parcel_stores.h"

namespace caravan::logistics {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr ParcelTable kAllTables[] = {ParcelTable::kParcels, ParcelTable::kNumbers,
                                      ParcelTable::kCursors};

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

class ParcelStoreContractTest : public ::testing::TestWithParam<TestParcelStore> {
 protected:
  ParcelStoreContractTest() : database_(GetParam().Create()) { Reopen(); }

  void Reopen(int buckets = 4) {
    store_.reset();
    ParcelStoreOptions options;
    options.buckets = buckets;
    options.clock = [this] { return now_; };
    store_ = database_->OpenOrDie(std::move(options));
  }

  void Write(std::vector<int> buckets, std::function<void(ParcelTransaction&)> body) {
    ASSERT_EQ(store_->Write(buckets,
                            [&](ParcelTransaction& tx) {
                              body(tx);
                              return absl::OkStatus();
                            }),
              absl::OkStatus());
  }

  std::optional<std::string> Get(ParcelTable table, int bucket, std::string key) {
    auto records = store_->Get(table, {{bucket, std::move(key)}});
    EXPECT_EQ(records.status(), absl::OkStatus());
    return records.ok() ? (*records)[0] : std::nullopt;
  }

  std::vector<std::string> ScanKeys(int bucket, std::string_view after, int64_t limit) {
    std::vector<std::string> keys;
    EXPECT_EQ(store_->Scan(ParcelTable::kParcels, bucket, after, limit,
                           [&](std::string_view key, std::string_view) {
                             keys.emplace_back(key);
                             return true;
                           }),
              absl::OkStatus());
    return keys;
  }

  std::vector<ParcelTimer> DueTimers(absl::Time now, int64_t limit) {
    auto timers = store_->DueTimers(now, limit);
    EXPECT_EQ(timers.status(), absl::OkStatus());
    return timers.ok() ? *timers : std::vector<ParcelTimer>();
  }

  // "sequence:record", and what is oldest.
  std::vector<std::string> Journal(int bucket, int64_t after = 0, int64_t limit = 100) {
    auto page = store_->ReadJournal(bucket, after, limit);
    EXPECT_EQ(page.status(), absl::OkStatus());
    std::vector<std::string> lines;
    if (!page.ok()) return lines;
    for (const SequencedRecord& row : page->rows) {
      lines.push_back(absl::StrCat(row.sequence, ":", row.record));
    }
    lines.push_back(absl::StrCat("oldest ", page->oldest));
    return lines;
  }

  // "value day record", the changes as "+sequence:record", and the state.
  std::vector<std::string> Scorecards(int bucket, const ScorecardRange& range,
                                      std::vector<int64_t> seen = {0, 0, 0, 0}) {
    return Scorecards(bucket, std::vector<ScorecardRange>{range}, std::move(seen));
  }
  std::vector<std::string> Scorecards(int bucket, const std::vector<ScorecardRange>& ranges,
                                      std::vector<int64_t> seen = {0, 0, 0, 0}) {
    auto all = store_->ReadScorecards(ranges, seen);
    EXPECT_EQ(all.status(), absl::OkStatus());
    std::vector<std::string> lines;
    if (!all.ok()) return lines;
    EXPECT_EQ(all->size(), static_cast<size_t>(store_->buckets()));
    const auto& its = (*all)[bucket];
    for (const ScorecardRow& row : its.rows) {
      if (ranges.size() == 1) {
        EXPECT_EQ(row.dimension, ranges[0].dimension);
      }
      lines.push_back(absl::StrCat(row.value, " ", row.day, " ", row.record));
    }
    for (const SequencedRecord& row : its.changes) {
      lines.push_back(absl::StrCat("+", row.sequence, ":", row.record));
    }
    lines.push_back(absl::StrCat("at ", its.state.sequence, " folded ", its.state.folded));
    return lines;
  }

  std::vector<BucketState> States() {
    auto states = store_->ReadStates();
    EXPECT_EQ(states.status(), absl::OkStatus());
    return states.ok() ? *states : std::vector<BucketState>();
  }

  absl::Time now_ = absl::FromCivil(absl::CivilDay(2026, 3, 10), absl::UTCTimeZone());
  std::unique_ptr<TestParcelDatabase> database_;
  std::unique_ptr<ParcelStore> store_;
};

INSTANTIATE_TEST_SUITE_P(Engines, ParcelStoreContractTest, ::testing::ValuesIn(TestParcelStores()),
                         TestParcelStoreName);

TEST_P(ParcelStoreContractTest, BucketsAreByHash) {
  // The first 16 digits of `printf %s KEY | sha256sum`.
  const auto hash = [](std::string_view digits) {
    uint64_t number = 0;
    for (char c : digits) number = number * 16 + (c <= '9' ? c - '0' : c - 'a' + 10);
    return static_cast<int>(number % 4);
  };
  EXPECT_EQ(store_->BucketOf("a"), hash("ca978112ca1bbdca"));
  EXPECT_EQ(store_->BucketOf("b"), hash("3e23e8160039594a"));
  EXPECT_EQ(store_->BucketOf("abc"), hash("ba7816bf8f01cfea"));
  EXPECT_EQ(store_->BucketOf(""), hash("e3b0c44298fc1c14"));
}

TEST_P(ParcelStoreContractTest, RecordsArePutReplacedAndDeleted) {
  for (ParcelTable table : kAllTables) {
    EXPECT_EQ(Get(table, 1, "a"), std::nullopt);
    Write({1}, [&](ParcelTransaction& tx) { tx.Put(table, {1, "a"}, "one"); });
    EXPECT_EQ(Get(table, 1, "a"), "one");
    EXPECT_EQ(Get(table, 2, "a"), std::nullopt);
    Write({1}, [&](ParcelTransaction& tx) { tx.Put(table, {1, "a"}, "two, and longer"); });
    EXPECT_EQ(Get(table, 1, "a"), "two, and longer");
    Write({1}, [&](ParcelTransaction& tx) {
      tx.Delete(table, {1, "a"});
      tx.Delete(table, {1, "never there"});
    });
    EXPECT_EQ(Get(table, 1, "a"), std::nullopt);
  }
}

TEST_P(ParcelStoreContractTest, TheLastWriteOfAKeyCounts) {
  Write({0, 3}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "first");
    tx.Put(ParcelTable::kParcels, {0, "a"}, "second");
    tx.Put(ParcelTable::kParcels, {0, "b"}, "gone");
    tx.Delete(ParcelTable::kParcels, {0, "b"});
    tx.Delete(ParcelTable::kParcels, {3, "a"});
    tx.Put(ParcelTable::kParcels, {3, "a"}, "here");
    tx.Put(ParcelTable::kNumbers, {0, "a"}, "of another table");
    tx.AddTimer(0, {At(1), "a"});
    tx.RemoveTimer(0, {At(1), "a"});
    tx.RemoveTimer(0, {At(2), "b"});
    tx.AddTimer(0, {At(2), "b"});
  });
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), "second");
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "b"), std::nullopt);
  EXPECT_EQ(Get(ParcelTable::kParcels, 3, "a"), "here");
  EXPECT_EQ(Get(ParcelTable::kNumbers, 0, "a"), "of another table");
  EXPECT_THAT(DueTimers(At(5), 10), ElementsAre(ParcelTimer{At(2), "b"}));
}

TEST_P(ParcelStoreContractTest, KeysAndRecordsHoldAnyByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string large(300000, '\xff');
  Write({0}, [&](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, all}, all);
    tx.Put(ParcelTable::kParcels, {0, "empty"}, "");
    tx.Put(ParcelTable::kParcels, {0, "large"}, large);
    tx.AddTimer(0, {At(1), all});
    tx.Append(0, large, all);
  });
  Write({0}, [&](ParcelTransaction& tx) {
    tx.Append(0, all, large);
    tx.Fold(
        0,
        {{1, all, -5, all}, {1, "", 7, ""}, {std::numeric_limits<int32_t>::max(), "x", 1, large}});
  });
  Write({0}, [&](ParcelTransaction& tx) { tx.Append(0, "", all); });
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, all), all);
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "empty"), "");
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "large"), large);
  EXPECT_THAT(DueTimers(At(1), 10), ElementsAre(ParcelTimer{At(1), all}));
  EXPECT_THAT(Journal(0), ElementsAre("1:" + large, "2:" + all, "oldest 1"));
  EXPECT_THAT(Scorecards(0, {1, "", all, -10, 10}),
              ElementsAre(" 7 ", all + " -5 " + all, "+3:" + all, "at 3 folded 2"));
  EXPECT_THAT(Scorecards(0, {std::numeric_limits<int32_t>::max(), "x", "x", 1, 2}),
              ElementsAre("x 1 " + large, "+3:" + all, "at 3 folded 2"));
}

TEST_P(ParcelStoreContractTest, GetKeepsTheOrderOfKeys) {
  Write({0, 1, 2}, [](ParcelTransaction& tx) {
    for (int bucket : {0, 1, 2}) {
      for (const char* key : {"x", "y", "z"}) {
        tx.Put(ParcelTable::kNumbers, {bucket, key}, absl::StrCat(bucket, key));
      }
    }
  });
  const std::vector<BucketKey> keys = {{2, "z"}, {0, "x"}, {1, "missing"}, {2, "x"},
                                       {0, "x"}, {3, "x"}, {1, "y"}};
  const std::vector<std::optional<std::string>> expected = {"2z", "0x",         std::nullopt, "2x",
                                                            "0x", std::nullopt, "1y"};
  auto records = store_->Get(ParcelTable::kNumbers, keys);
  ASSERT_EQ(records.status(), absl::OkStatus());
  EXPECT_EQ(*records, expected);
  Write({0, 1, 2, 3}, [&](ParcelTransaction& tx) {
    auto within = tx.Get(ParcelTable::kNumbers, keys);
    ASSERT_EQ(within.status(), absl::OkStatus());
    EXPECT_EQ(*within, expected);
  });
  EXPECT_THAT(*store_->Get(ParcelTable::kNumbers, {}), IsEmpty());
}

TEST_P(ParcelStoreContractTest, ATransactionReadsWhatIsCommitted) {
  Write({0}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "old");
    tx.Append(0, "j", "c");
  });
  Write({0}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "new");
    tx.Append(0, "j", "c");
    EXPECT_EQ(tx.Get(ParcelTable::kParcels, {{0, "a"}})->at(0), "old");
    EXPECT_THAT(*tx.GetChanges(0), SizeIs(1));
    EXPECT_EQ(tx.state(0), (BucketState{1, 0}));
  });
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), "new");
}

TEST_P(ParcelStoreContractTest, ATransactionIsWhollyThereOrNotAtAll) {
  const absl::Status status = store_->Write({0, 1}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "x");
    tx.AddTimer(1, {At(1), "a"});
    tx.Append(0, "j", "c");
    tx.Append(1, "j", "c");
    tx.Fold(1, {{1, "v", 1, "r"}});
    return absl::AbortedError("the body's own");
  });
  EXPECT_EQ(status, absl::AbortedError("the body's own"));
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), std::nullopt);
  EXPECT_THAT(DueTimers(At(5), 10), IsEmpty());
  EXPECT_THAT(Journal(0), ElementsAre("oldest 1"));
  EXPECT_THAT(Scorecards(1, {1, "v", "v", 0, 9}), ElementsAre("at 0 folded 0"));
  // And the buckets are free again.
  Write({0, 1}, [](ParcelTransaction& tx) { tx.Append(0, "j", ""); });
  EXPECT_THAT(States(),
              ElementsAre(BucketState{1, 0}, BucketState{}, BucketState{}, BucketState{}));
}

TEST_P(ParcelStoreContractTest, WhatIsSentAheadIsOverwritten) {
  Write({0, 2}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "old"}, "old");
    tx.AddTimer(0, {At(1), "old"});
  });
  Write({0, 2}, [](ParcelTransaction& tx) {
    tx.SendAhead();
    tx.Put(ParcelTable::kParcels, {0, "kept"}, "kept");
    tx.Put(ParcelTable::kParcels, {0, "again"}, "first");
    tx.Put(ParcelTable::kParcels, {2, "gone"}, "x");
    tx.Delete(ParcelTable::kParcels, {0, "old"});
    tx.Put(ParcelTable::kNumbers, {2, "number"}, "of another table");
    tx.AddTimer(0, {At(2), "kept"});
    tx.AddTimer(0, {At(3), "gone"});
    tx.RemoveTimer(0, {At(1), "old"});
    tx.SendAhead();
    tx.Append(0, "j", "c");
    // Reading goes on, of one bucket and of more.
    EXPECT_THAT(*tx.Get(ParcelTable::kCursors, {{2, "none"}, {0, "none"}}),
                ElementsAre(std::nullopt, std::nullopt));
    EXPECT_THAT(*tx.GetChanges(0), IsEmpty());
    tx.Put(ParcelTable::kParcels, {0, "again"}, "second");
    tx.Delete(ParcelTable::kParcels, {2, "gone"});
    tx.RemoveTimer(0, {At(3), "gone"});
    tx.SendAhead();
    EXPECT_THAT(*tx.Get(ParcelTable::kCursors, {}), IsEmpty());
    tx.Put(ParcelTable::kParcels, {0, "old"}, "new");
    tx.SendAhead();
  });
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "kept"), "kept");
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "again"), "second");
  EXPECT_EQ(Get(ParcelTable::kParcels, 2, "gone"), std::nullopt);
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "old"), "new");
  EXPECT_EQ(Get(ParcelTable::kNumbers, 2, "number"), "of another table");
  EXPECT_THAT(DueTimers(At(5), 10), ElementsAre(ParcelTimer{At(2), "kept"}));
  EXPECT_THAT(Journal(0), ElementsAre("1:j", "oldest 1"));
}

TEST_P(ParcelStoreContractTest, NothingNeedFollowWhatIsSentAhead) {
  Write({0}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "x");
    tx.SendAhead();
    EXPECT_THAT(*tx.Get(ParcelTable::kNumbers, {{0, "a"}}), ElementsAre(std::nullopt));
  });
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), "x");
}

TEST_P(ParcelStoreContractTest, WhatIsSentAheadIsThereOnlyBehindTheCommit) {
  const absl::Status status = store_->Write({0, 1}, [&](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "x");
    tx.AddTimer(1, {At(1), "a"});
    tx.SendAhead();
    EXPECT_EQ(tx.Get(ParcelTable::kNumbers, {{0, "a"}})->at(0), std::nullopt);
    EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), std::nullopt);
    tx.Put(ParcelTable::kParcels, {1, "b"}, "x");
    tx.SendAhead();
    return absl::AbortedError("the body's own");
  });
  EXPECT_EQ(status, absl::AbortedError("the body's own"));
  // Nor where the contract is broken behind it.
  const absl::Status misuse = store_->Write({0}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "x");
    tx.SendAhead();
    tx.Put(ParcelTable::kParcels, {2, "b"}, "x");
    tx.SendAhead();
    return absl::OkStatus();
  });
  EXPECT_EQ(api::ReasonOf(misuse), "STORE_MISUSE") << misuse;
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), std::nullopt);
  EXPECT_EQ(Get(ParcelTable::kParcels, 1, "b"), std::nullopt);
  EXPECT_THAT(DueTimers(At(5), 10), IsEmpty());
  // And the buckets are free again.
  Write({0, 1}, [](ParcelTransaction& tx) { tx.Append(0, "j", ""); });
  EXPECT_THAT(States(),
              ElementsAre(BucketState{1, 0}, BucketState{}, BucketState{}, BucketState{}));
}

TEST_P(ParcelStoreContractTest, WhatBreaksTheContractWritesNothing) {
  const std::vector<std::function<void(ParcelTransaction&)>> misuses = {
      [](ParcelTransaction& tx) {
        tx.Put(ParcelTable::kParcels, {2, "b"}, "x");
      },
      [](ParcelTransaction& tx) {
        tx.Delete(ParcelTable::kParcels, {2, "b"});
      },
      [](ParcelTransaction& tx) {
        tx.AddTimer(-1, {At(1), "b"});
      },
      [](ParcelTransaction& tx) {
        tx.RemoveTimer(99, {At(1), "b"});
      },
      [](ParcelTransaction& tx) { tx.Append(2, "j", "c"); },
      [](ParcelTransaction& tx) { tx.Fold(2, {}); },
      [](ParcelTransaction& tx) {
        tx.Append(1, "j", "c");
        tx.Append(1, "j", "c");
      },
      [](ParcelTransaction& tx) {
        tx.Fold(1, {});
        tx.Fold(1, {});
      },
  };
  for (const auto& misuse : misuses) {
    const absl::Status status = store_->Write({1}, [&](ParcelTransaction& tx) {
      tx.Put(ParcelTable::kParcels, {1, "a"}, "x");
      misuse(tx);
      return absl::OkStatus();
    });
    EXPECT_EQ(api::ReasonOf(status), "STORE_MISUSE") << status;
  }
  EXPECT_EQ(Get(ParcelTable::kParcels, 1, "a"), std::nullopt);
  Write({1}, [](ParcelTransaction& tx) {
    EXPECT_EQ(api::ReasonOf(tx.Get(ParcelTable::kParcels, {{2, "a"}}).status()), "STORE_MISUSE");
    EXPECT_EQ(api::ReasonOf(tx.GetChanges(2).status()), "STORE_MISUSE");
    EXPECT_EQ(api::ReasonOf(tx.GetScorecards(2, {}).status()), "STORE_MISUSE");
  });
  const auto nothing = [](ParcelTransaction&) { return absl::OkStatus(); };
  for (const std::vector<int>& buckets : std::vector<std::vector<int>>{{-1}, {4}, {1, 1}, {2, 1}}) {
    EXPECT_EQ(api::ReasonOf(store_->Write(buckets, nothing)), "STORE_MISUSE");
  }
  EXPECT_EQ(store_->Write({}, nothing), absl::OkStatus());
  EXPECT_EQ(api::ReasonOf(store_->Get(ParcelTable::kParcels, {{4, "a"}}).status()), "STORE_MISUSE");
  EXPECT_EQ(api::ReasonOf(store_->ReadJournal(-1, 0, 1).status()), "STORE_MISUSE");
  EXPECT_EQ(api::ReasonOf(store_->ReadScorecards({}, {0, 0}).status()), "STORE_MISUSE");
  const std::vector<ScorecardRange> many(4);
  EXPECT_EQ(api::ReasonOf(store_->ReadScorecards(many, {0, 0, 0, 0}).status()), "STORE_MISUSE");
  const std::vector<ScorecardRange> unlike = {{1, "a", "b", 0, 1}, {1, "a", "c", 0, 1}};
  EXPECT_EQ(api::ReasonOf(store_->ReadScorecards(unlike, {0, 0, 0, 0}).status()), "STORE_MISUSE");
  EXPECT_EQ(api::ReasonOf(store_->Scan(ParcelTable::kParcels, 4, "", 1,
                                       [](std::string_view, std::string_view) { return true; })),
            "STORE_MISUSE");
}

TEST_P(ParcelStoreContractTest, AnAppendTakesTheNextSequenceNumber) {
  for (int i = 1; i <= 3; ++i) {
    Write({1, 2}, [&](ParcelTransaction& tx) {
      EXPECT_EQ(tx.state(1).sequence, i - 1);
      tx.Append(1, absl::StrCat("j", i), absl::StrCat("c", i));
    });
  }
  // Neither need there be; the number is taken all the same.
  Write({1}, [](ParcelTransaction& tx) { tx.Append(1, "", ""); });
  Write({1}, [](ParcelTransaction& tx) { tx.Append(1, "j5", ""); });
  Write({1}, [](ParcelTransaction& tx) { tx.Append(1, "", "c6"); });
  // What appends nothing takes none.
  Write({1}, [](ParcelTransaction& tx) { tx.Put(ParcelTable::kCursors, {1, "s"}, "x"); });
  EXPECT_THAT(States(),
              ElementsAre(BucketState{}, BucketState{6, 0}, BucketState{}, BucketState{}));
  EXPECT_THAT(Journal(1), ElementsAre("1:j1", "2:j2", "3:j3", "5:j5", "oldest 1"));
  Write({1}, [](ParcelTransaction& tx) {
    const auto rows = tx.GetChanges(1);
    ASSERT_EQ(rows.status(), absl::OkStatus());
    std::vector<std::string> changes;
    for (const SequencedRecord& row : *rows) {
      changes.push_back(absl::StrCat(row.sequence, row.record));
    }
    EXPECT_THAT(changes, ElementsAre("1c1", "2c2", "3c3", "6c6"));
  });
}

TEST_P(ParcelStoreContractTest, TheJournalIsReadByPages) {
  for (int i = 1; i <= 5; ++i) {
    Write({0, 3}, [&](ParcelTransaction& tx) {
      tx.Append(3, absl::StrCat("j", i), "");
      tx.Append(0, "other", "");
    });
  }
  EXPECT_THAT(Journal(3, 0, 2), ElementsAre("1:j1", "2:j2", "oldest 1"));
  EXPECT_THAT(Journal(3, 2, 2), ElementsAre("3:j3", "4:j4", "oldest 1"));
  EXPECT_THAT(Journal(3, 4, 2), ElementsAre("5:j5", "oldest 1"));
  EXPECT_THAT(Journal(3, 5, 2), ElementsAre("oldest 1"));
  EXPECT_THAT(Journal(3, 0, 0), ElementsAre("oldest 1"));
  EXPECT_THAT(Journal(3, 0, -1), ElementsAre("oldest 1"));
}

TEST_P(ParcelStoreContractTest, TheJournalExpires) {
  const auto append_on = [&](absl::CivilDay day, std::string record) {
    now_ = absl::FromCivil(day, absl::UTCTimeZone());
    Write({1, 2}, [&](ParcelTransaction& tx) {
      tx.Append(1, record, "c");
      if (record == "february") tx.Append(2, record, "c");
    });
  };
  append_on(absl::CivilDay(2026, 1, 31), "january");
  append_on(absl::CivilDay(2026, 2, 1), "february");
  append_on(absl::CivilDay(2026, 2, 28), "february's end");
  append_on(absl::CivilDay(2026, 3, 1), "march");
  const auto expire = [&](absl::CivilDay day) {
    EXPECT_EQ(store_->ExpireJournal(absl::FromCivil(day, absl::UTCTimeZone())), absl::OkStatus());
  };
  expire(absl::CivilDay(2026, 1, 1));
  EXPECT_THAT(Journal(1), SizeIs(5));
  expire(absl::CivilDay(2026, 2, 1));
  EXPECT_THAT(Journal(1), ElementsAre("2:february", "3:february's end", "4:march", "oldest 2"));
  EXPECT_THAT(Journal(2), ElementsAre("1:february", "oldest 1"));
  expire(absl::CivilDay(2026, 3, 1));
  EXPECT_THAT(Journal(1), ElementsAre("4:march", "oldest 4"));
  EXPECT_THAT(Journal(2), ElementsAre("oldest 2"));
  Reopen();
  EXPECT_THAT(Journal(2), ElementsAre("oldest 2"));
  now_ = absl::FromCivil(absl::CivilDay(2027, 1, 1), absl::UTCTimeZone());
  expire(absl::CivilDay(2027, 1, 1));
  EXPECT_THAT(Journal(1), ElementsAre("oldest 5"));
  // The numbers go on, and what else there is stays.
  append_on(absl::CivilDay(2027, 1, 1), "next year");
  EXPECT_THAT(Journal(1), ElementsAre("5:next year", "oldest 5"));
  EXPECT_THAT(Scorecards(2, ScorecardRange()), ElementsAre("+1:c", "at 1 folded 0"));
  EXPECT_EQ(store_->ExpireJournal(absl::InfinitePast()), absl::OkStatus());
  EXPECT_THAT(Journal(1), ElementsAre("5:next year", "oldest 5"));
}

TEST_P(ParcelStoreContractTest, ExpiringGoesThroughMoreThanOneStepTakes) {
  for (int i = 0; i < 300; ++i) {
    Write({0}, [](ParcelTransaction& tx) { tx.Append(0, "j", ""); });
  }
  now_ += absl::Hours(24 * 40);
  Write({0}, [](ParcelTransaction& tx) { tx.Append(0, "later", ""); });
  EXPECT_EQ(store_->ExpireJournal(now_), absl::OkStatus());
  EXPECT_THAT(Journal(0), ElementsAre("301:later", "oldest 301"));
}

TEST_P(ParcelStoreContractTest, FoldingReplacesChanges) {
  const ScorecardRange range{7, "a", "z", 0, 100};
  Write({2}, [](ParcelTransaction& tx) { tx.Append(2, "", "c1"); });
  Write({1, 2}, [](ParcelTransaction& tx) {
    tx.Append(1, "", "other");
    tx.Append(2, "", "c2");
  });
  EXPECT_THAT(Scorecards(2, range), ElementsAre("+1:c1", "+2:c2", "at 2 folded 0"));
  EXPECT_THAT(Scorecards(2, range, {9, 9, 1, 9}), ElementsAre("+2:c2", "at 2 folded 0"));
  EXPECT_THAT(Scorecards(2, range, {0, 0, 2, 0}), ElementsAre("at 2 folded 0"));
  Write({2}, [](ParcelTransaction& tx) {
    auto before = tx.GetScorecards(2, {{7, "b", 5, ""}, {7, "a", 5, ""}});
    EXPECT_THAT(*before, ElementsAre(std::nullopt, std::nullopt));
    tx.Append(2, "", "c3, folded at once");
    tx.Fold(2, {{7, "b", 5, "b5"}, {7, "a", 6, "a6"}, {7, "a", 5, "a5"}, {8, "a", 5, "other"}});
  });
  EXPECT_THAT(Scorecards(2, range), ElementsAre("a 5 a5", "a 6 a6", "b 5 b5", "at 3 folded 3"));
  EXPECT_THAT(Scorecards(1, range), ElementsAre("+1:other", "at 1 folded 0"));
  Write({2}, [](ParcelTransaction& tx) {
    EXPECT_THAT(*tx.GetChanges(2), IsEmpty());
    tx.Append(2, "", "c4");
  });
  EXPECT_THAT(Scorecards(2, range),
              ElementsAre("a 5 a5", "a 6 a6", "b 5 b5", "+4:c4", "at 4 folded 3"));
  // A fold without an append, which replaces rows.
  Write({2}, [](ParcelTransaction& tx) {
    EXPECT_THAT(*tx.GetChanges(2), SizeIs(1));
    auto before = tx.GetScorecards(2, {{7, "b", 5, ""}, {7, "c", 5, ""}, {7, "a", 6, ""}});
    EXPECT_THAT(*before, ElementsAre("b5", std::nullopt, "a6"));
    tx.Fold(2, {{7, "b", 5, "b5 and more"}});
  });
  EXPECT_THAT(Scorecards(2, range),
              ElementsAre("a 5 a5", "a 6 a6", "b 5 b5 and more", "at 4 folded 4"));
  EXPECT_EQ(States()[2], (BucketState{4, 4}));
}

TEST_P(ParcelStoreContractTest, ScorecardsAreReadByValueAndDay) {
  Write({0}, [](ParcelTransaction& tx) {
    std::vector<ScorecardRow> rows;
    for (int dimension : {1, 2}) {
      for (const char* value : {"a", "ab", "b", "c"}) {
        for (int day : {-1, 0, 1, 2}) {
          rows.push_back({dimension, value, day, absl::StrCat("d", dimension)});
        }
      }
    }
    tx.Fold(0, rows);
  });
  EXPECT_THAT(Scorecards(0, {1, "ab", "b", 0, 2}),
              ElementsAre("ab 0 d1", "ab 1 d1", "b 0 d1", "b 1 d1", "at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {2, "b", "b", -9, 9}),
              ElementsAre("b -1 d2", "b 0 d2", "b 1 d2", "b 2 d2", "at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {2, "", "\xff", 2, 3}),
              ElementsAre("a 2 d2", "ab 2 d2", "b 2 d2", "c 2 d2", "at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {2, "aa", "aa", 0, 9}), ElementsAre("at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {2, "d", "z", 0, 9}), ElementsAre("at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {2, "c", "a", 0, 9}), ElementsAre("at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {2, "a", "c", 2, 0}), ElementsAre("at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, {3, "a", "c", 0, 9}), ElementsAre("at 0 folded 0"));
  EXPECT_THAT(Scorecards(1, {1, "a", "c", 0, 9}), ElementsAre("at 0 folded 0"));
  // Several ranges, each by itself, one of them without a row.
  EXPECT_THAT(Scorecards(0,
                         std::vector<ScorecardRange>{
                             {2, "ab", "b", 2, 9}, {2, "ab", "b", -9, -1}, {1, "ab", "b", 0, 1}}),
              ElementsAre("ab 2 d2", "b 2 d2", "ab 0 d1", "b 0 d1", "at 0 folded 0"));
  EXPECT_THAT(Scorecards(0, std::vector<ScorecardRange>()), ElementsAre("at 0 folded 0"));
}

// Readers add the scorecards and the changes: what is folded meanwhile must not be
// missing from both, nor be in both.
TEST_P(ParcelStoreContractTest, WhatIsReadOfABucketIsOfOneMoment) {
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 1; i <= 100; ++i) {
      Write({1}, [&](ParcelTransaction& tx) { tx.Append(1, "", "1"); });
      if (i % 3 != 0) continue;
      Write({1}, [&](ParcelTransaction& tx) {
        tx.Fold(1, {{1, "v", 1, absl::StrCat(i)}, {2, "v", 0, absl::StrCat(i)}});
      });
    }
    stop = true;
  });
  while (!stop) {
    const std::vector<ScorecardRange> ranges = {{1, "v", "v", 0, 9}, {2, "v", "v", 0, 9}};
    auto all = store_->ReadScorecards(ranges, {0, 0, 0, 0});
    ASSERT_EQ(all.status(), absl::OkStatus());
    const auto& its = (*all)[1];
    const size_t folded = its.rows.empty() ? 0 : std::stoul(its.rows[0].record);
    ASSERT_EQ(folded + its.changes.size(), static_cast<size_t>(its.state.sequence));
    ASSERT_EQ(folded, static_cast<size_t>(its.state.folded));
    ASSERT_THAT(its.rows, SizeIs(folded == 0 ? 0 : 2));
    ASSERT_EQ(its.rows.empty() ? "" : its.rows[1].record,
              its.rows.empty() ? "" : its.rows[0].record);
  }
  writer.join();
}

TEST_P(ParcelStoreContractTest, ScansGoOnBehindAKey) {
  Write({1, 2}, [](ParcelTransaction& tx) {
    for (const char* key : {"b", "a", "c", "ab", "\xff"}) {
      tx.Put(ParcelTable::kParcels, {1, key}, absl::StrCat("of ", key));
    }
    tx.Put(ParcelTable::kParcels, {2, "elsewhere"}, "");
  });
  EXPECT_THAT(ScanKeys(1, "", 10), ElementsAre("a", "ab", "b", "c", "\xff"));
  EXPECT_THAT(ScanKeys(1, "a", 2), ElementsAre("ab", "b"));
  EXPECT_THAT(ScanKeys(1, "aa", 1), ElementsAre("ab"));
  EXPECT_THAT(ScanKeys(1, "\xff", 10), IsEmpty());
  EXPECT_THAT(ScanKeys(1, "", 0), IsEmpty());
  EXPECT_THAT(ScanKeys(0, "", 10), IsEmpty());
  std::vector<std::string> seen;
  EXPECT_EQ(store_->Scan(ParcelTable::kParcels, 1, "", 10,
                         [&](std::string_view key, std::string_view record) {
                           seen.push_back(absl::StrCat(key, " ", record));
                           // A visitor may use the store.
                           EXPECT_EQ(Get(ParcelTable::kParcels, 1, "a"), "of a");
                           Write({1}, [](ParcelTransaction& tx) {
                             tx.Put(ParcelTable::kCursors, {1, "s"}, "x");
                           });
                           return seen.size() < 2;
                         }),
            absl::OkStatus());
  EXPECT_THAT(seen, ElementsAre("a of a", "ab of ab"));
}

TEST_P(ParcelStoreContractTest, LongScansLeaveNothingOut) {
  std::vector<std::string> keys;
  for (int i = 0; i < 2500; ++i) keys.push_back(absl::StrFormat("%06d", i));
  Write({3}, [&](ParcelTransaction& tx) {
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) {
      tx.Put(ParcelTable::kParcels, {3, *key}, "");
    }
  });
  EXPECT_THAT(ScanKeys(3, "", 10000), ElementsAreArray(keys));
  EXPECT_THAT(ScanKeys(3, "", 2500), ElementsAreArray(keys));
  EXPECT_THAT(ScanKeys(3, "", 2001), SizeIs(2001));
}

TEST_P(ParcelStoreContractTest, TimersAreDueInOrder) {
  const absl::Time fine = At(2) + absl::Microseconds(1);
  Write({0, 1, 3}, [&](ParcelTransaction& tx) {
    tx.AddTimer(3, {At(1), "c"});
    tx.AddTimer(0, {At(3), "a"});
    tx.AddTimer(1, {fine, "b"});
    tx.AddTimer(1, {fine, "a"});
    tx.AddTimer(0, {At(2), "b"});
    tx.AddTimer(0, {At(-5), "early"});
    tx.AddTimer(0, {absl::InfiniteFuture(), "never"});
  });
  const ParcelTimer early{At(-5), "early"}, c{At(1), "c"}, b{At(2), "b"}, fine_a{fine, "a"},
      fine_b{fine, "b"}, a{At(3), "a"};
  EXPECT_THAT(DueTimers(At(100), 100), ElementsAre(early, c, b, fine_a, fine_b, a));
  EXPECT_THAT(DueTimers(At(100), 3), ElementsAre(early, c, b));
  EXPECT_THAT(DueTimers(At(2), 100), ElementsAre(early, c, b));
  EXPECT_THAT(DueTimers(fine, 4), ElementsAre(early, c, b, fine_a));
  EXPECT_THAT(DueTimers(At(100), 0), IsEmpty());
  EXPECT_THAT(DueTimers(absl::InfinitePast(), 9), IsEmpty());
  Write({0, 1, 3}, [&](ParcelTransaction& tx) {
    tx.RemoveTimer(0, early);
    tx.RemoveTimer(1, c);  // of another bucket: not there
    tx.RemoveTimer(1, {At(2), "a"});
    tx.AddTimer(1, fine_a);  // is there
  });
  EXPECT_THAT(DueTimers(At(100), 2), ElementsAre(c, b));
}

TEST_P(ParcelStoreContractTest, WritersOfABucketTakeTurns) {
  constexpr int kThreads = 4, kWrites = 25;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kWrites; ++i) {
        // Of overlapping buckets, so that only the order of locks keeps them going.
        const std::vector<int> buckets =
            thread % 2 == 0 ? std::vector<int>{0, 1, 3} : std::vector<int>{1, 2, 3};
        Write(buckets, [&](ParcelTransaction& tx) {
          auto records = tx.Get(ParcelTable::kCursors, {{1, "n"}, {3, "n"}});
          ASSERT_EQ(records.status(), absl::OkStatus());
          for (int at : {0, 1}) {
            const auto& record = (*records)[at];
            tx.Put(ParcelTable::kCursors, {at == 0 ? 1 : 3, "n"},
                   absl::StrCat(record.has_value() ? std::stoi(*record) + 1 : 1));
          }
          for (int bucket : buckets) tx.Append(bucket, "j", "");
        });
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  constexpr int kAll = kThreads * kWrites;
  EXPECT_EQ(Get(ParcelTable::kCursors, 1, "n"), absl::StrCat(kAll));
  EXPECT_EQ(Get(ParcelTable::kCursors, 3, "n"), absl::StrCat(kAll));
  EXPECT_THAT(States(), ElementsAre(BucketState{kAll / 2, 0}, BucketState{kAll, 0},
                                    BucketState{kAll / 2, 0}, BucketState{kAll, 0}));
  EXPECT_THAT(Journal(1, 0, 1000), SizeIs(kAll + 1));
}

TEST_P(ParcelStoreContractTest, ReadersGoOnBesideAWriter) {
  Write({0}, [](ParcelTransaction& tx) { tx.Put(ParcelTable::kParcels, {0, "a"}, "old"); });
  Write({0}, [&](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kParcels, {0, "a"}, "new");
    EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), "old");
  });
  EXPECT_EQ(Get(ParcelTable::kParcels, 0, "a"), "new");
}

TEST_P(ParcelStoreContractTest, ADatabaseKeepsWhatItHasAndItsBuckets) {
  Write({2}, [](ParcelTransaction& tx) {
    tx.Put(ParcelTable::kNumbers, {2, "a"}, "x");
    tx.AddTimer(2, {At(1), "a"});
    tx.Append(2, "j", "c");
  });
  Reopen(7);
  EXPECT_EQ(store_->buckets(), 4);
  EXPECT_EQ(Get(ParcelTable::kNumbers, 2, "a"), "x");
  EXPECT_THAT(DueTimers(At(1), 10), SizeIs(1));
  EXPECT_THAT(Journal(2), ElementsAre("1:j", "oldest 1"));
  EXPECT_THAT(Scorecards(2, ScorecardRange()), ElementsAre("+1:c", "at 1 folded 0"));
}

TEST_P(ParcelStoreContractTest, HowManyBucketsThereMayBe) {
  for (int buckets : {-1, 1025}) {
    ParcelStoreOptions options;
    options.buckets = buckets;
    const absl::Status status = GetParam().Create()->Open(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(api::ReasonOf(status), "INVALID_STORE");
  }
  for (int buckets : {1, 1024}) {
    ParcelStoreOptions options;
    options.buckets = buckets;
    auto database = GetParam().Create();
    auto store = database->OpenOrDie(options);
    EXPECT_EQ(store->buckets(), buckets);
    EXPECT_THAT(*store->ReadStates(), SizeIs(buckets));
    EXPECT_THAT(*store->ReadScorecards({}, std::vector<int64_t>(buckets, 0)), SizeIs(buckets));
  }
  auto database = GetParam().Create();
  EXPECT_EQ(database->OpenOrDie()->buckets(), 1);
}

TEST_P(ParcelStoreContractTest, ItSaysThatItIsHealthy) {
  EXPECT_EQ(store_->Healthy(), absl::OkStatus());
  Write({2}, [](ParcelTransaction& tx) { tx.Append(2, "j", "c"); });
  EXPECT_EQ(store_->Healthy(), absl::OkStatus());
}

}  // namespace
}  // namespace caravan::logistics
