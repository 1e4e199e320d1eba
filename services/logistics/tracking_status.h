// What an event says of a parcel, in the words that are the same for all carriers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace caravan::logistics {

// In the order of a journey: events of one moment are taken in this order.
enum class TrackingStatus : uint8_t {
  kUnknown,  // the code is not known, or says that there is no information
  kInfoReceived,
  kPickedUp,
  kInTransit,  // generic: no place in the journey may be inferred
  kDepartedOrigin,
  kArrivedDestination,
  kCustomsHeld,
  kCustomsReleased,
  kArrivedDeliveryHub,
  kOutForDelivery,
  kAvailableForPickup,
  kDeliveryFailed,
  kException,
  kDamaged,  // a flag: the journey may go on
  kDelivered,
  kReturning,
  kReturned,
  kLost,
  kCancelled,
};
inline constexpr int kTrackingStatuses = 19;

// Why a parcel is held or was not delivered, where a carrier says so.
enum class TrackingReason : uint8_t {
  kNone,
  // These four stop the clock.
  kCustoms,           // retained by customs, or information asked for
  kAddress,           // wrong or incomplete
  kForceMajeure,      // weather, strike, unrest
  kRecipientRequest,  // to deliver later or elsewhere
  // These do not.
  kNobody,   // there to take it
  kRefused,  // by the recipient
  kSecurity,
};
inline constexpr int kTrackingReasons = 8;

// `OUT_FOR_DELIVERY`, `RECIPIENT_REQUEST`; no reason has the empty name.
std::string_view NameOf(TrackingStatus status);
std::string_view NameOf(TrackingReason reason);
std::optional<TrackingStatus> ParseTrackingStatus(std::string_view name);
std::optional<TrackingReason> ParseTrackingReason(std::string_view name);

// Whether an event of a status shows the parcel itself on its way to the
// recipient, rather than what is known or wished of it.
constexpr bool ShowsMovement(TrackingStatus status) {
  switch (status) {
    case TrackingStatus::kPickedUp:
    case TrackingStatus::kInTransit:
    case TrackingStatus::kDepartedOrigin:
    case TrackingStatus::kArrivedDestination:
    case TrackingStatus::kCustomsReleased:
    case TrackingStatus::kArrivedDeliveryHub:
    case TrackingStatus::kOutForDelivery:
    case TrackingStatus::kAvailableForPickup:
    case TrackingStatus::kDeliveryFailed:
    case TrackingStatus::kDelivered:
      return true;
    default:
      return false;
  }
}

// Whether a reason stops the clock.
constexpr bool IsPauseReason(TrackingReason reason) {
  return reason >= TrackingReason::kCustoms && reason <= TrackingReason::kRecipientRequest;
}

}  // namespace caravan::logistics
