#include "services/common/operations/operation_record.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/errors.h"
#include "services/common/resources/registry.h"
#include "services/common/store/leases.h"
#include "services/common/telemetry/log.h"

namespace caravan::operations {

namespace {

// Where the dashes of a UUID are.
constexpr std::string_view kUuidForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

std::vector<store::Value> ColumnValues(const OperationRecord& record) {
  return {int64_t{IsDone(record)}, IsDone(record) ? record.expire_time() : store::kUnset};
}

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

// What a client may learn of an error: of one of ours, that it is ours.
google::rpc::Status Tellable(std::string_view name, const OperationRecord& record,
                             const absl::Status& error) {
  const bool ours = error.code() == absl::StatusCode::kInternal ||
                    error.code() == absl::StatusCode::kUnknown ||
                    error.code() == absl::StatusCode::kDataLoss;
  if (!ours) return api::ToRpcStatus(error);
  telemetry::Log(telemetry::LogLevel::kError, "An operation failed for a reason of ours",
                 {{"operation", name},
                  {"kind", record.kind()},
                  {"trace_id", record.trace_id()},
                  {"error", error.ToString()}});
  return api::ToRpcStatus(
      api::Error(absl::StatusCode::kInternal, "INTERNAL",
                 absl::StrCat("the operation failed within the service; report ", name)));
}

void End(store::Transaction& tx, const std::string& name, OperationRecord& record, absl::Time now,
         absl::Duration retention) {
  record.set_phase(OperationRecord::DONE);
  record.clear_parameters();
  record.clear_checkpoint();
  SetTimestamp(now, *record.mutable_metadata()->mutable_end_time());
  record.set_expire_time(absl::ToUnixMicros(now + retention));
  PutRecord(tx, name, record);
  // Nobody works on it again, and whoever still believes to hold the lease finds
  // it gone.
  tx.Delete(store::kLeases, name);
}

}  // namespace

std::string NewOperationName(absl::Time now) {
  thread_local absl::BitGen random;
  const auto millis = static_cast<uint64_t>(absl::ToUnixMillis(now));
  const auto a = absl::Uniform<uint64_t>(random);
  const auto b = absl::Uniform<uint64_t>(random);
  return absl::StrFormat("%s%08x-%04x-7%03x-%04x-%012x", kNamePrefix, millis >> 16 & 0xffffffff,
                         millis & 0xffff, a & 0xfff, 0x8000 | (a >> 16 & 0x3fff),
                         b & 0xffffffffffff);
}

bool IsOperationName(std::string_view name) {
  if (!absl::StartsWith(name, kNamePrefix)) return false;
  name.remove_prefix(kNamePrefix.size());
  if (name.size() != kUuidForm.size()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (kUuidForm[i] == '-' ? name[i] != '-' : !IsLowerHex(name[i])) return false;
  }
  return true;
}

absl::StatusOr<OperationRecord> ParseRecord(std::string_view data) {
  OperationRecord record;
  if (!record.ParseFromArray(data.data(), static_cast<int>(data.size()))) {
    return absl::DataLossError("the row of an operation does not parse");
  }
  return record;
}

store::Table OperationsTable() {
  store::Table table;
  table.name = "operations";
  table.columns = {{"done", store::Column::Type::kInteger},
                   {"expire_time", store::Column::Type::kInteger}};
  table.extract = [](std::string_view data) -> absl::StatusOr<std::vector<store::Value>> {
    const absl::StatusOr<OperationRecord> record = ParseRecord(data);
    if (!record.ok()) return record.status();
    return ColumnValues(*record);
  };
  return table;
}

absl::StatusOr<std::optional<OperationRecord>> ReadRecord(store::Reader& reader,
                                                          std::string_view name) {
  absl::StatusOr<std::optional<store::Row>> row = reader.Get(resources::kOperations, name);
  if (!row.ok()) return row.status();
  if (!row->has_value()) return std::nullopt;
  return ParseRecord((*row)->data);
}

void PutRecord(store::Transaction& tx, const std::string& name, const OperationRecord& record) {
  tx.Put(resources::kOperations, name, record.SerializeAsString(), ColumnValues(record));
}

void EndWithError(store::Transaction& tx, const std::string& name, OperationRecord& record,
                  const absl::Status& error, absl::Time now, absl::Duration retention) {
  *record.mutable_error() = Tellable(name, record, error);
  End(tx, name, record, now, retention);
}

void EndWithResponse(store::Transaction& tx, const std::string& name, OperationRecord& record,
                     google::protobuf::Any response, absl::Time now, absl::Duration retention) {
  *record.mutable_response() = std::move(response);
  End(tx, name, record, now, retention);
}

absl::Status CancelledError(std::string_view name) {
  return api::Error(absl::StatusCode::kCancelled, "OPERATION_CANCELLED",
                    absl::StrCat(name, " was cancelled before it was done"))
      .With("operation", name);
}

google::longrunning::Operation ToOperation(std::string_view name, const OperationRecord& record) {
  google::longrunning::Operation operation;
  operation.set_name(std::string(name));
  operation.mutable_metadata()->PackFrom(record.metadata());
  operation.set_done(IsDone(record));
  if (record.has_error()) *operation.mutable_error() = record.error();
  if (record.has_response()) *operation.mutable_response() = record.response();
  return operation;
}

void SetTimestamp(absl::Time time, google::protobuf::Timestamp& timestamp) {
  timestamp = google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

}  // namespace caravan::operations
