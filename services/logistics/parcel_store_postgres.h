// The shared engine of the store of parcels: a PostgreSQL database, with or without
// Citus, that any number of replicas use at the same time. Who writes to a bucket
// holds the lock of its row.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/logistics/parcel_store.h"

namespace caravan::logistics {

struct PostgresParcelOptions : ParcelStoreOptions {
  // Transactions at the same time, which are of different buckets.
  int writers = 8;
  // After how long without a statement the server ends a transaction, so that a
  // replica that hangs does not keep a bucket for ever.
  absl::Duration idle_timeout = absl::Minutes(1);
};

// As OpenPostgresParcelStore, with more to choose.
absl::StatusOr<std::unique_ptr<ParcelStore>> OpenPostgresParcelStoreWith(
    const std::string& connection, PostgresParcelOptions options);

}  // namespace caravan::logistics
