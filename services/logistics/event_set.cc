#include "services/logistics/event_set.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace caravan::logistics {
namespace {

bool SameEvent(const TrackingEvent& a, const TrackingEvent& b) {
  if (a.carrier != b.carrier || a.id != b.id) return false;
  return !a.id.empty() || (a.code == b.code && a.time == b.time && a.place == b.place);
}

auto Version(const TrackingEvent& event) {
  return std::tie(event.correction, event.time, event.status, event.reason, event.code, event.place,
                  event.withdrawn);
}

auto Order(const TrackingEvent& event) {
  return std::tie(event.time, event.status, event.carrier, event.id, event.code, event.place);
}

}  // namespace

EventSet::Outcome EventSet::Add(TrackingEvent event) {
  const auto same = std::find_if(events_.begin(), events_.end(), [&](const TrackingEvent& other) {
    return SameEvent(event, other);
  });
  if (same == events_.end()) {
    if (events_.size() == kMaxEvents) return Outcome::kRefused;
    Insert(std::move(event));
    return Outcome::kAdded;
  }
  const bool earlier = event.receipt < same->receipt;
  if (earlier) same->receipt = event.receipt;
  if (Version(event) <= Version(*same)) return earlier ? Outcome::kEarlier : Outcome::kKnown;
  event.receipt = same->receipt;
  events_.erase(same);
  Insert(std::move(event));
  return Outcome::kCorrected;
}

std::optional<EventSet> EventSet::FromOrdered(std::vector<TrackingEvent> events) {
  if (events.size() > kMaxEvents) return std::nullopt;
  for (size_t i = 1; i < events.size(); ++i) {
    if (!(Order(events[i - 1]) < Order(events[i]))) return std::nullopt;
  }
  EventSet set;
  set.events_ = std::move(events);
  return set;
}

void EventSet::Insert(TrackingEvent event) {
  const auto behind = std::upper_bound(
      events_.begin(), events_.end(), event,
      [](const TrackingEvent& a, const TrackingEvent& b) { return Order(a) < Order(b); });
  events_.insert(behind, std::move(event));
}

}  // namespace caravan::logistics
