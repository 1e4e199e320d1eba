// How the tables of a store change while it has rows, and while replicas that
// know others have it open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/store/store.h"
#include "services/common/store/store_test_util.h"
#include "services/common/store/testing.h"

namespace caravan::store {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// A row's data is `number colour`; a table knows one or both.
std::vector<Value> Columns(const Table& table, std::string_view data) {
  const std::vector<std::string> parts = absl::StrSplit(data, ' ');
  std::vector<Value> values;
  for (const Column& column : table.columns) {
    values.push_back(column.name == "number" ? Value(int64_t{std::stoll(parts[0])})
                                             : Value(parts[1]));
  }
  return values;
}

Table MakeTable(std::vector<Column> columns) {
  Table table{"things", std::move(columns)};
  table.extract = [table](std::string_view data) -> absl::StatusOr<std::vector<Value>> {
    if (!absl::StrContains(data, ' ')) return absl::DataLossError("broken");
    return Columns(table, data);
  };
  return table;
}

const Column kNumber{"number", Column::Type::kInteger};
const Column kColour{"colour", Column::Type::kText};

Table Old() { return MakeTable({kNumber}); }
Table New() { return MakeTable({kNumber, kColour}); }
constexpr int kColourColumn = 1;

class StoreMigrationTest : public testing::TestWithParam<TestStore> {
 protected:
  StoreMigrationTest() : database_(GetParam().Create()) {}

  static void Put(Store& store, const Table& table, const std::string& key,
                  const std::string& data) {
    ASSERT_OK(store.WriteAndWait([&](Transaction& tx) {
      tx.Put(0, key, data, Columns(table, data));
      return absl::OkStatus();
    }));
  }

  static void PutMany(Store& store, const Table& table, int count, std::string_view prefix) {
    ASSERT_OK(store.WriteAndWait([&](Transaction& tx) {
      for (int i = 0; i < count; ++i) {
        const std::string data = absl::StrCat(i, i % 2 == 0 ? " red" : " blue");
        tx.Put(0, absl::StrCat(prefix, i), data, Columns(table, data));
      }
      return absl::OkStatus();
    }));
  }

  // Whether the index gets ready; every look waits for a commit.
  static bool GetsReady(Store& store, int column, bool ready = true) {
    const absl::Time end = absl::Now() + absl::Seconds(30);
    while (store.IndexReady(0, column) != ready && absl::Now() < end) EXPECT_OK(store.Healthy());
    return store.IndexReady(0, column) == ready;
  }

  static std::vector<std::string> Find(Store& store, std::string colour) {
    return ScanKeys(store, {.terms = {{kColourColumn, Term::Op::kEqual, {std::move(colour)}}}});
  }

