// The embedded engine: one SQLite file, which one process owns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/store/store.h"

namespace caravan::store {

struct SqliteOptions : StoreOptions {
  // The database file; it is created where it is missing, its folder is not.
  // Beside it lie `<path>-wal`, `<path>-shm` and `<path>.lock`.
  std::string path;
  // Name of a registered SQLite VFS; empty: the default. With one, the file is
  // not mapped into memory.
  std::string vfs;
  // Page cache of the writer, and of each reader.
  int64_t writer_cache_bytes = 64 << 20;
  int64_t reader_cache_bytes = 8 << 20;
  // Rows that were read by key, for all readers.
  int64_t row_cache_bytes = 64 << 20;
  // How much of the file is mapped into memory for reading.
  int64_t mapped_bytes = int64_t{1} << 30;
  // How often the write-ahead log is copied into the file, beside the commits.
  absl::Duration checkpoint_interval = absl::Milliseconds(100);
  // Past this size the write-ahead log is started over, for which a commit waits.
  int64_t max_wal_bytes = 64 << 20;
};

// Opens the store and brings its schema up to `tables`. FAILED_PRECONDITION with
// reason STORE_IN_USE where another process has it open, INVALID_ARGUMENT where
// a name in `tables` is not an identifier, UNAVAILABLE where the file can't be
// opened.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(SqliteOptions options,
                                                       std::vector<Table> tables);

}  // namespace caravan::store
