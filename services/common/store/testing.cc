#include "services/common/store/testing.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/store/open_store.h"
#include "services/common/testing/temporary_folder.h"

namespace caravan::store {
namespace {

[[noreturn]] void Die(std::string_view why) {
  fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
  exit(1);
}

class SqliteDatabase : public TestDatabase {
 public:
  std::string url() const override { return absl::StrCat("sqlite:", folder_.Path("store.db")); }
  bool shared() const override { return false; }

 private:
  const caravan::testing::TemporaryFolder folder_;
};

class PostgresDatabase : public TestDatabase {
 public:
  explicit PostgresDatabase(std::string conninfo) : conninfo_(std::move(conninfo)) {
    std::random_device random;
    schema_ = absl::StrCat("test_", random(), "_", random());
  }
  ~PostgresDatabase() override {
    PGconn* connection = PQconnectdb(conninfo_.c_str());
    PQsetNoticeProcessor(
        connection, [](void*, const char*) {}, nullptr);
    PQclear(PQexec(connection, absl::StrCat("DROP SCHEMA ", schema_, " CASCADE").c_str()));
    PQfinish(connection);
  }

  std::string url() const override {
    return absl::StrCat("postgresql:schema=", schema_, " ", conninfo_);
  }
  bool shared() const override { return true; }

 private:
  const std::string conninfo_;
  std::string schema_;
};

// A store together with the database that goes with it.
class TemporaryStore : public Store {
 public:
  TemporaryStore(std::unique_ptr<TestDatabase> database, std::unique_ptr<Store> store)
      : database_(std::move(database)), store_(std::move(store)) {}

  void Write(WriteBody body, WriteDone done) override {
    store_->Write(std::move(body), std::move(done));
  }
  absl::Status Read(ReadBody body) override { return store_->Read(body); }
  bool reads_inline() const override { return store_->reads_inline(); }
  int64_t revision() const override { return store_->revision(); }
  void AwaitRevision(int64_t revision, absl::Time deadline,
                     absl::AnyInvocable<void(absl::Status)> done) override {
    store_->AwaitRevision(revision, deadline, std::move(done));
  }
  absl::StatusOr<Retained> retained() override { return store_->retained(); }
  absl::StatusOr<int64_t> Expire(absl::Time entries, absl::Time images) override {
    return store_->Expire(entries, images);
  }
  bool IndexReady(TableId table, int column) const override {
    return store_->IndexReady(table, column);
  }
  absl::Status Healthy() override { return store_->Healthy(); }

 private:
  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<Store> store_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> TestDatabase::Open(std::vector<Table> tables,
                                                          StoreOptions options) {
  if (options.replica.empty()) options.replica = "test";
  return OpenStore(url(), std::move(options), std::move(tables));
}

std::unique_ptr<Store> TestDatabase::OpenOrDie(std::vector<Table> tables, StoreOptions options) {
  absl::StatusOr<std::unique_ptr<Store>> store = Open(std::move(tables), std::move(options));
  if (!store.ok()) Die(store.status().ToString());
  return *std::move(store);
}

std::unique_ptr<TestDatabase> TestStore::Create() const {
  if (engine == Engine::kSqlite) return std::make_unique<SqliteDatabase>();
  const char* conninfo = getenv("CARAVAN_TEST_POSTGRES");
  if (conninfo == nullptr) {
    Die("CARAVAN_TEST_POSTGRES must name a PostgreSQL to test with (tests/run starts one), or "
        "CARAVAN_TEST_NO_POSTGRES be set to leave these tests out");
  }
  return std::make_unique<PostgresDatabase>(conninfo);
}

std::vector<TestStore> TestStores() {
  std::vector<TestStore> stores = {{TestStore::Engine::kSqlite}};
  if (getenv("CARAVAN_TEST_NO_POSTGRES") == nullptr) {
    stores.push_back({TestStore::Engine::kPostgres});
  }
  return stores;
}

std::vector<TestStore> SharedTestStores() {
  std::vector<TestStore> stores = TestStores();
  std::erase_if(stores, [](TestStore store) { return store.engine == TestStore::Engine::kSqlite; });
  return stores;
}

std::string TestStoreName(const ::testing::TestParamInfo<TestStore>& info) {
  return info.param.engine == TestStore::Engine::kSqlite ? "Sqlite" : "Postgres";
}

std::unique_ptr<Store> OpenTemporaryStore(std::vector<Table> tables, StoreOptions options) {
  auto database = std::make_unique<SqliteDatabase>();
  std::unique_ptr<Store> store = database->OpenOrDie(std::move(tables), std::move(options));
  return std::make_unique<TemporaryStore>(std::move(database), std::move(store));
}

}  // namespace caravan::store
