#include "services/common/store/leases.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// A row is `<epoch> <end, microseconds since 1970> <holder>`; a free lease has
// no holder.
std::string Encode(const Lease& lease) {
  return absl::StrCat(lease.epoch, " ", absl::ToUnixMicros(lease.expires), " ", lease.holder);
}

absl::StatusOr<Lease> ReadLease(Transaction& tx, std::string_view name) {
  absl::StatusOr<std::optional<Row>> row = tx.Get(kLeases, name);
  if (!row.ok()) return row.status();
  Lease lease{.name = std::string(name), .expires = absl::InfinitePast()};
  if (!row->has_value()) return lease;
  const std::vector<std::string_view> parts = absl::StrSplit((*row)->data, absl::MaxSplits(' ', 2));
  int64_t expires = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &lease.epoch) ||
      !absl::SimpleAtoi(parts[1], &expires)) {
    return MisuseError(absl::StrCat("the row of lease ", name, " is damaged"));
  }
  lease.expires = absl::FromUnixMicros(expires);
  lease.holder = parts[2];
  return lease;
}

absl::Status Lost(const Lease& lease, const Lease& current) {
  return api::Error(absl::StatusCode::kAborted, "LEASE_LOST",
                    absl::StrCat("the lease ", lease.name, " is no longer held with epoch ",
                                 lease.epoch, "; its epoch is ", current.epoch));
}

bool Holds(const Lease& lease, const Lease& current) {
  return current.epoch == lease.epoch && current.holder == lease.holder;
}

// Runs a step as a transaction; it gives the lease.
absl::StatusOr<Lease> RunStep(Store& store,
                              std::function<absl::StatusOr<Lease>(Transaction& tx)> step) {
  Lease lease;
  absl::StatusOr<Committed> committed = store.WriteAndWait([&](Transaction& tx) -> absl::Status {
    absl::StatusOr<Lease> result = step(tx);
    if (result.ok()) lease = *std::move(result);
    return result.status();
  });
  if (!committed.ok()) return committed.status();
  return lease;
}

}  // namespace

absl::StatusOr<Lease> AcquireLease(Transaction& tx, std::string_view name, std::string_view holder,
                                   absl::Time now, absl::Duration duration) {
  absl::StatusOr<Lease> lease = ReadLease(tx, name);
  if (!lease.ok()) return lease;
  if (!lease->holder.empty() && lease->holder != holder && lease->expires > now) {
    return api::Error(absl::StatusCode::kAborted, "LEASE_HELD",
                      absl::StrCat("the lease ", name, " is held by another until ",
                                   absl::FormatTime(lease->expires, absl::UTCTimeZone())));
  }
  lease->holder = std::string(holder);
  lease->epoch += 1;
  lease->expires = now + duration;
  tx.Put(kLeases, lease->name, Encode(*lease));
  return lease;
}

absl::StatusOr<Lease> RenewLease(Transaction& tx, const Lease& lease, absl::Time now,
                                 absl::Duration duration) {
  absl::StatusOr<Lease> current = ReadLease(tx, lease.name);
  if (!current.ok()) return current;
  if (!Holds(lease, *current)) return Lost(lease, *current);
  current->expires = now + duration;
  tx.Put(kLeases, current->name, Encode(*current));
  return current;
}

absl::Status ReleaseLease(Transaction& tx, const Lease& lease) {
  absl::StatusOr<Lease> current = ReadLease(tx, lease.name);
  if (!current.ok()) return current.status();
  if (!Holds(lease, *current)) return absl::OkStatus();
  current->holder.clear();
  tx.Put(kLeases, current->name, Encode(*current));
  return absl::OkStatus();
}

absl::Status CheckLease(Transaction& tx, const Lease& lease) {
  absl::StatusOr<Lease> current = ReadLease(tx, lease.name);
  if (!current.ok()) return current.status();
  return Holds(lease, *current) ? absl::OkStatus() : Lost(lease, *current);
}

absl::StatusOr<Lease> Leases::Acquire(std::string_view name, std::string_view holder,
                                      absl::Duration duration) {
  return RunStep(
      *store_, [&](Transaction& tx) { return AcquireLease(tx, name, holder, clock_(), duration); });
}

absl::StatusOr<Lease> Leases::Renew(const Lease& lease, absl::Duration duration) {
  return RunStep(*store_,
                 [&](Transaction& tx) { return RenewLease(tx, lease, clock_(), duration); });
}

absl::Status Leases::Release(const Lease& lease) {
  return store_->WriteAndWait([&](Transaction& tx) { return ReleaseLease(tx, lease); }).status();
}

}  // namespace caravan::store
