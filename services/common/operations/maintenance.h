// What must be done now and then, by one replica: deleting what has expired.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/operations/clock.h"
#include "services/common/store/leases.h"
#include "services/common/store/store.h"

namespace caravan::operations {

struct MaintenanceTask {
  std::string name;  // for the log
  absl::Duration interval;
  // Does a part, and returns of how many things; called again until that is 0.
  // Harmless where two replicas do it at the same time, which a lease prevents
  // but for a replica that stalls.
  std::function<absl::StatusOr<int64_t>(absl::Time now)> run;
};

struct MaintenanceOptions {
  store::Store* store = nullptr;
  std::string replica;  // unique to this process
  // Another one for other tasks on the same store.
  std::string lease_name = "maintenance";
  Clock* clock = &Clock::System();
  // Between two looks whether there is something to do.
  absl::Duration interval = absl::Seconds(10);
  // After a crash, another replica takes over so much later.
  absl::Duration lease = absl::Minutes(1);
};

// Runs tasks on a thread of its own, while it holds the lease:
// each when it gets the lease, and then at its interval. A task that fails is
// logged and has its next turn.
class Maintenance {
 public:
  Maintenance(MaintenanceOptions options, std::vector<MaintenanceTask> tasks);
  // Stops after the part under way, and frees the lease.
  ~Maintenance();
  Maintenance(const Maintenance&) = delete;
  Maintenance& operator=(const Maintenance&) = delete;

 private:
  struct Scheduled {
    MaintenanceTask task;
    absl::Time next = absl::InfinitePast();
  };

  void Loop();
  // Takes or renews the lease; false where another has it.
  bool Hold();
  void RunDue(absl::Time now);
  void RunTask(const MaintenanceTask& task);
  bool stopping();

  const MaintenanceOptions options_;
  const std::shared_ptr<Alarm> alarm_;
  store::Leases leases_;
  // Of the thread only.
  std::vector<Scheduled> tasks_;
  std::optional<store::Lease> lease_;

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// The tasks of every service: deletes the answers by request id, the operations
// and the entries of the change log that have expired. Of the change log, images
// are kept for `images`, entries for `entries`.
std::vector<MaintenanceTask> StandardTasks(store::Store& store, absl::Duration images,
                                           absl::Duration entries);

}  // namespace caravan::operations
