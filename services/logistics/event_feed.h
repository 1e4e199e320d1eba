// The feed of events: the journals of all buckets, as one caller may see them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "services/common/resources/caller.h"
#include "services/logistics/parcel_keeper.h"
#include "services/logistics/parcel_store.h"

namespace caravan::logistics {

// How far a reader of the feed is in each bucket, as an opaque text.
std::string EncodePosition(const std::vector<int64_t>& sequences);
// INVALID_ARGUMENT with reason INVALID_POSITION where the text is none of a store with
// so many buckets.
absl::StatusOr<std::vector<int64_t>> DecodePosition(std::string_view text, int buckets);

class EventFeed {
 public:
  // Store and keeper outlive it. `permission` is asked for on each parcel or its owners.
  EventFeed(ParcelStore& store, ParcelKeeper& keeper, resources::Caller caller,
            std::vector<int64_t> position);

  // OUT_OF_RANGE with reason POSITION_EXPIRED where the journal no longer has what comes
  // next.
  absl::Status CheckRetained();

  // What comes next, of one bucket; nothing where there is no more now. OUT_OF_RANGE as
  // above where retention has overtaken a reader that is slow.
  absl::StatusOr<std::optional<v1::WatchEventsResponse>> Next();

 private:
  absl::Status Expired(int bucket, int64_t oldest) const;
  absl::Status LeaveOutUnreadable(v1::WatchEventsResponse& response);

  ParcelStore& store_;
  ParcelKeeper& keeper_;
  const resources::Caller caller_;
  std::vector<int64_t> position_;  // by bucket: the last sequence number that was read
  int bucket_ = 0;                 // which is looked at next
};

}  // namespace caravan::logistics
