#include "services/common/operations/maintenance.h"

#include <utility>

#include "services/common/operations/operations.h"
#include "services/common/resources/requests.h"
#include "services/common/telemetry/log.h"

namespace caravan::operations {

namespace {

constexpr absl::Duration kTaskInterval = absl::Minutes(10);

}  // namespace

Maintenance::Maintenance(MaintenanceOptions options, std::vector<MaintenanceTask> tasks)
    : options_(std::move(options)),
      alarm_(options_.clock->NewAlarm()),
      leases_(options_.store, [clock = options_.clock] { return clock->Now(); }) {
  for (MaintenanceTask& task : tasks) tasks_.push_back({std::move(task)});
  thread_ = std::thread([this] { Loop(); });
}

Maintenance::~Maintenance() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  alarm_->Ring();
  thread_.join();
}

bool Maintenance::stopping() {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void Maintenance::Loop() {
  while (!stopping()) {
    const absl::Time began = options_.clock->Now();
    if (Hold()) RunDue(began);
    alarm_->Wait(began + options_.interval);
  }
  if (!lease_.has_value()) return;
  absl::Status released = leases_.Release(*lease_);
  if (!released.ok()) {
    telemetry::Log(telemetry::LogLevel::kWarning, "The lease of maintenance was not freed",
                   {{"error", released.ToString()}});
  }
}

bool Maintenance::Hold() {
  if (lease_.has_value()) {
    absl::StatusOr<store::Lease> renewed = leases_.Renew(*lease_, options_.lease);
    if (renewed.ok()) {
      lease_ = *std::move(renewed);
      return true;
    }
    // While the store is away, nobody else gets it either.
    if (absl::IsAborted(renewed.status())) lease_.reset();
    return false;
  }
  absl::StatusOr<store::Lease> acquired =
      leases_.Acquire(options_.lease_name, options_.replica, options_.lease);
  if (!acquired.ok()) return false;
  lease_ = *std::move(acquired);
  // What the replica before has done is not known.
  for (Scheduled& scheduled : tasks_) scheduled.next = absl::InfinitePast();
  return true;
}

void Maintenance::RunDue(absl::Time now) {
  for (Scheduled& scheduled : tasks_) {
    if (scheduled.next > now) continue;
    if (stopping()) return;
    RunTask(scheduled.task);
    scheduled.next = now + scheduled.task.interval;
  }
}

void Maintenance::RunTask(const MaintenanceTask& task) {
  int64_t total = 0;
  while (!stopping()) {
    absl::StatusOr<int64_t> some = task.run(options_.clock->Now());
    if (!some.ok()) {
      telemetry::Log(telemetry::LogLevel::kWarning, "A task of maintenance failed",
                     {{"task", task.name}, {"error", some.status().ToString()}});
      return;
    }
    total += *some;
    // A long task keeps its lease.
    if (*some == 0 || !Hold()) break;
  }
  if (total > 0) {
    telemetry::Log(telemetry::LogLevel::kInfo, "Maintenance has deleted what expired",
                   {{"task", task.name}, {"count", total}});
  }
}

std::vector<MaintenanceTask> StandardTasks(store::Store& store, absl::Duration images,
                                           absl::Duration entries) {
  return {
      {"request answers", kTaskInterval,
       [&store](absl::Time now) -> absl::StatusOr<int64_t> {
         return resources::ExpireAnswers(store, now);
       }},
      {"operations", kTaskInterval,
       [&store](absl::Time now) -> absl::StatusOr<int64_t> {
         return ExpireOperations(store, now);
       }},
      {"change log", kTaskInterval,
       [&store, images, entries](absl::Time now) {
         return store.Expire(now - entries, now - images);
       }},
  };
}

}  // namespace caravan::operations
