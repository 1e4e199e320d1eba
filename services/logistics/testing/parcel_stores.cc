#include "services/logistics/testing/parcel_stores.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"

#include "services/common/testing/temporary_folder.h"
#include "services/logistics/parcel_store_postgres.h"

namespace caravan::logistics {
namespace {

[[noreturn]] void Die(std::string_view why) {
  fprintf(stderr, "%.*s\n", static_cast<int>(why.size()), why.data());
  exit(1);
}

class SqliteDatabase : public TestParcelDatabase {
 public:
  absl::StatusOr<std::unique_ptr<ParcelStore>> Open(ParcelStoreOptions options) override {
    return OpenSqliteParcelStore(folder_.Path("parcels.db"), options);
  }

 private:
  const caravan::testing::TemporaryFolder folder_;
};

class PostgresDatabase : public TestParcelDatabase {
 public:
  explicit PostgresDatabase(std::string connection) : connection_(std::move(connection)) {
    std::random_device random;
    schema_ = absl::StrCat("test_", random(), "_", random());
  }
  ~PostgresDatabase() override {
    PGconn* connection = PQconnectdb(connection_.c_str());
    PQsetNoticeProcessor(
        connection, [](void*, const char*) {}, nullptr);
    PQclear(PQexec(connection, absl::StrCat("DROP SCHEMA ", schema_, " CASCADE").c_str()));
    PQfinish(connection);
  }

  absl::StatusOr<std::unique_ptr<ParcelStore>> Open(ParcelStoreOptions options) override {
    PostgresParcelOptions all;
    static_cast<ParcelStoreOptions&>(all) = std::move(options);
    all.schema = schema_;
    return OpenPostgresParcelStoreWith(connection_, std::move(all));
  }
  std::string schema() const override { return schema_; }

 private:
  const std::string connection_;
  std::string schema_;
};

}  // namespace

std::unique_ptr<ParcelStore> TestParcelDatabase::OpenOrDie(ParcelStoreOptions options) {
  absl::StatusOr<std::unique_ptr<ParcelStore>> store = Open(std::move(options));
  if (!store.ok()) Die(store.status().ToString());
  return *std::move(store);
}

std::unique_ptr<TestParcelDatabase> TestParcelStore::Create() const {
  if (engine == Engine::kSqlite) return std::make_unique<SqliteDatabase>();
  const char* connection = getenv("CARAVAN_TEST_POSTGRES");
  if (connection == nullptr) {
    Die("CARAVAN_TEST_POSTGRES must name a PostgreSQL to test with (tests/run starts one), or "
        "CARAVAN_TEST_NO_POSTGRES be set to leave these tests out");
  }
  return std::make_unique<PostgresDatabase>(connection);
}

std::vector<TestParcelStore> TestParcelStores() {
  std::vector<TestParcelStore> stores = {{TestParcelStore::Engine::kSqlite}};
  if (getenv("CARAVAN_TEST_NO_POSTGRES") == nullptr) {
    stores.push_back({TestParcelStore::Engine::kPostgres});
  }
  return stores;
}

std::string TestParcelStoreName(const ::testing::TestParamInfo<TestParcelStore>& info) {
  return info.param.engine == TestParcelStore::Engine::kSqlite ? "Sqlite" : "Postgres";
}

}  // namespace caravan::logistics