  std::unique_ptr<TestDatabase> database_;
};

INSTANTIATE_TEST_SUITE_P(Engines, StoreMigrationTest, testing::ValuesIn(TestStores()),
                         TestStoreName);

TEST_P(StoreMigrationTest, ANewTableIsReadyAtOnce) {
  auto store = database_->OpenOrDie({New()});
  EXPECT_TRUE(store->IndexReady(0, 0));
  EXPECT_TRUE(store->IndexReady(0, 1));
  EXPECT_FALSE(store->IndexReady(0, 2));
  EXPECT_FALSE(store->IndexReady(1, 0));
}

TEST_P(StoreMigrationTest, AnAddedColumnIsFilled) {
  auto store = database_->OpenOrDie({Old()});
  PutMany(*store, Old(), 1000, "k");
  Put(*store, Old(), "odd-one", "5 green");
  const int64_t version = GetRow(*store, 0, "k7")->version;
  store = nullptr;

  store = database_->OpenOrDie({New()});
  EXPECT_TRUE(store->IndexReady(0, 0));
  Put(*store, New(), "k0", "0 green");
  ASSERT_TRUE(GetsReady(*store, kColourColumn));
  EXPECT_THAT(Find(*store, "blue"), SizeIs(500));
  EXPECT_THAT(Find(*store, "red"), SizeIs(499));
  EXPECT_THAT(Find(*store, "green"), ElementsAre("k0", "odd-one"));
  // Filling is no change of the row.
  EXPECT_EQ(GetRow(*store, 0, "k7")->version, version);

  store = nullptr;
  store = database_->OpenOrDie({New()});
  EXPECT_TRUE(store->IndexReady(0, kColourColumn));
}

TEST_P(StoreMigrationTest, ARowThatCannotBeReadHoldsUpNoOther) {
  auto store = database_->OpenOrDie({PlainTable("things")});
  ASSERT_OK(store->WriteAndWait([](Transaction& tx) {
    tx.Put(0, "broken", "broken");
    tx.Put(0, "fine", "1 red");
    return absl::OkStatus();
  }));
  store = nullptr;
  store = database_->OpenOrDie({New()});
  ASSERT_TRUE(GetsReady(*store, 0));
  ASSERT_TRUE(GetsReady(*store, kColourColumn));
  EXPECT_THAT(Find(*store, "red"), ElementsAre("fine"));
  EXPECT_THAT(Find(*store, ""), ElementsAre("broken"));
}

TEST_P(StoreMigrationTest, AColumnThatIsNotReadyIsNotScanned) {
  auto store = database_->OpenOrDie({Old()});
  PutMany(*store, Old(), 3000, "k");
  store = nullptr;
  store = database_->OpenOrDie({New()});
  // Either it is refused or it is right, at any time of the filling.
  bool ready = false;
  while (!ready) {
    std::vector<std::string> keys;
    const absl::Status status = store->Read([&](Reader& reader) {
      return reader.Scan({.terms = {{kColourColumn, Term::Op::kEqual, {"red"}}}}, [&](Row& row) {
        keys.push_back(row.key);
        return true;
      });
    });
    ready = status.ok();
    if (ready) {
      EXPECT_THAT(keys, SizeIs(1500));
    } else {
      EXPECT_EQ(api::ReasonOf(status), "INDEX_NOT_READY");
      EXPECT_OK(store->Healthy());
    }
  }
}

TEST_P(StoreMigrationTest, ARemovedColumnMayComeBack) {
  auto store = database_->OpenOrDie({New()});
  PutMany(*store, New(), 10, "k");
  store = nullptr;
  store = database_->OpenOrDie({Old()});
  Put(*store, Old(), "k0", "0 green");
  Put(*store, Old(), "new", "3 green");
  EXPECT_THAT(ScanKeys(*store, {.terms = {{0, Term::Op::kEqual, {int64_t{3}}}}}),
              ElementsAre("k3", "new"));
  store = nullptr;
  store = database_->OpenOrDie({New()});
  ASSERT_TRUE(GetsReady(*store, kColourColumn));
  EXPECT_THAT(Find(*store, "green"), ElementsAre("k0", "new"));
  EXPECT_THAT(Find(*store, "red"), ElementsAre("k2", "k4", "k6", "k8"));
}

TEST_P(StoreMigrationTest, TheOrderOfColumnsDoesNotMatter) {
  auto store = database_->OpenOrDie({New()});
  Put(*store, New(), "a", "1 red");
  store = nullptr;
  const Table turned = MakeTable({kColour, kNumber});
  store = database_->OpenOrDie({turned});
  ASSERT_TRUE(GetsReady(*store, 0));
  ASSERT_TRUE(GetsReady(*store, 1));
  Put(*store, turned, "b", "2 red");
  EXPECT_THAT(ScanKeys(*store, {.terms = {{0, Term::Op::kEqual, {"red"}}},
                                .order = {{.column = 1, .descending = true}}}),
              ElementsAre("b", "a"));
}

TEST_P(StoreMigrationTest, AColumnKeepsItsType) {
  auto store = database_->OpenOrDie({MakeTable({{"number", Column::Type::kInteger}})});
  store = nullptr;
  EXPECT_EQ(api::ReasonOf(database_->Open({MakeTable({{"number", Column::Type::kText}})}).status()),
            "COLUMN_TYPE_CHANGED");
}

TEST_P(StoreMigrationTest, TablesAreAdded) {
  auto store = database_->OpenOrDie({Old()});
  PutMany(*store, Old(), 3, "k");
  store = nullptr;
  store = database_->OpenOrDie({PlainTable("others"), Old()});
  EXPECT_EQ(CountRows(*store, {.table = 0}), 0);
  EXPECT_EQ(CountRows(*store, {.table = 1}), 3);
}

class ReplicaMigrationTest : public StoreMigrationTest {};
INSTANTIATE_TEST_SUITE_P(Engines, ReplicaMigrationTest, testing::ValuesIn(SharedTestStores()),
                         TestStoreName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ReplicaMigrationTest);

TEST_P(ReplicaMigrationTest, AnIndexWaitsForOlderReplicas) {
  auto old_store = database_->OpenOrDie({Old()});
  PutMany(*old_store, Old(), 500, "k");
  auto new_store = database_->OpenOrDie({New()});
  EXPECT_FALSE(new_store->IndexReady(0, kColourColumn));
  Put(*new_store, New(), "k1", "1 green");
  // The older one overwrites a row of the newer, and does not know its colour.
  Put(*old_store, Old(), "k1", "1 yellow");
  Put(*old_store, Old(), "late", "2 yellow");
  EXPECT_OK(new_store->Healthy());
  EXPECT_FALSE(new_store->IndexReady(0, kColourColumn));
  old_store = nullptr;
  ASSERT_TRUE(GetsReady(*new_store, kColourColumn));
  EXPECT_THAT(Find(*new_store, "yellow"), ElementsAre("k1", "late"));
  EXPECT_THAT(Find(*new_store, "green"), SizeIs(0));
  EXPECT_THAT(Find(*new_store, "red"), SizeIs(250));
}

TEST_P(ReplicaMigrationTest, AnOlderReplicaThatComesBackMakesItWaitAgain) {
  auto new_store = database_->OpenOrDie({New()});
  PutMany(*new_store, New(), 10, "k");
  EXPECT_TRUE(new_store->IndexReady(0, kColourColumn));
  auto old_store = database_->OpenOrDie({Old()});
  Put(*old_store, Old(), "k0", "0 yellow");
  // What the newer one answers from now on is right, or that it can't.
  const absl::Status status = new_store->Read([&](Reader& reader) {
    return reader.Scan({.terms = {{kColourColumn, Term::Op::kEqual, {"red"}}}},
                       [&](Row&) { return true; });
  });
  EXPECT_EQ(api::ReasonOf(status), "INDEX_NOT_READY");
  ASSERT_TRUE(GetsReady(*new_store, kColourColumn, false));
  // What both know is of use all the time.
  EXPECT_TRUE(new_store->IndexReady(0, 0));
  EXPECT_THAT(ScanKeys(*new_store, {.terms = {{0, Term::Op::kEqual, {int64_t{0}}}}}),
              ElementsAre("k0"));
  old_store = nullptr;
  ASSERT_TRUE(GetsReady(*new_store, kColourColumn));
  EXPECT_THAT(Find(*new_store, "yellow"), ElementsAre("k0"));
}

TEST_P(ReplicaMigrationTest, OneThatWasTakenForDeadIsHeardAgain) {
  std::atomic<int64_t> seconds = 0;
  auto clock = [&] { return absl::FromUnixSeconds(1000) + absl::Seconds(seconds.load()); };
  // Its clock stands still, so its lease is not renewed.
  auto old_store = database_->OpenOrDie(
      {Old()}, {.replica = "old", .clock = [] { return absl::FromUnixSeconds(1000); }});
  PutMany(*old_store, Old(), 10, "k");
  auto new_store = database_->OpenOrDie({New()}, {.replica = "new", .clock = clock});
  EXPECT_FALSE(new_store->IndexReady(0, kColourColumn));
  seconds = 3600;
  ASSERT_TRUE(GetsReady(*new_store, kColourColumn));
  // It was only slow: from here on, it counts as alive again.
  seconds = 0;
  Put(*old_store, Old(), "k0", "0 yellow");
  EXPECT_EQ(api::ReasonOf(new_store->Read([&](Reader& reader) {
              return reader.Scan({.order = {{.column = kColourColumn}}}, [](Row&) { return true; });
            })),
            "INDEX_NOT_READY");
  ASSERT_TRUE(GetsReady(*new_store, kColourColumn, false));
  old_store = nullptr;
  ASSERT_TRUE(GetsReady(*new_store, kColourColumn));
  EXPECT_THAT(Find(*new_store, "yellow"), ElementsAre("k0"));
}

TEST_P(ReplicaMigrationTest, ManyOpenAtTheSameTime) {
  std::vector<std::unique_ptr<Store>> stores(6);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < stores.size(); ++i) {
    threads.emplace_back(
        [&, i] { stores[i] = database_->OpenOrDie({i % 2 == 0 ? Old() : New()}); });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < stores.size(); ++i) {
    PutMany(*stores[i], i % 2 == 0 ? Old() : New(), 10, absl::StrCat("k", i, "-"));
  }
  for (size_t i = 0; i < stores.size(); i += 2) stores[i] = nullptr;
  for (size_t i = 1; i < stores.size(); i += 2) {
    ASSERT_TRUE(GetsReady(*stores[i], kColourColumn));
    EXPECT_THAT(Find(*stores[i], "red"), SizeIs(30));
  }
}

}  // namespace
}  // namespace caravan::store
