// What the work of a long-running operation sees while it runs.
//
// Work must be able to start again: its process may die at any moment, and
// another goes on from the last checkpoint. So what it writes is either written
// together with the checkpoint that says so, or the same when written again.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/identity/access.h"
#include "services/common/operations/clock.h"
#include "services/common/operations/operation_record.h"
#include "services/common/resources/caller.h"
#include "services/common/store/leases.h"
#include "services/common/store/store.h"

namespace caravan::operations {

// What running operations work with; all outlive them.
struct Environment {
  store::Store* store = nullptr;
  Clock* clock = nullptr;
  const identity::AccessControl* access = nullptr;
  absl::TimeZone time_zone;  // of legal days
};

// What a running operation and its runner tell each other. Thread-safe.
class OperationSignals {
 public:
  // To the operation: its cancellation was asked for; the process stops, and
  // another will go on; another has taken it over.
  void Cancel() { cancelled_ = true; }
  void Stop() { stopping_ = true; }
  void LoseLease() { lost_ = true; }
  bool cancelled() const { return cancelled_; }
  bool stopping() const { return stopping_; }
  bool lost() const { return lost_; }

  // From the operation: how far it is.
  void SetProgress(int64_t done_units, int64_t total_units, std::string_view stage);
  // Writes that into the metadata; leaves them where it has said nothing.
  void GetProgress(caravan::api::v1::OperationMetadata& metadata) const;
  // Grows with every SetProgress.
  int64_t progress_version() const;

 private:
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> lost_ = false;
  mutable absl::Mutex mutex_;
  int64_t progress_version_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t done_units_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t total_units_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string stage_ ABSL_GUARDED_BY(mutex_);
};

// One attempt at an operation. `cancelled`, `stopping` and `SetProgress` may be
// called on any thread, the rest on that of the work.
class OperationContext {
 public:
  OperationContext(const Environment& environment, OperationSignals& signals, std::string name,
                   store::Lease lease, OperationRecord record);

  // `operations/<uuid>`.
  const std::string& name() const { return name_; }

  // The work should end soon: its cancellation was asked for, or the process
  // stops. It then returns CancelledStatus(), in the latter case with what it
  // has done saved; work that returns its result none the less has that.
  bool cancelled() const;
  // It is because the process stops; the operation will go on from the last
  // checkpoint.
  bool stopping() const;
  absl::Status CancelledStatus() const;

  // Says how far the work is: how much of how much is done (0: not known), in
  // units of its own, and for people what it is doing. Cheap; written at most
  // once a second, and with every checkpoint.
  void SetProgress(int64_t done_units, int64_t total_units, std::string_view stage);

  // Where to go on; empty at the beginning.
  const std::string& checkpoint() const { return record_.checkpoint(); }

  // Runs a transaction; with a checkpoint, which is saved in it, so that either
  // both are there or none. Refused where another has taken the operation over.
  // Where the store is away or another has taken over, the error ends this
  // attempt: the work is to return, and its result is not taken.
  absl::Status Write(store::WriteBody body, std::optional<std::string> checkpoint = std::nullopt);
  absl::Status SaveCheckpoint(std::string checkpoint);

  // Reads a consistent state; errors as with Write.
  absl::Status Read(store::ReadBody body);

  absl::Time now() const { return environment_.clock->Now(); }

  // Who started the operation and how, in whose name its changes are made.
  resources::Caller caller() const;

  // For the runner. The store was away or the lease lost during a call.
  bool interrupted() const { return interrupted_; }
  // The work was told to stop.
  bool told_to_stop() const { return told_to_stop_; }

 private:
  absl::Status Noted(const absl::Status& status);

  const Environment& environment_;
  OperationSignals& signals_;
  const std::string name_;
  const store::Lease lease_;
  OperationRecord record_;
  bool interrupted_ = false;
  mutable std::atomic<bool> told_to_stop_ = false;
};

// Whether a store's error will pass: it is away, overloaded or full.
bool IsPassing(const absl::Status& status);

}  // namespace caravan::operations
