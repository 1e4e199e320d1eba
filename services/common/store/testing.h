// Stores for tests, of both engines:
//
//   class ZonesTest : public testing::TestWithParam<store::TestStore> {};
//   TEST_P(ZonesTest, ...) {
//     std::unique_ptr<store::TestDatabase> database = GetParam().Create();
//     std::unique_ptr<store::Store> store = database->OpenOrDie(tables);
//   INSTANTIATE_TEST_SUITE_P(Engines, ZonesTest, testing::ValuesIn(store::TestStores()),
//                            store::TestStoreName);
//
// PostgreSQL is taken from CARAVAN_TEST_POSTGRES, a libpq connection string;
// each database is a schema of its own there. Where the variable is missing,
// these tests fail, unless CARAVAN_TEST_NO_POSTGRES is set, which leaves them out.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "services/common/store/store.h"

namespace caravan::store {

// An empty database, deleted with this object.
class TestDatabase {
 public:
  virtual ~TestDatabase() = default;

  // Opens it. What `options` leaves out has its default; the replica is named
  // "test" where it has no name. Close the store before the database goes.
  absl::StatusOr<std::unique_ptr<Store>> Open(std::vector<Table> tables, StoreOptions options = {});

  // The same, and ends the program where it fails.
  std::unique_ptr<Store> OpenOrDie(std::vector<Table> tables, StoreOptions options = {});

  // The setting with which OpenStore opens it.
  virtual std::string url() const = 0;

  // Several stores may have it open at the same time.
  virtual bool shared() const = 0;
};

struct TestStore {
  enum class Engine { kSqlite, kPostgres };
  Engine engine = Engine::kSqlite;

  // Ends the program, with the reason, where there is no PostgreSQL.
  std::unique_ptr<TestDatabase> Create() const;
};

// The engines to test with.
std::vector<TestStore> TestStores();

// Those of them that several stores may have open.
std::vector<TestStore> SharedTestStores();

// "Sqlite" or "Postgres".
std::string TestStoreName(const ::testing::TestParamInfo<TestStore>& info);

// For tests that are not about the store: an SQLite store in a temporary folder
// that is deleted with it.
std::unique_ptr<Store> OpenTemporaryStore(std::vector<Table> tables, StoreOptions options = {});

}  // namespace caravan::store
