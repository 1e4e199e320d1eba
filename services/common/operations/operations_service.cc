#include "services/common/operations/operations_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/page_token.h"
#include "services/common/api/text.h"
#include "services/common/operations/operation_record.h"
#include "services/common/resources/list.h"
#include "services/common/resources/registry.h"

namespace caravan::operations {

using google::longrunning::Operation;
using google::protobuf::Empty;

namespace {

// A wait answers so long before the call's deadline at the most, so that the
// answer still arrives.
constexpr absl::Duration kAnswerAhead = absl::Seconds(1);

// Whether the method's permission is held on an operation.
bool MayTouch(const resources::Caller& caller, const OperationRecord& record) {
  return record.metadata().actor() == caller.principal.name ||
         caller.access->Check(caller.principal, caller.permission, record.metadata().resource()) ==
             identity::Grant::kGranted;
}

absl::StatusOr<OperationRecord> Find(const resources::Caller& caller, store::Reader& reader,
                                     const std::string& name) {
  if (!IsOperationName(name)) {
    return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_NAME",
                      absl::StrCat("name is ", api::Quoted(name),
                                   "; must be operations/ and a UUID in lower case, as the method "
                                   "that started the operation returned it"))
        .Field("name", "must be operations/<uuid>");
  }
  absl::StatusOr<std::optional<OperationRecord>> record = ReadRecord(reader, name);
  if (!record.ok()) return record.status();
  if (!record->has_value()) {
    return caller.Everywhere() ? OperationNotFound(name) : caller.Denied(name);
  }
  if (!MayTouch(caller, **record)) return caller.Denied(name);
  return **std::move(record);
}

absl::Status CheckList(const google::longrunning::ListOperationsRequest& request) {
  api::Violations violations;
  if (!request.name().empty() && request.name() != "operations") {
    violations.Add(
        "name", absl::StrCat("is ", api::Quoted(request.name()), "; must be operations, or empty"));
  }
  if (request.page_size() < 0) {
    violations.Add("page_size", absl::StrCat("is ", request.page_size(), "; must be at least 0"));
  }
  if (request.return_partial_success()) {
    violations.Add("return_partial_success", "must be false: there is one collection only");
  }
  return violations.ToStatus();
}

// Conditions on `done` are served by the index.
std::vector<store::Term> TermsOf(const api::Filter& filter, std::vector<std::string>& unindexed) {
  std::vector<store::Term> terms;
  for (api::Pushdown& condition : filter.pushdown()) {
    if (condition.path == "done" && condition.op == api::Pushdown::Op::kEqual) {
      terms.push_back({kDoneColumn, store::Term::Op::kEqual, std::move(condition.values)});
    } else {
      unindexed.push_back(std::move(condition.path));
    }
  }
  return terms;
}

OperationView ViewOf(const std::string& name, const OperationRecord& record) {
  OperationView view;
  view.set_name(name);
  view.set_done(IsDone(record));
  *view.mutable_metadata() = record.metadata();
  if (record.has_error()) *view.mutable_error() = record.error();
  return view;
}

}  // namespace

OperationsService::OperationsService(Operations& operations, std::string_view service)
    : Service(Operation::descriptor()->file()->FindServiceByName("Operations")),
      operations_(operations) {
  namespace lro = google::longrunning;
  BindRead<lro::GetOperationRequest, Operation>(
      "GetOperation", [this](auto&&... args) { return GetOperation(args...); });
  BindRead<lro::ListOperationsRequest, lro::ListOperationsResponse>(
      "ListOperations", [this](auto&&... args) { return ListOperations(args...); });
  BindWrite<lro::CancelOperationRequest, Empty>(
      "CancelOperation", [this](auto&&... args) { return CancelOperation(args...); });
  BindWrite<lro::DeleteOperationRequest, Empty>(
      "DeleteOperation", [this](auto&&... args) { return DeleteOperation(args...); });
  BindAsync<lro::WaitOperationRequest, Operation>(
      "WaitOperation",
      [this](rpc::Call& call, const lro::WaitOperationRequest& request, Operations::WaitDone done) {
        WaitOperation(call, request, std::move(done));
      });
  // Who may touch an operation depends on the operation: the handlers check.
  const auto permit = [&](std::string_view method_name, std::string_view verb) {
    api::v1::Access access;
    access.set_permission(absl::StrCat(service, ".operations.", verb));
    access.set_any_authenticated(true);
    method(method_name).access = std::move(access);
  };
  permit("GetOperation", "get");
  permit("ListOperations", "list");
  permit("CancelOperation", "cancel");
  permit("DeleteOperation", "delete");
  permit("WaitOperation", "get");
  method("GetOperation").quick = true;
}

