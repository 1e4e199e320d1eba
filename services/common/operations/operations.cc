#include "services/common/operations/operations.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/operations/runner.h"
#include "services/common/resources/registry.h"

namespace caravan::operations {

namespace {

constexpr int kExpiredAtOnce = 1000;

// Looks for work once the transaction has committed.
void RingAtCommit(store::Transaction& tx, const std::shared_ptr<Alarm>& alarm) {
  tx.AfterCommit([alarm] { alarm->Ring(); });
}

}  // namespace

Operations::Operations(OperationsOptions options)
    : options_(std::move(options)),
      alarm_(options_.clock->NewAlarm()),
      runner_(std::make_unique<Runner>(options_, kinds_, alarm_)) {}

Operations::~Operations() { Stop(); }

void Operations::Run() { runner_->Run(); }

void Operations::Drain() { runner_->Drain(); }

void Operations::Stop() { runner_->Stop(); }

absl::StatusOr<google::longrunning::Operation> Operations::Start(
    const resources::Caller& caller, store::Transaction& tx, std::string_view kind,
    const google::protobuf::Message& parameters, std::string_view resource) {
  const auto found = kinds_.find(kind);
  if (found == kinds_.end() || found->second.parameters != parameters.GetDescriptor()) {
    return absl::InternalError(absl::StrCat("no operation of kind ", kind, " with parameters ",
                                            parameters.GetDescriptor()->full_name(),
                                            " is registered"));
  }
  OperationRecord record;
  record.set_kind(std::string(kind));
  record.mutable_parameters()->PackFrom(parameters);
  record.set_permission(std::string(caller.permission));
  record.set_request_id(caller.request_id);
  record.set_trace_id(caller.trace_id);
  auto& metadata = *record.mutable_metadata();
  metadata.set_method(std::string(caller.method));
  metadata.set_actor(caller.principal.name);
  metadata.set_resource(std::string(resource));
  SetTimestamp(caller.now, *metadata.mutable_create_time());
  const std::string name = NewOperationName(caller.now);
  PutRecord(tx, name, record);
  RingAtCommit(tx, alarm_);
  return ToOperation(name, record);
}

void Operations::Cancel(store::Transaction& tx, const std::string& name, OperationRecord record) {
  if (IsDone(record) || record.metadata().cancel_requested()) return;
  record.mutable_metadata()->set_cancel_requested(true);
  if (record.phase() == OperationRecord::WAITING) {
    EndWithError(tx, name, record, CancelledError(name), options_.clock->Now(), options_.retention);
  } else {
    PutRecord(tx, name, record);
  }
  RingAtCommit(tx, alarm_);
}

void Operations::Wait(const std::string& name, absl::Time deadline, std::function<bool()> gone,
                      WaitDone done) {
  runner_->Wait(name, deadline, std::move(gone), std::move(done));
}

size_t Operations::waiting() const { return runner_->waiting(); }

absl::Status OperationNotFound(std::string_view name) {
  return api::Error(absl::StatusCode::kNotFound, "RESOURCE_NOT_FOUND",
                    absl::StrCat(name,
                                 " does not exist; operations are deleted 30 days after "
                                 "they are done"))
      .With("resource", name)
      .Resource("google.longrunning.Operation", name, "there is no operation of this name");
}

absl::StatusOr<int> ExpireOperations(store::Store& store, absl::Time now) {
  using Op = store::Term::Op;
  const int64_t now_micros = absl::ToUnixMicros(now);
  store::ScanSpec scan;
  scan.table = resources::kOperations;
  scan.terms = {{kExpireTimeColumn, Op::kGreater, {store::kUnset}},
                {kExpireTimeColumn, Op::kLessOrEqual, {now_micros}}};
  scan.order = {{kExpireTimeColumn, false}};
  scan.limit = kExpiredAtOnce;
  std::vector<std::string> names;
  absl::Status s = store.Read([&](store::Reader& reader) {
    names.clear();
    return reader.Scan(scan, [&](store::Row& row) {
      names.push_back(std::move(row.key));
      return true;
    });
  });
  if (!s.ok()) return s;
  if (names.empty()) return 0;
  // What is done does not change any more.
  auto committed = store.WriteAndWait([&](store::Transaction& tx) {
    for (const std::string& name : names) tx.Delete(resources::kOperations, name);
    return absl::OkStatus();
  });
  if (!committed.ok()) return committed.status();
  return static_cast<int>(names.size());
}

}  // namespace caravan::operations
