#include "services/logistics/event_intake.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"

namespace caravan::logistics {
namespace {

constexpr size_t kMaxNumber = 64;
constexpr size_t kMaxText = 100;

absl::Status Refuse(std::string_view reason, std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, reason, std::move(message));
}

absl::Time ReceiptOf(const v1::TrackingEvent& event, absl::Time now) {
  if (!event.has_receipt_time()) return now;
  const absl::Time receipt =
      absl::FromUnixSeconds(event.receipt_time().seconds()) +
      absl::Floor(absl::Nanoseconds(event.receipt_time().nanos()), absl::Microseconds(1));
  return std::min(receipt, now);
}

}  // namespace

absl::Status EventIntake::Check(const v1::TrackingEvent& event) {
  const std::string& number = event.tracking_number();
  if (number.empty() || number.size() > kMaxNumber ||
      !std::all_of(number.begin(), number.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return Refuse("INVALID_TRACKING_NUMBER",
                  absl::StrCat("tracking_number: ", api::Quoted(number),
                               " is not 1 to 64 visible ASCII characters"));
  }
  if (event.event_id().size() > kMaxText) {
    return Refuse("INVALID_EVENT_ID", absl::StrCat("event_id: has ", event.event_id().size(),
                                                   " bytes; it would have 100 at the most"));
  }
  if (event.code().empty()) {
    return Refuse("INVALID_CODE", "code: is empty; it would be the carrier's, of 1 to 100 bytes");
  }
  if (event.code().size() > kMaxText) {
    return Refuse("INVALID_CODE", absl::StrCat("code: has ", event.code().size(),
                                               " bytes; it would have 100 at the most"));
  }
  if (event.place().size() > kMaxText) {
    return Refuse("INVALID_PLACE", absl::StrCat("place: has ", event.place().size(),
                                                " bytes; it would have 100 at the most"));
  }
  return absl::OkStatus();
}

bool EventIntake::WantsDestination(const v1::TrackingEvent& from) const {
  constexpr size_t kClockEnd = 16;  // 2024-08-02T10:15, behind which an offset may be
  return from.place_time_zone().empty() && !carrier_.times.ZoneFor(std::nullopt) &&
         from.event_time().find_first_of("+-Z", kClockEnd) == std::string::npos;
}

absl::Status EventIntake::ReadTimes(const v1::TrackingEvent& from,
                                    std::optional<absl::TimeZone> destination,
                                    TrackingEvent* event) {
  std::optional<absl::TimeZone> place = destination;
  if (const std::string& name = from.place_time_zone(); !name.empty()) {
    const auto [zone, is_new] = zones_.try_emplace(name);
    if (is_new) {
      // The same names as in rules, but for the rule that asks for a place.
      const absl::StatusOr<TimeRule> rule = TimeRule::Parse(name);
      if (rule.ok()) zone->second = rule->ZoneFor(std::nullopt);
    }
    if (!zone->second) {
      return Refuse("INVALID_PLACE", absl::StrCat("place_time_zone: ", api::Quoted(name),
                                                  " is no time zone such as America/Sao_Paulo"));
    }
    place = zone->second;
  }
  const absl::StatusOr<absl::Time> time = ReadEventTime(from.event_time(), carrier_.times, place);
  if (!time.ok()) return time.status();
  if (*time > now_ + kMaxAhead) {
    return Refuse("EVENT_TOO_FAR_AHEAD",
                  absl::StrCat("event_time: ", api::Quoted(from.event_time()),
                               " is more than 24 hours ahead of ",
                               absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", now_, absl::UTCTimeZone())));
  }
  if (*time < oldest_) {
    return Refuse("EVENT_TOO_OLD",
                  absl::StrCat("event_time: ", api::Quoted(from.event_time()), " is from before ",
                               absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", oldest_, absl::UTCTimeZone()),
                               ", of which parcels are no longer kept"));
  }
  event->time = *time;
  event->receipt = ReceiptOf(from, now_);
  return absl::OkStatus();
}

absl::Status EventIntake::Read(const v1::TrackingEvent& from,
                               std::optional<absl::TimeZone> destination, TrackingEvent* event) {
  if (absl::Status status = Check(from); !status.ok()) return status;
  if (absl::Status status = ReadTimes(from, destination, event); !status.ok()) return status;
  event->carrier = name_;
  event->id = from.event_id();
  event->code = from.code();
  event->place = from.place();
  const TrackingMeaning meaning = carrier_.codes->Find(carrier_.vocabulary, from.code());
  event->status = meaning.status;
  event->known = meaning.known;
  event->reason = meaning.reason;
  if (from.reason() > 0 && from.reason() < kTrackingReasons) {
    event->reason = static_cast<TrackingReason>(from.reason());
  }
  event->correction = std::max(from.correction(), 0);
  event->withdrawn = from.withdrawn();
  return absl::OkStatus();
}

}  // namespace caravan::logistics
