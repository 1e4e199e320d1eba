#include "services/common/operations/operation_context.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::operations {

void OperationSignals::SetProgress(int64_t done_units, int64_t total_units,
                                   std::string_view stage) {
  absl::MutexLock lock(&mutex_);
  done_units_ = done_units;
  total_units_ = total_units;
  stage_ = std::string(stage);
  ++progress_version_;
}

void OperationSignals::GetProgress(caravan::api::v1::OperationMetadata& metadata) const {
  absl::MutexLock lock(&mutex_);
  if (progress_version_ == 0) return;
  metadata.set_done_units(done_units_);
  metadata.set_total_units(total_units_);
  metadata.set_stage(stage_);
}

int64_t OperationSignals::progress_version() const {
  absl::MutexLock lock(&mutex_);
  return progress_version_;
}

OperationContext::OperationContext(const Environment& environment, OperationSignals& signals,
                                   std::string name, store::Lease lease, OperationRecord record)
    : environment_(environment),
      signals_(signals),
      name_(std::move(name)),
      lease_(std::move(lease)),
      record_(std::move(record)) {}

bool OperationContext::cancelled() const { return signals_.cancelled() || stopping(); }

bool OperationContext::stopping() const {
  if (!signals_.stopping() && !signals_.lost()) return false;
  told_to_stop_ = true;
  return true;
}

absl::Status OperationContext::CancelledStatus() const { return CancelledError(name_); }

void OperationContext::SetProgress(int64_t done_units, int64_t total_units,
                                   std::string_view stage) {
  signals_.SetProgress(done_units, total_units, stage);
}

absl::Status OperationContext::Write(store::WriteBody body, std::optional<std::string> checkpoint) {
  bool lost = false;
  absl::StatusOr<store::Committed> committed =
      environment_.store->WriteAndWait([&](store::Transaction& tx) -> absl::Status {
        absl::Status held = store::CheckLease(tx, lease_);
        lost = absl::IsAborted(held);
        if (!held.ok()) return held;
        if (absl::Status s = body(tx); !s.ok()) return s;
        if (!checkpoint.has_value()) return absl::OkStatus();
        absl::StatusOr<std::optional<OperationRecord>> record = ReadRecord(tx, name_);
        if (!record.ok()) return record.status();
        if (!record->has_value()) return absl::DataLossError("a running operation is gone");
        (*record)->set_checkpoint(*checkpoint);
        signals_.GetProgress(*(*record)->mutable_metadata());
        PutRecord(tx, name_, **record);
        return absl::OkStatus();
      });
  if (lost) {
    signals_.LoseLease();
    interrupted_ = true;
  }
  if (committed.ok() && checkpoint.has_value()) record_.set_checkpoint(*std::move(checkpoint));
  return Noted(committed.status());
}

absl::Status OperationContext::SaveCheckpoint(std::string checkpoint) {
  return Write([](store::Transaction&) { return absl::OkStatus(); }, std::move(checkpoint));
}

absl::Status OperationContext::Read(store::ReadBody body) {
  return Noted(environment_.store->Read(body));
}

absl::Status OperationContext::Noted(const absl::Status& status) {
  if (IsPassing(status)) interrupted_ = true;
  return status;
}

resources::Caller OperationContext::caller() const {
  resources::Caller caller;
  caller.principal.name = record_.metadata().actor();
  caller.access = environment_.access;
  caller.permission = record_.permission();
  caller.method = record_.metadata().method();
  caller.request_id = record_.request_id();
  caller.trace_id = record_.trace_id();
  caller.now = now();
  const absl::CivilDay day = absl::ToCivilDay(caller.now, environment_.time_zone);
  caller.today = day.year() * 10000 + day.month() * 100 + day.day();
  return caller;
}

bool IsPassing(const absl::Status& status) {
  if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) return false;
  const std::string reason = api::ReasonOf(status);
  return reason == "STORE_UNAVAILABLE" || reason == "COMMIT_UNKNOWN" ||
         reason == "STORE_OVERLOADED" || reason == "STORE_FULL" || reason == "INDEX_NOT_READY";
}

}  // namespace caravan::operations
