#include "caravan/client/operations.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/empty.pb.h"
#include "google/protobuf/util/time_util.h"

namespace caravan::client {
namespace {

using google::protobuf::Empty;

const Method kGet = {"/google.longrunning.Operations/GetOperation", Repeat::kSafe};
const Method kList = {"/google.longrunning.Operations/ListOperations", Repeat::kSafe};
const Method kWait = {"/google.longrunning.Operations/WaitOperation", Repeat::kSafe};
// Asking twice for the end is asking once.
const Method kCancel = {"/google.longrunning.Operations/CancelOperation", Repeat::kSafe};
const Method kDelete = {"/google.longrunning.Operations/DeleteOperation", Repeat::kNever};

// An answer takes so much longer than the wait that was asked for.
constexpr absl::Duration kGrace = absl::Seconds(20);

}  // namespace

absl::StatusOr<Operation> OperationsClient::Get(const std::string& name,
                                                const CallOptions& options) const {
  google::longrunning::GetOperationRequest request;
  request.set_name(name);
  return Call<Operation>(kGet, request, options);
}

Results<Operation> OperationsClient::List(const std::string& filter,
                                          const CallOptions& options) const {
  google::longrunning::ListOperationsRequest request;
  request.set_filter(filter);
  return Pages<Operation>(kList, std::move(request),
                          &google::longrunning::ListOperationsResponse::mutable_operations,
                          options);
}

absl::Status OperationsClient::Cancel(const std::string& name, const CallOptions& options) const {
  google::longrunning::CancelOperationRequest request;
  request.set_name(name);
  return Call<Empty>(kCancel, request, options).status();
}

absl::Status OperationsClient::Delete(const std::string& name, const CallOptions& options) const {
  google::longrunning::DeleteOperationRequest request;
  request.set_name(name);
  return Call<Empty>(kDelete, request, options).status();
}

absl::StatusOr<Operation> OperationsClient::Wait(Operation operation, const WaitOptions& wait,
                                                 const CallOptions& options) const {
  const Clock& clock = connection()->options().clock;
  const CallOptions call = WithDefaults(options, defaults());
  const Cancellation cancellation = call.cancellation.value_or(Cancellation());
  const absl::Time deadline = clock.Now() + wait.timeout;
  bool can_wait = true;
  for (absl::Duration asked = wait.first_wait; !operation.done();
       asked = std::min(asked * 2, wait.longest_wait)) {
    const absl::Duration left = deadline - clock.Now();
    if (left <= absl::ZeroDuration()) {
      return MakeError(absl::StatusCode::kDeadlineExceeded, "OPERATION_RUNNING",
                       absl::StrCat(operation.name(), " was not done in time; it goes on"));
    }
    asked = std::min(asked, left);
    absl::StatusOr<Operation> now = absl::UnimplementedError("");
    if (can_wait) {
      google::longrunning::WaitOperationRequest request;
      request.set_name(operation.name());
      *request.mutable_timeout() =
          google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(asked));
      CallOptions longer = call;
      longer.timeout = asked + std::max(kGrace, call.timeout.value_or(absl::ZeroDuration()));
      now = Call<Operation>(kWait, request, longer);
      can_wait = now.status().code() != absl::StatusCode::kUnimplemented;
    }
    if (!can_wait) {
      clock.Sleep(asked, cancellation);
      if (cancellation.cancelled()) return absl::CancelledError("the wait was cancelled");
      now = Get(operation.name(), options);
    }
    if (!now.ok()) return now.status();
    operation = *std::move(now);
    if (wait.on_progress) wait.on_progress(operation);
  }
  return operation;
}

absl::Status ErrorOf(const Operation& operation) {
  if (!operation.has_error()) return absl::OkStatus();
  return FromGrpc(grpc::Status(static_cast<grpc::StatusCode>(operation.error().code()),
                               operation.error().message(), operation.error().SerializeAsString()));
}

}  // namespace caravan::client
