// What is particular to the SQLite engine: its file, its log, its errors.
#include "services/common/store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/catalog.h"
#include "services/common/store/open_store.h"
#include "services/common/store/sql.h"
#include "services/common/store/sqlite_connection.h"
#include "services/common/store/store_test_util.h"
#include "services/common/store/unsynced_vfs.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::store {
namespace {

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() {
    options_.path = folder_.Path("store.db");
    options_.log = [this](std::string_view line) { absl::StrAppend(&logged_, std::string(line)); };
  }

  static absl::Status Put(Store& store, std::string key, size_t size = 10) {
    return store
        .WriteAndWait([&](Transaction& tx) {
          tx.Put(0, key, std::string(size, 'x'));
          return absl::OkStatus();
        })
        .status();
  }

  const caravan::testing::TemporaryFolder folder_;
  SqliteOptions options_;
  std::string logged_;
};

TEST_F(SqliteStoreTest, OneProcessAtATime) {
  auto store = OpenSqliteStore(options_, {PlainTable("items")});
  ASSERT_OK(store);
  const absl::Status second = OpenSqliteStore(options_, {PlainTable("items")}).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(second), "STORE_IN_USE");
  EXPECT_FALSE(absl::StrContains(second.message(), folder_.path()));
  EXPECT_TRUE(absl::StrContains(logged_, folder_.path()));
  store->reset();
  EXPECT_OK(OpenSqliteStore(options_, {PlainTable("items")}));
}

