#include "services/logistics/sqlite_statements.h"

#include "absl/strings/str_cat.h"

namespace caravan::logistics {

// Rows that are long, or that come in the order of their keys, lie in tables by
// rowid: there a page above the leaves refers to hundreds of them, not to a dozen,
// and the parcels of these days lie side by side. Short ones are in their key's tree.
const std::array<const char*, 9> SqliteStatements::schema = {
    "CREATE TABLE meta (buckets INTEGER NOT NULL, format INTEGER NOT NULL, "
    "checked INTEGER NOT NULL)",
    "CREATE TABLE buckets (bucket INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, "
    "folded INTEGER NOT NULL, oldest INTEGER NOT NULL)",
    "CREATE TABLE parcels (bucket INTEGER NOT NULL, key BLOB NOT NULL, record BLOB NOT NULL, "
    "PRIMARY KEY (bucket, key))",
    "CREATE TABLE numbers (bucket INTEGER NOT NULL, key BLOB NOT NULL, record BLOB NOT NULL, "
    "PRIMARY KEY (bucket, key)) WITHOUT ROWID",
    "CREATE TABLE cursors (bucket INTEGER NOT NULL, key BLOB NOT NULL, record BLOB NOT NULL, "
    "PRIMARY KEY (bucket, key)) WITHOUT ROWID",
    "CREATE TABLE timers (bucket INTEGER NOT NULL, time INTEGER NOT NULL, parcel BLOB NOT NULL, "
    "PRIMARY KEY (bucket, time, parcel)) WITHOUT ROWID",
    "CREATE TABLE journal (bucket INTEGER NOT NULL, sequence INTEGER NOT NULL, "
    "day INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (bucket, sequence))",
    "CREATE TABLE changes (bucket INTEGER NOT NULL, sequence INTEGER NOT NULL, "
    "record BLOB NOT NULL, PRIMARY KEY (bucket, sequence))",
    "CREATE TABLE scorecards (bucket INTEGER NOT NULL, dimension INTEGER NOT NULL, "
    "value BLOB NOT NULL, day INTEGER NOT NULL, record BLOB NOT NULL, "
    "PRIMARY KEY (bucket, dimension, value, day)) WITHOUT ROWID",
};

SqliteStatements::Table SqliteStatements::MakeTable(std::string_view name) {
  return {
      .get = absl::StrCat("SELECT record FROM ", name, " WHERE bucket = $1 AND key = $2"),
      .put = absl::StrCat("INSERT INTO ", name,
                          " (bucket, key, record) VALUES ($1, $2, $3) ON CONFLICT (bucket, key) "
                          "DO UPDATE SET record = excluded.record"),
      .remove = absl::StrCat("DELETE FROM ", name, " WHERE bucket = $1 AND key = $2"),
      .scan = absl::StrCat("SELECT key, record FROM ", name,
                           " WHERE bucket = $1 AND key > $2 ORDER BY key LIMIT $3"),
  };
}

const SqliteStatements& SqliteStatements::Get() {
  static const auto& statements = *new SqliteStatements;
  return statements;
}

}  // namespace caravan::logistics
