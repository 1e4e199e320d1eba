// The embedded engine of the store of parcels: one SQLite file, which one process
// owns. One transaction writes at a time; readers go on beside it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/logistics/parcel_store.h"

namespace caravan::logistics {

struct SqliteParcelOptions : ParcelStoreOptions {
  // Name of a registered SQLite VFS; empty: the default. With one, the file is not
  // mapped into memory.
  std::string vfs = {};
  // Page cache of the writer, and of each reader.
  int64_t writer_cache_bytes = 256 << 20;
  int64_t reader_cache_bytes = 16 << 20;
  // How much of the file is mapped into memory for reading.
  int64_t mapped_bytes = int64_t{1} << 30;
  // How often the write-ahead log is copied into the file, beside the commits.
  absl::Duration checkpoint_interval = absl::Milliseconds(200);
  // Past this size the write-ahead log is started over, for which a commit waits.
  int64_t max_wal_bytes = 256 << 20;
};

// As OpenSqliteParcelStore, with more to choose.
absl::StatusOr<std::unique_ptr<ParcelStore>> OpenSqliteParcelStoreWith(const std::string& path,
                                                                       SqliteParcelOptions options);

}  // namespace caravan::logistics