TEST_F(SqliteStoreTest, AFileThatCannotBeOpenedIsUnavailable) {
  options_.path = folder_.Path("missing/store.db");
  const absl::Status status = OpenSqliteStore(options_, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(absl::StrContains(status.message(), folder_.path()));
}

TEST_F(SqliteStoreTest, AnAddressNamesTheStore) {
  EXPECT_OK(OpenStore(absl::StrCat("sqlite:", options_.path), {}, {PlainTable("items")}));
  for (const char* url : {"", "sqlite:", "mysql:x", "/tmp/store.db"}) {
    EXPECT_EQ(api::ReasonOf(OpenStore(url, {}, {}).status()), "INVALID_STORE") << url;
  }
}

TEST_F(SqliteStoreTest, AFullDiskIsSaidAndGoesBy) {
  RegisterUnsyncedVfs();
  options_.vfs = kUnsyncedVfs;
  auto store = OpenSqliteStore(options_, {PlainTable("items")});
  ASSERT_OK(store);
  ASSERT_OK(Put(**store, "before"));
  FailUnsyncedWrites(SQLITE_FULL);
  const absl::Status full = Put(**store, "during");
  FailUnsyncedWrites(SQLITE_OK);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(api::ReasonOf(full), "STORE_FULL");
  EXPECT_OK(Put(**store, "after"));
  EXPECT_EQ(ScanKeys(**store, {}), (std::vector<std::string>{"after", "before"}));
}

TEST_F(SqliteStoreTest, ACommitThatCouldNotBeSyncedIsUnknown) {
  RegisterUnsyncedVfs();
  options_.vfs = kUnsyncedVfs;
  auto store = OpenSqliteStore(options_, {PlainTable("items")});
  ASSERT_OK(store);
  FailUnsyncedSyncs(SQLITE_IOERR_FSYNC);
  const absl::Status unknown = Put(**store, "during");
  FailUnsyncedSyncs(SQLITE_OK);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(api::ReasonOf(unknown), "COMMIT_UNKNOWN");
  EXPECT_OK(Put(**store, "after"));
}

TEST_F(SqliteStoreTest, CommitsGoOnWhileAReaderHoldsTheLogUp) {
  options_.checkpoint_interval = absl::Milliseconds(1);
  options_.max_wal_bytes = 100000;
  auto store = OpenSqliteStore(options_, {PlainTable("items")});
  ASSERT_OK(store);
  ASSERT_OK(Put(**store, "first"));
  ASSERT_OK((*store)->Read([&](Reader& reader) {
    EXPECT_OK(reader.Get(0, "first"));
    for (int i = 0; i < 50; ++i) EXPECT_OK(Put(**store, absl::StrCat("k", i), 10000));
    EXPECT_FALSE(reader.Get(0, "k49")->has_value());
    return absl::OkStatus();
  }));
  EXPECT_EQ(CountRows(**store, {}), 51);
}

TEST_F(SqliteStoreTest, TheLogIsCutBack) {
  options_.checkpoint_interval = absl::Milliseconds(1);
  options_.max_wal_bytes = 100000;
  auto store = OpenSqliteStore(options_, {PlainTable("items")});
  ASSERT_OK(store);
  const std::string log = absl::StrCat(options_.path, "-wal");
  for (int i = 0; i < 50; ++i) ASSERT_OK(Put(**store, absl::StrCat("k", i), 10000));
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (std::filesystem::file_size(log) > 100000 && absl::Now() < end) {
    ASSERT_OK(Put(**store, "more", 10000));
  }
  EXPECT_LE(std::filesystem::file_size(log), 100000);
}

// Scans must go along an index, in its order: else they take as long as the
// table is large.
TEST_F(SqliteStoreTest, ScansGoAlongAnIndex) {
  Table table{"things", {{"number"}, {"colour", Column::Type::kText}}};
  table.extract = [](std::string_view) { return std::vector<Value>{kUnset, ""}; };
  ASSERT_OK(OpenSqliteStore(options_, {table}));
  auto catalog = Catalog::Create(Catalog::Dialect::kSqlite, {table});
  ASSERT_OK(catalog);
  auto connection = SqliteConnection::Open({.path = options_.path, .log = [](std::string_view) {}},
                                           catalog->get());
  ASSERT_OK(connection);

  auto plan = [&](const ScanSpec& spec) {
    const sql::ScanStatement statement =
        sql::MakeScan(Catalog::Dialect::kSqlite, (*catalog)->table(0), spec, spec.after, 50, 0);
    std::string text;
    EXPECT_OK((*connection)
                  ->Query(absl::StrCat("EXPLAIN QUERY PLAN ", statement.sql), statement.params,
                          [&](const ResultRow& row) {
                            absl::StrAppend(&text, std::string(row.Bytes(3)), ";");
                            return true;
                          }));
    return text;
  };
  for (bool descending : {false, true}) {
    for (int column : {0, 1}) {
      const std::string name = absl::StrCat("things__", table.columns[column].name);
      const Value value = column == 0 ? Value(int64_t{5}) : Value("red");
      // By an order, from the beginning and from a position; by a value.
      for (const ScanSpec& spec :
           {ScanSpec{.order = {{column, descending}}},
            ScanSpec{.order = {{column, descending}}, .after = {{{value}, "key"}}},
            ScanSpec{.terms = {{column, Term::Op::kEqual, {value}}}, .key_descending = descending},
            ScanSpec{.terms = {{column, Term::Op::kEqual, {value}}},
            .key_descending = descending,
            .after = {{{}, "key"}}},
            ScanSpec{.terms = {{column, Term::Op::kGreater, {value}}},
            .order = {{column, descending}}}}) {
        const std::string text = plan(spec);
        EXPECT_TRUE(absl::StrContains(text, name)) << text;
        EXPECT_FALSE(absl::StrContains(text, "TEMP B-TREE")) << text;
      }
    }
    const std::string by_key =
        plan({.begin_key = "a", .end_key = "b", .key_descending = descending});
    EXPECT_TRUE(absl::StrContains(by_key, "SEARCH things USING PRIMARY KEY")) << by_key;
    EXPECT_FALSE(absl::StrContains(by_key, "TEMP B-TREE")) << by_key;
  }
}

}  // namespace
}  // namespace caravan::store
