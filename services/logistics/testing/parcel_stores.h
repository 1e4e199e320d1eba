// Stores of parcels for tests, of both engines:
//
//   class KeeperTest : public testing::TestWithParam<TestParcelStore> {};
//   TEST_P(KeeperTest, ...) {
//     std::unique_ptr<TestParcelDatabase> database = GetParam().Create();
//     std::unique_ptr<ParcelStore> store = database->OpenOrDie();
//   INSTANTIATE_TEST_SUITE_P(Engines, KeeperTest, testing::ValuesIn(TestParcelStores()),
//                            TestParcelStoreName);
//
// PostgreSQL is taken from CARAVAN_TEST_POSTGRES, as services/common/store/testing.h
// says; each database is a schema of its own there.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "services/logistics/parcel_store.h"

namespace caravan::logistics {

// An empty database, deleted with this object. Close its stores before.
class TestParcelDatabase {
 public:
  virtual ~TestParcelDatabase() = default;
  virtual absl::StatusOr<std::unique_ptr<ParcelStore>> Open(ParcelStoreOptions options = {}) = 0;
  // The same, and ends the program where it fails.
  std::unique_ptr<ParcelStore> OpenOrDie(ParcelStoreOptions options = {});
  // The PostgreSQL schema that it is; empty where it is SQLite.
  virtual std::string schema() const { return ""; }
};

struct TestParcelStore {
  enum class Engine { kSqlite, kPostgres };
  Engine engine = Engine::kSqlite;

  // Ends the program, with the reason, where there is no PostgreSQL.
  std::unique_ptr<TestParcelDatabase> Create() const;
};

// The engines to test with.
std::vector<TestParcelStore> TestParcelStores();

// "Sqlite" or "Postgres".
std::string TestParcelStoreName(const ::testing::TestParamInfo<TestParcelStore>& info);

}  // namespace caravan::logistics
