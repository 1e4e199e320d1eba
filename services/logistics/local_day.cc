#include "services/logistics/local_day.h"

#include <array>
#include <limits>

#include "absl/hash/hash.h"
#include "absl/time/civil_time.h"

namespace caravan::logistics {
namespace {

constexpr absl::CivilSecond kEpoch(1970, 1, 1);
constexpr int64_t kSecondsOfDay = 86400;

// Seconds since 1970 through which the clocks of a zone are not set.
struct Span {
  absl::TimeZone zone;
  int64_t begin = 0, end = 0;
  int64_t offset = 0;  // of the zone, in seconds
};

Span SpanAround(int64_t seconds, absl::TimeZone zone) {
  Span span{zone, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(),
            zone.At(absl::FromUnixSeconds(seconds)).offset};
  // Both sides of a transition show what the clocks show in this span.
  absl::TimeZone::CivilTransition transition;
  if (zone.NextTransition(absl::FromUnixSeconds(seconds), &transition)) {
    span.end = transition.from - kEpoch - span.offset;
  }
  if (zone.PrevTransition(absl::FromUnixSeconds(seconds + 1), &transition)) {
    span.begin = transition.to - kEpoch - span.offset;
  }
  return span;
}

}  // namespace

int32_t LocalDayOf(absl::Time time, absl::TimeZone zone) {
  // As many as there are zones with lanes, twice, where clocks are set.
  constexpr size_t kSpans = 256;
  thread_local std::array<Span, kSpans> spans;
  const int64_t seconds = absl::ToUnixSeconds(time);
  // Half a year each.
  Span& span = spans[absl::HashOf(zone, seconds >> 24) % kSpans];
  if (seconds < span.begin || seconds >= span.end || span.zone != zone) {
    span = SpanAround(seconds, zone);
  }
  const int64_t local = seconds + span.offset;
  return static_cast<int32_t>((local - (local < 0 ? kSecondsOfDay - 1 : 0)) / kSecondsOfDay);
}

}  // namespace caravan::logistics
