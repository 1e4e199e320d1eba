#include "services/logistics/testing/journeys.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace caravan::logistics::testing {
namespace {

using Status = TrackingStatus;
using Reason = TrackingReason;

absl::TimeZone Zone(const char* name) {
  absl::TimeZone zone;
  absl::LoadTimeZone(name, &zone);
  return zone;
}

const absl::Time kBegin = absl::FromCivil(absl::CivilDay(2024, 3, 1), absl::UTCTimeZone());

}  // namespace

Terms JourneyGenerator::NextTerms() {
  // Clocks are set forward in March.
  static const std::array<absl::TimeZone, 4> kZones = {
      absl::UTCTimeZone(), Zone("America/New_York"), Zone("Europe/Berlin"), Zone("Asia/Shanghai")};
  static const auto kCalendar = std::make_shared<const WorkingCalendar>(*WorkingCalendar::Create(
      {absl::Weekday::monday, absl::Weekday::tuesday, absl::Weekday::wednesday,
       absl::Weekday::thursday, absl::Weekday::friday},
      {absl::CivilDay(2024, 3, 29), absl::CivilDay(2024, 4, 1)}, {absl::CivilDay(2024, 3, 16)}));
  Terms terms;
  terms.zone = kZones[static_cast<size_t>(Below(4))];
  if (!Chance(10)) {
    Commitment commitment;
    commitment.start = Chance(60) ? Milestone::kHandOver : static_cast<Milestone>(Below(6));
    commitment.kind = Chance(50) ? DeadlineKind::kInstant : DeadlineKind::kLocalDate;
    if (Chance(50)) {
      commitment.duration = static_cast<int>(24 + Below(400));
    } else {
      commitment.unit = DurationUnit::kWorkingDays;
      commitment.duration = static_cast<int>(1 + Below(15));
      commitment.calendar = kCalendar;
    }
    terms.commitment = commitment;
  }
  if (Chance(20)) terms.begin = kBegin + absl::Hours(Below(400));
  if (Chance(30)) terms.expected_scans = static_cast<uint8_t>(Below(128));
  if (Chance(30)) terms.information_limit = absl::Minutes(Below(600));
  return terms;
}

Dimensions JourneyGenerator::NextDimensions() {
  Dimensions dimensions;
  const auto some = [&](Dimension dimension, const char* prefix, int64_t n) {
    dimensions.Set(dimension, absl::StrCat(prefix, Below(n)));
  };
  some(Dimension::kPartnership, "partnerships/p", 5);
  some(Dimension::kCourier, "partners/c", 3);
  some(Dimension::kLineHaulCompany, "partners/l", 3);
  some(Dimension::kLane, "lanes/", 4);
  some(Dimension::kDestination, "countries/", 3);
  some(Dimension::kOriginZone, "pilotZones/", 6);
  some(Dimension::kSeller, "enterprises/", 40);
  if (Chance(90)) some(Dimension::kPlatform, "platforms/", 3);
  return dimensions;
}

