#include "services/common/store/open_store.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/store/postgres_store.h"
#include "services/common/store/sqlite_store.h"

namespace caravan::store {

PostgresLocation ParsePostgresUrl(std::string_view url) {
  PostgresLocation location;
  const bool is_uri = url.starts_with("postgresql://");
  // The schema is ours; libpq does not know it.
  std::vector<std::string> rest;
  const size_t query = is_uri ? std::min(url.find('?'), url.size()) : url.find(':');
  const char separator = is_uri ? '&' : ' ';
  if (query < url.size()) {
    for (std::string_view part :
         absl::StrSplit(url.substr(query + 1), separator, absl::SkipEmpty())) {
      constexpr std::string_view kSchema = "schema=";
      if (part.starts_with(kSchema)) {
        location.schema = std::string(part.substr(kSchema.size()));
      } else {
        rest.emplace_back(part);
      }
    }
  }
  location.conninfo = absl::StrJoin(rest, std::string(1, separator));
  if (is_uri) {
    location.conninfo =
        absl::StrCat(std::string(url.substr(0, query)), rest.empty() ? "" : "?", location.conninfo);
  }
  return location;
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(std::string_view url, StoreOptions options,
                                                 std::vector<Table> tables) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (url.starts_with(kSqlite) && url.size() > kSqlite.size()) {
    SqliteOptions sqlite;
    static_cast<StoreOptions&>(sqlite) = std::move(options);
    sqlite.path = std::string(url.substr(kSqlite.size()));
    return OpenSqliteStore(std::move(sqlite), std::move(tables));
  }
  constexpr std::string_view kPostgres = "postgresql:";
  if (url.starts_with(kPostgres)) {
    PostgresOptions postgres;
    static_cast<StoreOptions&>(postgres) = std::move(options);
    PostgresLocation location = ParsePostgresUrl(url);
    postgres.conninfo = std::move(location.conninfo);
    postgres.schema = std::move(location.schema);
    return OpenPostgresStore(std::move(postgres), std::move(tables));
  }
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_STORE",
                    "a store is named by sqlite:<path> or postgresql://<user>@<host>/<database>");
}

}  // namespace caravan::store
