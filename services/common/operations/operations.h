// Long-running operations (AIP-151): work that a method starts in its
// transaction and that goes on after its answer, through restarts.
//
//   operations.Register<AllocateRequest, Allocation>(
//       "FairAllocation", [](OperationContext& context, const AllocateRequest& request)
//           -> absl::StatusOr<Allocation> { ... });
//
//   absl::StatusOr<google::longrunning::Operation> AllocateFair(
//       rpc::Call& call, store::Transaction& tx, const AllocateRequest& request) {
//     ...
//     return operations_.Start(call.caller, tx, "FairAllocation", request, request.name());
//   }
//
// An operation runs on one replica at a time, under a lease; where that replica
// dies, another goes on from the last checkpoint. An operation that kills its
// process again and again fails in the end (OPERATION_CRASHED).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/longrunning/operations.pb.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/message.h"
#include "services/common/operations/clock.h"
#include "services/common/operations/operation_context.h"
#include "services/common/resources/caller.h"
#include "services/common/store/store.h"

namespace caravan::operations {

struct OperationsOptions {
  store::Store* store = nullptr;  // opened with the tables of a resources::Registry
  std::string replica;            // unique to this process
  const identity::AccessControl* access = nullptr;
  absl::TimeZone time_zone;  // of legal days
  Clock* clock = &Clock::System();
  int threads = 2;                                      // operations at the same time
  absl::Duration poll_interval = absl::Seconds(1);      // looks for operations of others
  absl::Duration progress_interval = absl::Seconds(1);  // between two writes of progress
  absl::Duration lease = absl::Seconds(15);             // after a crash, others wait so long
  int most_crashes = 5;                                 // then the operation fails
  absl::Duration retention = absl::Hours(24 * 30);      // of what is done
  size_t most_waits = 4096;                             // waiting calls
};

class Runner;

// A kind of operation: what its parameters are and how it is done.
struct OperationKind {
  const google::protobuf::Descriptor* parameters = nullptr;
  std::function<absl::StatusOr<google::protobuf::Any>(OperationContext& context,
                                                      const google::protobuf::Any& parameters)>
      work;
};
using OperationKinds = std::map<std::string, OperationKind, std::less<>>;

class Operations {
 public:
  explicit Operations(OperationsOptions options);
  ~Operations();  // stops
  Operations(const Operations&) = delete;
  Operations& operator=(const Operations&) = delete;

  // Registers a kind, before Run. Its name is stored with its operations: a kind
  // keeps it, and what its parameters and checkpoints mean.
  template <class Parameters, class Response>
  void Register(std::string kind,
                std::function<absl::StatusOr<Response>(OperationContext& context,
                                                       const Parameters& parameters)>
                    work) {
    kinds_[std::move(kind)] = {
        Parameters::descriptor(),
        [work = std::move(work)](OperationContext& context, const google::protobuf::Any& any)
            -> absl::StatusOr<google::protobuf::Any> {
          Parameters parameters;
          if (!any.UnpackTo(&parameters)) {
            return absl::DataLossError("the parameters of an operation do not parse");
          }
          absl::StatusOr<Response> response = work(context, parameters);
          if (!response.ok()) return response.status();
          google::protobuf::Any packed;
          packed.PackFrom(*response);
          return packed;
        }};
  }

  // Begins to run operations, those of earlier processes first.
  void Run();

  // Begins to stop, without waiting: begins nothing new, asks what runs to stop,
  // and ends all waits.
  void Drain();

  // Drains, and waits until all work has stopped; other processes, or the next
  // one, go on with it. Before the store is closed.
  void Stop();

  // Starts an operation in the transaction of a write handler; it runs once that
  // has committed. `resource` is the name of what it works on; whoever holds a
  // permission on operations there sees it.
  absl::StatusOr<google::longrunning::Operation> Start(const resources::Caller& caller,
                                                       store::Transaction& tx,
                                                       std::string_view kind,
                                                       const google::protobuf::Message& parameters,
                                                       std::string_view resource);

  // Asks for the end of an operation: one that nobody has begun ends at once, a
  // running one is told, one that is done stays as it is.
  void Cancel(store::Transaction& tx, const std::string& name, OperationRecord record);

  // Calls back with an operation once it is done, at the deadline, when `gone`
  // (may be empty) says that nobody waits any more, or when this process stops,
  // as it then is; on a thread of the runner, or at once. NOT_FOUND where it has been deleted
  // meanwhile, RESOURCE_EXHAUSTED where too many wait.
  using WaitDone = absl::AnyInvocable<void(absl::StatusOr<google::longrunning::Operation>)>;
  void Wait(const std::string& name, absl::Time deadline, std::function<bool()> gone,
            WaitDone done);

  // How many wait.
  size_t waiting() const;

  store::Store& store() { return *options_.store; }

 private:
  const OperationsOptions options_;
  const std::shared_ptr<Alarm> alarm_;
  OperationKinds kinds_;
  std::unique_ptr<Runner> runner_;
};

// NOT_FOUND for an operation.
absl::Status OperationNotFound(std::string_view name);

// Deletes operations that are done and have expired; returns how many, 1,000 at
// the most.
absl::StatusOr<int> ExpireOperations(store::Store& store, absl::Time now);

}  // namespace caravan::operations
