// What is particular to SQLite as a store of parcels: its file, its log, its errors;
// and that nothing is lost which it has acknowledged.
#include "services/logistics/parcel_store_sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/unsynced_vfs.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::logistics {
namespace {

class SqliteParcelStoreTest : public ::testing::Test {
 protected:
  SqliteParcelStoreTest() {
    options_.log = [this](std::string_view line) { absl::StrAppend(&logged_, std::string(line)); };
  }
  ~SqliteParcelStoreTest() override {
    store::FailUnsyncedWrites(SQLITE_OK);
    store::FailUnsyncedSyncs(SQLITE_OK);
  }

  std::unique_ptr<ParcelStore> Open() {
    auto store = OpenSqliteParcelStoreWith(path_, options_);
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }

  static absl::Status Put(ParcelStore& store, std::string key, size_t size = 10) {
    return store.Write({0}, [&](ParcelTransaction& tx) {
      tx.Put(ParcelTable::kParcels, {0, key}, std::string(size, 'x'));
      tx.Append(0, key, "");
      return absl::OkStatus();
    });
  }

  static bool Has(ParcelStore& store, std::string key) {
    auto records = store.Get(ParcelTable::kParcels, {{0, std::move(key)}});
    EXPECT_EQ(records.status(), absl::OkStatus());
    return records.ok() && records->at(0).has_value();
  }

  const caravan::testing::TemporaryFolder folder_;
  const std::string path_ = folder_.Path("parcels.db");
  SqliteParcelOptions options_;
  std::string logged_;
};

TEST_F(SqliteParcelStoreTest, AFileThatCannotBeOpenedIsUnavailable) {
  const absl::Status status =
      OpenSqliteParcelStoreWith(folder_.Path("missing/parcels.db"), options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(absl::StrContains(status.message(), folder_.path()));
  EXPECT_TRUE(absl::StrContains(logged_, folder_.path()));
}

TEST_F(SqliteParcelStoreTest, OneProcessAtATime) {
  auto store = Open();
  const absl::Status second = OpenSqliteParcelStoreWith(path_, options_).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(second), "STORE_IN_USE");
  EXPECT_FALSE(absl::StrContains(second.message(), folder_.path()));
  EXPECT_TRUE(absl::StrContains(logged_, "is locked by another process"));
  EXPECT_EQ(Put(*store, "a"), absl::OkStatus());
  store.reset();
  EXPECT_TRUE(Has(*Open(), "a"));
}

TEST_F(SqliteParcelStoreTest, AFileOfSomethingElseIsRefused) {
  folder_.Write("parcels.db", std::string(10000, 'x'));
  EXPECT_EQ(OpenSqliteParcelStoreWith(path_, options_).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(SqliteParcelStoreTest, AnotherFormatIsRefused) {
  Open().reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "UPDATE meta SET format = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const absl::Status status = OpenSqliteParcelStoreWith(path_, options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(api::ReasonOf(status), "UNKNOWN_FORMAT");
}

TEST_F(SqliteParcelStoreTest, AFullDiskIsSaidAndGoesBy) {
  store::RegisterUnsyncedVfs();
  options_.vfs = store::kUnsyncedVfs;
  auto store = Open();
  ASSERT_EQ(Put(*store, "before"), absl::OkStatus());
  store::FailUnsyncedWrites(SQLITE_FULL);
  const absl::Status full = Put(*store, "during");
  store::FailUnsyncedWrites(SQLITE_OK);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(api::ReasonOf(full), "STORE_FULL");
  EXPECT_EQ(Put(*store, "after"), absl::OkStatus());
  EXPECT_TRUE(Has(*store, "before"));
  EXPECT_FALSE(Has(*store, "during"));
  EXPECT_TRUE(Has(*store, "after"));
  EXPECT_EQ(store->ReadStates()->at(0).sequence, 2);
}

TEST_F(SqliteParcelStoreTest, ACommitThatCouldNotBeSyncedIsUnknown) {
  store::RegisterUnsyncedVfs();
  options_.vfs = store::kUnsyncedVfs;
  auto store = Open();
  store::FailUnsyncedSyncs(SQLITE_IOERR_FSYNC);
  const absl::Status unknown = Put(*store, "during");
  store::FailUnsyncedSyncs(SQLITE_OK);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(api::ReasonOf(unknown), "COMMIT_UNKNOWN");
  EXPECT_EQ(Put(*store, "after"), absl::OkStatus());
}

TEST_F(SqliteParcelStoreTest, ADiskThatCannotBeWrittenToIsNotHealthy) {
  store::RegisterUnsyncedVfs();
  options_.vfs = store::kUnsyncedVfs;
  absl::Time now = absl::Now();
  options_.clock = [&] { return now; };
  auto store = Open();
  EXPECT_EQ(store->Healthy(), absl::OkStatus());
  store::FailUnsyncedWrites(SQLITE_IOERR_WRITE);
  // What was committed a moment ago shows it well.
  EXPECT_EQ(store->Healthy(), absl::OkStatus());
  now += absl::Seconds(2);
  EXPECT_EQ(store->Healthy().code(), absl::StatusCode::kUnavailable);
  store::FailUnsyncedWrites(SQLITE_OK);
  EXPECT_EQ(store->Healthy(), absl::OkStatus());
}

TEST_F(SqliteParcelStoreTest, TheLogIsCutBack) {
  options_.checkpoint_interval = absl::Milliseconds(1);
  options_.max_wal_bytes = 100000;
  auto store = Open();
  const std::string log = absl::StrCat(path_, "-wal");
  for (int i = 0; i < 50; ++i)
    ASSERT_EQ(Put(*store, absl::StrCat("k", i), 10000), absl::OkStatus());
  const absl::Time end = absl::Now() + absl::Seconds(30);
  while (std::filesystem::file_size(log) > 100000 && absl::Now() < end) {
    ASSERT_EQ(Put(*store, "more", 10000), absl::OkStatus());
  }
  EXPECT_LE(std::filesystem::file_size(log), 100000);
}

// In a process that is killed, and that loses what it had not synced.
TEST_F(SqliteParcelStoreTest, WhatWasAcknowledgedOutlivesACrash) {
  constexpr int kWrites = 200;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    store::RegisterUnsyncedVfs();
    options_.vfs = store::kUnsyncedVfs;
    // So that the log is also started over.
    options_.checkpoint_interval = absl::Milliseconds(1);
    options_.max_wal_bytes = 100000;
    auto store = OpenSqliteParcelStoreWith(path_, options_);
    if (!store.ok()) _exit(1);
    for (int i = 0; i < kWrites; ++i) {
      if (!Put(**store, absl::StrCat("k", i), 1000).ok()) _exit(2);
    }
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  auto store = Open();
  EXPECT_EQ(store->ReadStates()->at(0).sequence, kWrites);
  for (int i = 0; i < kWrites; ++i) EXPECT_TRUE(Has(*store, absl::StrCat("k", i))) << i;
}

}  // namespace
}  // namespace caravan::logistics
