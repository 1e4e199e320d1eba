// An operation in the store: its row, and what clients see of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "services/common/operations/records.pb.h"
#include "services/common/store/store.h"

namespace caravan::operations {

// Names begin with this.
inline constexpr std::string_view kNamePrefix = "operations/";

// The table resources::kOperations, and its columns.
store::Table OperationsTable();
inline constexpr int kDoneColumn = 0;
inline constexpr int kExpireTimeColumn = 1;

// A new name: `operations/` and a UUID of version 7, so that names sort by time.
std::string NewOperationName(absl::Time now);

// Whether a name has the form of an operation's.
bool IsOperationName(std::string_view name);

inline bool IsDone(const OperationRecord& record) {
  return record.phase() == OperationRecord::DONE;
}

// DATA_LOSS where the row does not parse.
absl::StatusOr<OperationRecord> ParseRecord(std::string_view data);

// Nothing where there is no such operation.
absl::StatusOr<std::optional<OperationRecord>> ReadRecord(store::Reader& reader,
                                                          std::string_view name);

void PutRecord(store::Transaction& tx, const std::string& name, const OperationRecord& record);

// Ends an operation with an error or a response, and puts it. What only running
// it needed is dropped; it expires after `retention`.
void EndWithError(store::Transaction& tx, const std::string& name, OperationRecord& record,
                  const absl::Status& error, absl::Time now, absl::Duration retention);
void EndWithResponse(store::Transaction& tx, const std::string& name, OperationRecord& record,
                     google::protobuf::Any response, absl::Time now, absl::Duration retention);

// The error of an operation that was cancelled: CANCELLED, OPERATION_CANCELLED.
absl::Status CancelledError(std::string_view name);

// What clients see.
google::longrunning::Operation ToOperation(std::string_view name, const OperationRecord& record);

void SetTimestamp(absl::Time time, google::protobuf::Timestamp& timestamp);

}  // namespace caravan::operations