absl::StatusOr<Operation> OperationsService::GetOperation(
    rpc::Call& call, store::Reader& reader,
    const google::longrunning::GetOperationRequest& request) {
  absl::StatusOr<OperationRecord> record = Find(call.caller, reader, request.name());
  if (!record.ok()) return record.status();
  return ToOperation(request.name(), *record);
}

absl::StatusOr<google::longrunning::ListOperationsResponse> OperationsService::ListOperations(
    rpc::Call& call, store::Reader& reader,
    const google::longrunning::ListOperationsRequest& request) {
  if (absl::Status s = CheckList(request); !s.ok()) return s;
  auto filter = api::Filter::Parse(request.filter(), OperationView::descriptor());
  if (!filter.ok()) return filter.status();
  const int page_size = request.page_size() == 0
                            ? resources::kDefaultPageSize
                            : std::min(request.page_size(), resources::kLargestPageSize);
  store::ScanSpec scan;
  scan.table = resources::kOperations;
  // Names sort by the time of creation.
  scan.key_descending = true;
  scan.limit = resources::kScanBudget;
  std::vector<std::string> unindexed;
  scan.terms = TermsOf(*filter, unindexed);
  const std::string shape = absl::StrCat("operations\n", request.filter());
  if (!request.page_token().empty()) {
    auto position = api::DecodePageToken(request.page_token(), shape);
    if (!position.ok()) return position.status();
    scan.after = {{}, std::move(position->key)};
  }
  google::longrunning::ListOperationsResponse response;
  int64_t seen = 0;
  std::string last;
  bool more = false;
  absl::Status corrupt;
  absl::Status scanned = reader.Scan(scan, [&](store::Row& row) {
    if (response.operations_size() == page_size) {
      more = true;
      return false;
    }
    ++seen;
    absl::StatusOr<OperationRecord> record = ParseRecord(row.data);
    if (!record.ok()) {
      corrupt = record.status();
      return false;
    }
    if (MayTouch(call.caller, *record) && filter->Matches(ViewOf(row.key, *record))) {
      *response.add_operations() = ToOperation(row.key, *record);
    }
    last = std::move(row.key);
    return true;
  });
  if (!scanned.ok()) return scanned;
  if (!corrupt.ok()) return corrupt;
  if (seen == resources::kScanBudget) call.caller.scan_hint = absl::StrJoin(unindexed, ",");
  if (more || seen == resources::kScanBudget) {
    response.set_next_page_token(api::EncodePageToken({{}, last}, shape));
  }
  return response;
}

absl::StatusOr<Empty> OperationsService::CancelOperation(
    rpc::Call& call, store::Transaction& tx,
    const google::longrunning::CancelOperationRequest& request) {
  absl::StatusOr<OperationRecord> record = Find(call.caller, tx, request.name());
  if (!record.ok()) return record.status();
  operations_.Cancel(tx, request.name(), *std::move(record));
  return Empty();
}

absl::StatusOr<Empty> OperationsService::DeleteOperation(
    rpc::Call& call, store::Transaction& tx,
    const google::longrunning::DeleteOperationRequest& request) {
  absl::StatusOr<OperationRecord> record = Find(call.caller, tx, request.name());
  if (!record.ok()) return record.status();
  if (!IsDone(*record)) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "OPERATION_RUNNING",
                      absl::StrCat(request.name(),
                                   " is not done and cannot be deleted; cancel it, "
                                   "and wait until it is done"))
        .With("resource", request.name())
        .Precondition("STATE", request.name(), "is not done");
  }
  tx.Delete(resources::kOperations, request.name());
  return Empty();
}

void OperationsService::WaitOperation(rpc::Call& call,
                                      const google::longrunning::WaitOperationRequest& request,
                                      Operations::WaitDone done) {
  const absl::Time now = call.caller.now;
  const absl::Duration left = call.deadline - now;
  absl::Time deadline = call.deadline - std::min(kAnswerAhead, left / 10);
  if (request.has_timeout()) {
    const auto& timeout = request.timeout();
    if (timeout.seconds() < 0 || timeout.nanos() < 0 || timeout.nanos() > 999'999'999) {
      return done(api::Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELDS",
                             absl::StrCat("timeout is ", timeout.seconds(), " s and ",
                                          timeout.nanos(), " ns; must not be negative"))
                      .Field("timeout", "must be a duration that is not negative"));
    }
    deadline = std::min(
        deadline, now + absl::Seconds(timeout.seconds()) + absl::Nanoseconds(timeout.nanos()));
  }
  absl::StatusOr<OperationRecord> record;
  absl::Status read = operations_.store().Read([&](store::Reader& reader) {
    record = Find(call.caller, reader, request.name());
    return record.status();
  });
  if (!read.ok()) return done(read);
  if (IsDone(*record)) return done(ToOperation(request.name(), *record));
  operations_.Wait(request.name(), deadline, call.cancelled, std::move(done));
}

}  // namespace caravan::operations
