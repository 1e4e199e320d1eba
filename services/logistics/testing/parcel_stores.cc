#include "services/logistics/testing/parcel_stores.h"

#include <stdio.h>
#include <stdlib.h>

#include <utility>

#include "services/common/testing/temporary_folder.h"

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

}  // namespace

std::unique_ptr<ParcelStore> TestParcelDatabase::OpenOrDie(ParcelStoreOptions options) {
  absl::StatusOr<std::unique_ptr<ParcelStore>> store = Open(std::move(options));
  if (!store.ok()) Die(store.status().ToString());
  return *std::move(store);
}

std::unique_ptr<TestParcelDatabase> TestParcelStore::Create() const {
  return std::make_unique<SqliteDatabase>();
}

std::vector<TestParcelStore> TestParcelStores() { return {{TestParcelStore::Engine::kSqlite}}; }

std::string TestParcelStoreName(const ::testing::TestParamInfo<TestParcelStore>& info) {
  return info.param.engine == TestParcelStore::Engine::kSqlite ? "Sqlite" : "Postgres";
}

}  // namespace caravan::logistics
