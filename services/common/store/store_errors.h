// The errors of the store. None carries SQL, paths or addresses.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace caravan::store {

// The database is away: UNAVAILABLE, STORE_UNAVAILABLE. Nothing was changed.
absl::Status UnavailableError();
// It is not known whether the commit took place: UNAVAILABLE, COMMIT_UNKNOWN.
absl::Status CommitUnknownError();
// RESOURCE_EXHAUSTED, STORE_FULL: the disk is full.
absl::Status FullError();
// RESOURCE_EXHAUSTED, STORE_OVERLOADED: too many transactions wait.
absl::Status OverloadedError();
// UNAVAILABLE, INDEX_NOT_READY: a scan uses a column that is not filled yet.
absl::Status IndexNotReadyError(std::string_view table, std::string_view column);
// INTERNAL, STORE_STATEMENT: the database refused what it was told to do.
absl::Status StatementError();
// INTERNAL, STORE_MISUSE: a caller broke the contract of store.h.
absl::Status MisuseError(std::string message);

bool IsDatabaseAway(const absl::Status& status);
bool IsCommitUnknown(const absl::Status& status);
bool IsStatementError(const absl::Status& status);

}  // namespace caravan::store
