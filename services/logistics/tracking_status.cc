#include "services/logistics/tracking_status.h"

#include <array>

namespace caravan::logistics {
namespace {

constexpr std::array<std::string_view, kTrackingStatuses> kStatusNames = {
    "UNKNOWN",
    "INFO_RECEIVED",
    "PICKED_UP",
    "IN_TRANSIT",
    "DEPARTED_ORIGIN",
    "ARRIVED_DESTINATION",
    "CUSTOMS_HELD",
    "CUSTOMS_RELEASED",
    "ARRIVED_DELIVERY_HUB",
    "OUT_FOR_DELIVERY",
    "AVAILABLE_FOR_PICKUP",
    "DELIVERY_FAILED",
    "EXCEPTION",
    "DAMAGED",
    "DELIVERED",
    "RETURNING",
    "RETURNED",
    "LOST",
    "CANCELLED",
};

constexpr std::array<std::string_view, kTrackingReasons> kReasonNames = {
    "", "CUSTOMS", "ADDRESS", "FORCE_MAJEURE", "RECIPIENT_REQUEST", "NOBODY", "REFUSED", "SECURITY",
};

template <typename Enum, size_t n>
std::optional<Enum> Parse(const std::array<std::string_view, n>& names, std::string_view name) {
  for (size_t i = 0; i < n; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view NameOf(TrackingStatus status) { return kStatusNames[static_cast<size_t>(status)]; }

std::string_view NameOf(TrackingReason reason) { return kReasonNames[static_cast<size_t>(reason)]; }

std::optional<TrackingStatus> ParseTrackingStatus(std::string_view name) {
  return Parse<TrackingStatus>(kStatusNames, name);
}

std::optional<TrackingReason> ParseTrackingReason(std::string_view name) {
  return Parse<TrackingReason>(kReasonNames, name);
}

}  // namespace caravan::logistics
