// Opens the store that a setting names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/common/store/store.h"

namespace caravan::store {

// Where a PostgreSQL store is, of such a URL (one that begins with `postgresql:`).
struct PostgresLocation {
  std::string conninfo;  // for libpq
  std::string schema = "caravan";
};
PostgresLocation ParsePostgresUrl(std::string_view url);

// `url` is `sqlite:<path>` or a PostgreSQL connection string: a
// `postgresql://...` URL or `postgresql:<libpq keywords>`. Of a URL, the
// parameter `schema` (default "caravan") names the PostgreSQL schema; with
// keywords it stands in front: `postgresql:schema=fairs host=... dbname=...`.
// INVALID_ARGUMENT for any other form; else as OpenSqliteStore and
// OpenPostgresStore.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(std::string_view url, StoreOptions options,
                                                 std::vector<Table> tables);

}  // namespace caravan::store
