// Leases: who may do what only one process may do at a time (run an operation,
// fire a timer). A lease has a name, a holder and an end; whoever takes it over
// raises its epoch. Work under a lease guards its transactions with CheckLease:
// once another has taken over, they no longer commit, however late they come.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/store/store.h"

namespace caravan::store {

// The built-in table of leases, which every store has.
inline constexpr TableId kLeases = -1;

struct Lease {
  std::string name = {};    // at most 500 bytes
  std::string holder = {};  // unique to a process
  int64_t epoch = 0;        // 1 with the first holder, raised with every acquisition
  absl::Time expires;
};

// Within a transaction:

// Takes a lease that is free, has expired or is already the holder's; raises its
// epoch. ABORTED with reason LEASE_HELD where another has it.
absl::StatusOr<Lease> AcquireLease(Transaction& tx, std::string_view name, std::string_view holder,
                                   absl::Time now, absl::Duration duration);

// Moves the end of a lease. ABORTED with reason LEASE_LOST where it was taken
// over or released; an expired lease that nobody took is renewed.
absl::StatusOr<Lease> RenewLease(Transaction& tx, const Lease& lease, absl::Time now,
                                 absl::Duration duration);

// Frees a lease; its epoch stays. OK too where it was lost before.
absl::Status ReleaseLease(Transaction& tx, const Lease& lease);

// The guard: OK while nobody has taken the lease over. The transaction does not
// commit where somebody does so until it commits. ABORTED with reason LEASE_LOST.
absl::Status CheckLease(Transaction& tx, const Lease& lease);

// The same as transactions of their own, which block.
class Leases {
 public:
  // `clock` is what all processes that share the store take for the time.
  Leases(Store* store, std::function<absl::Time()> clock)
      : store_(store), clock_(std::move(clock)) {}

  absl::StatusOr<Lease> Acquire(std::string_view name, std::string_view holder,
                                absl::Duration duration);
  absl::StatusOr<Lease> Renew(const Lease& lease, absl::Duration duration);
  absl::Status Release(const Lease& lease);

 private:
  Store* store_;
  std::function<absl::Time()> clock_;
};

}  // namespace caravan::store
