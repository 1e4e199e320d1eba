// For tests of operations: gates in the work, and waits that block.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "caravan/api/v1/operations.pb.h"
#include "google/longrunning/operations.pb.h"
#include "services/common/operations/operations.h"

namespace caravan::operations {

// Where work waits for the test.
class Gate {
 public:
  // The work arrives, and waits until the gate is open.
  void Pass() {
    arrived_.Notify();
    open_.WaitForNotification();
  }
  void AwaitArrival() { arrived_.WaitForNotification(); }
  void Open() { open_.Notify(); }

 private:
  absl::Notification arrived_;
  absl::Notification open_;
};

// A wait for an operation whose answer the test takes later.
class PendingWait {
 public:
  PendingWait(Operations& operations, const std::string& name, absl::Time deadline,
              std::function<bool()> gone = nullptr)
      : state_(std::make_shared<State>()) {
    operations.Wait(name, deadline, std::move(gone),
                    [state = state_](absl::StatusOr<google::longrunning::Operation> answer) {
                      state->answer = std::move(answer);
                      state->answered.Notify();
                    });
  }

  bool answered() const { return state_->answered.HasBeenNotified(); }

  absl::StatusOr<google::longrunning::Operation> Get() {
    state_->answered.WaitForNotification();
    return state_->answer;
  }

 private:
  struct State {
    absl::Notification answered;
    absl::StatusOr<google::longrunning::Operation> answer;
  };
  const std::shared_ptr<State> state_;
};

// Waits until an operation is done.
inline absl::StatusOr<google::longrunning::Operation> AwaitDone(Operations& operations,
                                                                const std::string& name) {
  return PendingWait(operations, name, absl::InfiniteFuture()).Get();
}

// The operation as it is after a whole round of the runner that began after this
// call.
inline absl::StatusOr<google::longrunning::Operation> LookAt(Operations& operations,
                                                             const std::string& name) {
  // The first answer may come from a round that had begun before.
  (void)PendingWait(operations, name, absl::InfinitePast()).Get();
  return PendingWait(operations, name, absl::InfinitePast()).Get();
}

inline caravan::api::v1::OperationMetadata MetadataOf(
    const google::longrunning::Operation& operation) {
  caravan::api::v1::OperationMetadata metadata;
  operation.metadata().UnpackTo(&metadata);
  return metadata;
}

}  // namespace caravan::operations
