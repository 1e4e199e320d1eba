#include "services/common/store/open_store.h"

#include <string>
#include <utility>

#include "services/common/api/errors.h"
#include "services/common/store/sqlite_store.h"

namespace caravan::store {

absl::StatusOr<std::unique_ptr<Store>> OpenStore(std::string_view url, StoreOptions options,
                                                 std::vector<Table> tables) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (url.starts_with(kSqlite) && url.size() > kSqlite.size()) {
    SqliteOptions sqlite;
    static_cast<StoreOptions&>(sqlite) = std::move(options);
    sqlite.path = std::string(url.substr(kSqlite.size()));
    return OpenSqliteStore(std::move(sqlite), std::move(tables));
  }
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_STORE",
                    "a store is named by sqlite:<path> or postgresql://<user>@<host>/<database>");
}

}  // namespace caravan::store
