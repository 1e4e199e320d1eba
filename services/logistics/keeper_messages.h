// Parcels and events as the contract has them.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "services/logistics/event_set.h"
#include "services/logistics/parcel_ledger.h"
#include "services/logistics/parcel_record.h"

namespace caravan::logistics {

inline constexpr std::string_view kParcelPrefix = "parcels/";

// The id of `parcels/{parcel}`. NOT_FOUND with reason RESOURCE_NOT_FOUND where the name is
// none.
absl::StatusOr<std::string> IdOf(std::string_view name);
absl::Status ParcelNotFound(std::string_view name);

google::protobuf::Timestamp ToTimestamp(absl::Time time);
// Rounded down to microseconds.
absl::Time FromTimestamp(const google::protobuf::Timestamp& timestamp);

// Everything but the effect.
void SetMessage(const TrackingEvent& event, v1::ParcelEvent* message);

// A parcel as of a moment.
v1::Parcel ToMessage(std::string_view id, const ParcelRecord& record, const ParcelView& view,
                     Registers& registers, absl::Time now);

}  // namespace caravan::logistics
