#include "services/common/store/unsynced_vfs.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/store/sqlite_store.h"
#include "services/common/store/store_test_util.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::store {
namespace {

class UnsyncedVfsTest : public ::testing::Test {
 protected:
  // Runs something in a process that is killed in the end.
  void RunAndKill(std::function<void()> run) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      RegisterUnsyncedVfs();
      run();
      raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }

  // Runs SQL on a connection that is never closed.
  void RunSqlAndKill(const char* vfs, std::string sql) {
    RunAndKill([&] {
      sqlite3* db = nullptr;
      if (sqlite3_open_v2(path_.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs) !=
              SQLITE_OK ||
          sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
        _exit(1);
      }
    });
  }

  int CountRows() {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    int rows = -1;
    sqlite3_exec(
        db, "SELECT count(*) FROM t",
        [](void* out, int, char** values, char**) {
          *static_cast<int*>(out) = atoi(values[0]);
          return 0;
        },
        &rows, nullptr);
    sqlite3_close(db);
    return rows;
  }

  const caravan::testing::TemporaryFolder folder_;
  const std::string path_ = folder_.Path("store.db");
};

constexpr char kSetUp[] =
    "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x);";
constexpr char kTwoCommits[] = "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2);";

TEST_F(UnsyncedVfsTest, WhatWasNotSyncedIsForgotten) {
  RunSqlAndKill(nullptr, kSetUp);
  RunSqlAndKill(kUnsyncedVfs, absl::StrCat("PRAGMA synchronous = OFF;", kTwoCommits));
  EXPECT_EQ(CountRows(), 0);
  // The killing alone loses nothing.
  RunSqlAndKill(nullptr, absl::StrCat("PRAGMA synchronous = OFF;", kTwoCommits));
  EXPECT_EQ(CountRows(), 2);
}

TEST_F(UnsyncedVfsTest, WhatWasSyncedStays) {
  RunSqlAndKill(kUnsyncedVfs, absl::StrCat("PRAGMA synchronous = FULL;", kSetUp, kTwoCommits));
  EXPECT_EQ(CountRows(), 2);
  RunSqlAndKill(kUnsyncedVfs, absl::StrCat("PRAGMA synchronous = FULL;", kTwoCommits,
                                           "PRAGMA wal_checkpoint(TRUNCATE);", kTwoCommits));
  EXPECT_EQ(CountRows(), 6);
}

TEST_F(UnsyncedVfsTest, AStoreKeepsWhatItAcknowledged) {
  // More than its log may hold, so that it is also started over.
  RunAndKill([&] {
    SqliteOptions options;
    options.path = path_;
    options.vfs = kUnsyncedVfs;
    options.checkpoint_interval = absl::Milliseconds(1);
    options.max_wal_bytes = 100000;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options, {PlainTable("items")});
    if (!store.ok()) _exit(1);
    for (int i = 0; i < 300; ++i) {
      if (!(*store)
               ->WriteAndWait([&](Transaction& tx) {
                 tx.Put(0, absl::StrCat("k", i), std::string(1000, 'x'));
                 tx.Log({.resource = "r"});
                 return absl::OkStatus();
               })
               .ok()) {
        _exit(2);
      }
    }
    raise(SIGKILL);
  });
  SqliteOptions options;
  options.path = path_;
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(options, {PlainTable("items")});
  ASSERT_OK(store);
  EXPECT_EQ((*store)->revision(), 300);
  EXPECT_EQ(store::CountRows(**store, {}), 300);
}

}  // namespace
}  // namespace caravan::store