std::vector<TrackingEvent> JourneyGenerator::NextEvents() {
  // Some carriers tell whole hours: then much happens at one moment, or just when a
  // deadline comes.
  const bool by_hours = Chance(30);
  absl::Time time = kBegin + (by_hours ? Below(24 * 24) * 120 : Below(24 * 24 * 120)) * kTick;
  std::vector<TrackingEvent> events;
  const auto happens = [&](Status status, Reason reason, int64_t hours) {
    time += (by_hours ? Below(hours + 1) * 120 : 1 + Below(hours * 120)) * kTick;
    TrackingEvent event;
    event.carrier = status <= Status::kDepartedOrigin ? "partners/line" : "partners/courier";
    if (Chance(70)) event.id = absl::StrCat("e", events.size());
    event.code = absl::StrCat("c", static_cast<int>(status));
    event.place = absl::StrCat("place ", Below(3));
    event.time = time;
    event.status = status;
    event.reason = reason;
    event.known = true;
    events.push_back(event);
  };
  static constexpr std::array<Reason, 8> kReasons = {
      Reason::kNone,         Reason::kCustoms,          Reason::kAddress,
      Reason::kForceMajeure, Reason::kRecipientRequest, Reason::kNobody,
      Reason::kRefused,      Reason::kSecurity};
  const auto reason = [&] { return kReasons[static_cast<size_t>(Below(8))]; };
  happens(Status::kInfoReceived, Reason::kNone, 10);
  happens(Status::kPickedUp, Reason::kNone, 24);
  happens(Status::kInTransit, Reason::kNone, 24);
  happens(Status::kDepartedOrigin, Reason::kNone, 24);
  if (Chance(10)) happens(Status::kException, Reason::kForceMajeure, 10);
  happens(Status::kArrivedDestination, Reason::kNone, 100);
  happens(Status::kCustomsHeld, Chance(20) ? Reason::kCustoms : Reason::kNone, 4);
  happens(Status::kCustomsReleased, Reason::kNone, 60);
  happens(Status::kArrivedDeliveryHub, Reason::kNone, 24);
  happens(Status::kOutForDelivery, Reason::kNone, 40);
  while (Chance(20)) {
    happens(Status::kDeliveryFailed, reason(), 6);
    if (Chance(20)) {
      happens(Status::kDeliveryFailed, reason(), 1);
      events.back().time = time = events[events.size() - 2].time + (1 + Below(4)) * kTick;
    }
    happens(Status::kOutForDelivery, Reason::kNone, 24);
  }
  const int64_t end = Below(100);
  if (end < 88) happens(Status::kDelivered, Reason::kNone, 10);
  if (end >= 88 && end < 92) happens(Status::kLost, Reason::kNone, 200);
  if (end >= 92 && end < 95) happens(Status::kReturning, Reason::kNone, 24);
  if (end >= 92 && end < 94) happens(Status::kReturned, Reason::kNone, 200);
  if (end == 95) happens(Status::kCancelled, Reason::kNone, 24);
  for (size_t i = 0; i < events.size();) {
    TrackingEvent& event = events[i];
    if (Chance(faults_)) {
      switch (Below(6)) {
        case 0:  // never told
          events.erase(events.begin() + static_cast<std::ptrdiff_t>(i));
          continue;
        case 1:  // by a wrong clock
          event.time += absl::Hours(Below(40) - 20);
          break;
        case 2:  // at the moment of another
          event.time = events[static_cast<size_t>(Below(static_cast<int64_t>(events.size())))].time;
          break;
        case 3:  // says something else
          event.status = static_cast<Status>(Below(kTrackingStatuses));
          event.reason = reason();
          break;
        case 4:  // in words that nobody knows
          event.status = Status::kUnknown;
          event.known = false;
          break;
        default:  // gives a reason for whatever it is
          event.reason = reason();
          break;
      }
    }
    ++i;
  }
  return events;
}

void JourneyGenerator::Tell(const TrackingEvent& event, std::vector<Message>& messages) {
  const auto tell = [&](TrackingEvent version) {
    version.receipt = version.time + (Chance(90) ? Below(240) : Below(9000) - 60) * kTick;
    const absl::Time arrival = version.receipt + (Chance(faults_) ? Below(5000) : Below(3)) * kTick;
    messages.push_back({arrival, std::move(version)});
  };
  tell(event);
  if (!Chance(faults_)) return;
  const auto versions = static_cast<int32_t>(1 + Below(3));
  for (int32_t i = 1; i <= versions; ++i) {
    TrackingEvent version = event;
    if (Chance(60)) {
      // Some carriers forget to count their corrections.
      version.correction = Chance(80) ? i : 0;
      if (!event.id.empty()) version.time += (Below(2000) - 1000) * kTick;
      if (Chance(20)) version.status = static_cast<Status>(Below(kTrackingStatuses));
      version.withdrawn = Chance(10);
    }
    tell(version);
  }
}

Journey JourneyGenerator::Next() {
  Journey journey;
  journey.terms = NextTerms();
  journey.dimensions = NextDimensions();
  for (const TrackingEvent& event : NextEvents()) Tell(event, journey.messages);
  std::sort(journey.messages.begin(), journey.messages.end(),
            [](const Message& a, const Message& b) { return a.arrival < b.arrival; });
  return journey;
}

}  // namespace caravan::logistics::testing
