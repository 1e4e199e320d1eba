#include "services/common/store/store_errors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::store {
namespace {

constexpr char kUnavailable[] = "STORE_UNAVAILABLE";
constexpr char kCommitUnknown[] = "COMMIT_UNKNOWN";
constexpr char kStatement[] = "STORE_STATEMENT";

}  // namespace

absl::Status UnavailableError() {
  return api::Error(absl::StatusCode::kUnavailable, kUnavailable,
                    "the database does not answer; nothing was changed, try again")
      .RetryAfter(1);
}

absl::Status CommitUnknownError() {
  return api::Error(absl::StatusCode::kUnavailable, kCommitUnknown,
                    "the connection to the database broke during the commit, which may or may "
                    "not have taken place; try again with the same request_id")
      .RetryAfter(1);
}

absl::Status FullError() {
  return api::Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
                    "the disk of the database is full; nothing was changed, free space and try "
                    "again")
      .RetryAfter(30);
}

absl::Status OverloadedError() {
  return api::Error(absl::StatusCode::kResourceExhausted, "STORE_OVERLOADED",
                    "too many changes wait for the database; try again a little later")
      .RetryAfter(0.5);
}

absl::Status IndexNotReadyError(std::string_view table, std::string_view column) {
  return api::Error(absl::StatusCode::kUnavailable, "INDEX_NOT_READY",
                    absl::StrCat("the index on ", column, " of ", table,
                                 " is being filled; try again later, or without this field"))
      .RetryAfter(1);
}

absl::Status StatementError() {
  return api::Error(absl::StatusCode::kInternal, kStatement,
                    "the database refused a statement; the service's log says why");
}

absl::Status MisuseError(std::string message) {
  return api::Error(absl::StatusCode::kInternal, "STORE_MISUSE", std::move(message));
}

bool IsDatabaseAway(const absl::Status& status) {
  return absl::IsUnavailable(status) && api::ReasonOf(status) == kUnavailable;
}

bool IsCommitUnknown(const absl::Status& status) {
  return absl::IsUnavailable(status) && api::ReasonOf(status) == kCommitUnknown;
}

bool IsStatementError(const absl::Status& status) {
  return absl::IsInternal(status) && api::ReasonOf(status) == kStatement;
}

}  // namespace caravan::store
