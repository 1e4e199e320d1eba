// What the services of parcels, events and scorecards share: the store of parcels, its
// keeper, and those who watch. Runs what time brings.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/host/host.h"
#include "services/common/rpc/executor.h"
#include "services/logistics/change_hub.h"
#include "services/logistics/parcel_keeper.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/register_book.h"
#include "services/logistics/retention.h"

namespace caravan::logistics {

// Keys of ChangeHub, beside the names of parcels.
inline constexpr std::string_view kJournalKey = "journal";
inline constexpr std::string_view kScorecardsKey = "scorecards";  // not notified: by the pulse

class ParcelHost {
 public:
  // Opens the store of parcels beside that of the registers: a file with `.parcels`
  // behind its name, or a schema of the same database with `_parcels` behind its name.
  static absl::StatusOr<std::shared_ptr<ParcelHost>> Open(const host::Dependencies& dependencies,
                                                          const Retention& retention = {});
  ~ParcelHost();

  ParcelStore& store() { return *store_; }
  RegisterBook& registers() { return *registers_; }
  ParcelKeeper& keeper() { return *keeper_; }
  ChangeHub& hub() { return hub_; }
  // For reads of those who watch.
  rpc::Executor& executor() { return *executor_; }

  // Counts events that were taken in.
  void Count(const v1::IngestionCounts& counts);

  // What is done each second: brings up to date what time has changed, follows the
  // registers, wakes those who watch; each hour it deletes what has expired. A test calls
  // it by itself.
  void Pulse();

 private:
  struct Counters;

  ParcelHost(std::function<absl::Time()> clock, const Retention& retention);
  void Changed(const KeeperChange& change);
  // Counts a damaged record, and tells of it once.
  void Damaged(std::string_view record);
  void Run();
  // Lets others have their turn in a sweep; false: it is to end.
  bool GoOn();
  // Deletes what has expired, where that is due.
  void Expire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(pulsing_);
  // How many rows the feed has lost so far.
  absl::StatusOr<int64_t> FeedRowsGone();

  const std::function<absl::Time()> clock_;
  const Retention retention_;
  std::unique_ptr<ParcelStore> store_;
  std::unique_ptr<RegisterBook> registers_;
  ChangeHub hub_;
  std::unique_ptr<Counters> counters_;
  std::unique_ptr<ParcelKeeper> keeper_;
  std::unique_ptr<rpc::Executor> executor_;
  absl::Mutex pulsing_;
  bool reconsider_ ABSL_GUARDED_BY(pulsing_) = false;
  absl::Time next_expiry_ ABSL_GUARDED_BY(pulsing_) = absl::InfinitePast();
  int32_t expired_day_ ABSL_GUARDED_BY(pulsing_) = INT32_MIN;  // of parcels
  absl::Time oldest_parcel_ ABSL_GUARDED_BY(pulsing_) = absl::InfinitePast();
  // Within a sweep.
  std::chrono::steady_clock::time_point next_pulse_ ABSL_GUARDED_BY(pulsing_);
  absl::Mutex damaged_mutex_;
  absl::flat_hash_set<std::string> damaged_ ABSL_GUARDED_BY(damaged_mutex_);
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace caravan::logistics
