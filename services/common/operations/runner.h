// Runs operations: a scheduler that looks for work, renews leases, writes
// progress and answers waits, and threads that work.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/operations/operations.h"
#include "services/common/store/leases.h"

namespace caravan::operations {

class Runner {
 public:
  // All outlive it. `alarm` is rung when there may be work.
  Runner(const OperationsOptions& options, const OperationKinds& kinds,
         std::shared_ptr<Alarm> alarm);
  ~Runner();

  void Run();
  void Drain();
  void Stop();

  void Wait(const std::string& name, absl::Time deadline, std::function<bool()> gone,
            Operations::WaitDone done);
  size_t waiting();

 private:
  // An operation whose lease this process has.
  struct Running {
    std::string name;
    store::Lease lease;
    OperationRecord record;  // as it was when acquired
    OperationSignals signals;
    // Of the scheduler only.
    absl::Time next_renewal;
    absl::Time next_progress;
    int64_t progress_written = 0;
  };
  using RunningPtr = std::shared_ptr<Running>;
  using Result = absl::StatusOr<google::protobuf::Any>;

  struct Waiting {
    std::string name;
    absl::Time deadline;
    std::function<bool()> gone;
    Operations::WaitDone done;
  };

  // What a round found in the store.
  struct Found {
    std::vector<std::string> names;  // those asked for, and their records
    std::vector<std::optional<OperationRecord>> records;
    std::vector<std::string> candidates;  // unfinished ones of others
  };

  // The scheduler.
  void Schedule();
  void Round(absl::Time now);
  absl::Status Keep(absl::Time now, const std::vector<RunningPtr>& running);
  absl::StatusOr<Found> Look(const std::vector<RunningPtr>& running, bool for_work);
  void TellCancelled(const Found& found, const std::vector<RunningPtr>& running);
  void AnswerWaits(absl::Time now, const absl::StatusOr<Found>& found);
  void Acquire(absl::Time now, const std::vector<std::string>& candidates);
  // Null where another has it, or it is done.
  absl::StatusOr<RunningPtr> TryAcquire(absl::Time now, const std::string& name);
  absl::Time NextRound(absl::Time began);
  void Report(const absl::Status& status);

  // The threads that work.
  void Work();
  void RunOperation(Running& operation);
  void Settle(Running& operation, const Result& result);
  absl::Status End(Running& operation, const Result& result);
  void Pause(Running& operation);
  // Waits for the scheduler to reach the store; false where the runner stops.
  bool AwaitStore();

  const OperationsOptions& options_;
  const OperationKinds& kinds_;
  const std::shared_ptr<Alarm> alarm_;
  const Environment environment_;

  absl::Mutex mutex_;
  bool started_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;  // no new work
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;   // Stop was called
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;    // the scheduler ends
  int64_t rounds_ ABSL_GUARDED_BY(mutex_) = 0;     // that reached the store
  std::map<std::string, RunningPtr> running_ ABSL_GUARDED_BY(mutex_);
  std::deque<RunningPtr> acquired_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);

  bool away_ = false;  // of the scheduler: the store did not answer last time
  std::thread scheduler_;
  std::vector<std::thread> workers_;
};

}  // namespace caravan::operations
