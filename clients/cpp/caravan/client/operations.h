// Long-running operations (AIP-151): work that goes on after the answer of the
// method that started it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/api/v1/operations.pb.h"
#include "caravan/client/errors.h"
#include "caravan/client/service_client.h"
#include "google/longrunning/operations.pb.h"

namespace caravan::client {

using google::longrunning::Operation;

struct WaitOptions {
  // How long to wait at the most: then DEADLINE_EXCEEDED with reason
  // OPERATION_RUNNING. The operation goes on.
  absl::Duration timeout = absl::InfiniteDuration();

  // The first and the longest time that the server is asked to wait before it
  // tells how far the operation is; they double in between. It answers at once
  // when the operation is done.
  absl::Duration first_wait = absl::Seconds(1);
  absl::Duration longest_wait = absl::Seconds(10);

  // Hears the operation after each of these waits.
  std::function<void(const Operation& operation)> on_progress = nullptr;
};

// google.longrunning.Operations of a service: `defaults.service` says which.
class OperationsClient : public ServiceClient {
 public:
  using ServiceClient::ServiceClient;

  absl::StatusOr<Operation> Get(const std::string& name, const CallOptions& options = {}) const;

  // The newest first. `filter` (AIP-160) is over `name`, `done`, `metadata` and
  // `error`: `done = false AND metadata.resource = "fairs/canton-136"`.
  Results<Operation> List(const std::string& filter = "", const CallOptions& options = {}) const;

  // Asks for the end of an operation, which it may reach all the same.
  absl::Status Cancel(const std::string& name, const CallOptions& options = {}) const;

  // Removes one that is done.
  absl::Status Delete(const std::string& name, const CallOptions& options = {}) const;

  // Waits until the operation is done, through lost connections and restarts of
  // the server: the operation, whether it succeeded or not. Servers without
  // WaitOperation are polled.
  absl::StatusOr<Operation> Wait(Operation operation, const WaitOptions& wait = {},
                                 const CallOptions& options = {}) const;
};

// The error of an operation that failed, with its details; OK where it is done
// well or not done.
absl::Status ErrorOf(const Operation& operation);

// The result of an operation that is done; its error where it failed.
// FAILED_PRECONDITION with reason OPERATION_RUNNING where it is not done,
// DATA_LOSS with reason BAD_ANSWER where the result is of another type.
template <class Response>
absl::StatusOr<Response> ResultOf(const Operation& operation) {
  if (operation.has_error()) return ErrorOf(operation);
  if (!operation.done()) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "OPERATION_RUNNING",
                     operation.name() + " is not done");
  }
  Response response;
  if (!operation.response().UnpackTo(&response)) {
    return MakeError(absl::StatusCode::kDataLoss, "BAD_ANSWER",
                     operation.name() + " has a result of type " + operation.response().type_url() +
                         ", not " + Response::descriptor()->full_name());
  }
  return response;
}

// How far it is; nothing is set where the server does not say.
template <class Metadata = api::v1::OperationMetadata>
Metadata ProgressOf(const Operation& operation) {
  Metadata metadata;
  if (!operation.metadata().UnpackTo(&metadata)) metadata.Clear();
  return metadata;
}

// Waits, and takes the result.
template <class Response>
absl::StatusOr<Response> AwaitResult(const OperationsClient& operations,
                                     const absl::StatusOr<Operation>& started,
                                     const WaitOptions& wait = {},
                                     const CallOptions& options = {}) {
  if (!started.ok()) return started.status();
  const absl::StatusOr<Operation> done = operations.Wait(*started, wait, options);
  if (!done.ok()) return done.status();
  return ResultOf<Response>(*done);
}

}  // namespace caravan::client
