// The shared engine: a PostgreSQL database that any number of replicas of a
// service use at the same time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/store/store.h"

namespace caravan::store {

struct PostgresOptions : StoreOptions {
  // A libpq connection string or URL.
  std::string conninfo;
  // The PostgreSQL schema that holds the tables; created where it is missing.
  std::string schema = "caravan";
  // How often it looks for commits of other replicas.
  absl::Duration poll_interval = absl::Milliseconds(50);
  // How long a transaction waits for the database to come back before it fails
  // with UNAVAILABLE.
  absl::Duration patience = absl::Seconds(5);
  // How long a replica that died without a word counts as alive: so long the
  // index of a column that it did not know is not used.
  absl::Duration replica_lease = absl::Seconds(30);
};

// Opens the store and brings its schema up to `tables`. INVALID_ARGUMENT where a
// name in `tables` is not an identifier, UNAVAILABLE where the database does not
// answer.
absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresOptions options,
                                                         std::vector<Table> tables);

}  // namespace caravan::store
