#include "services/logistics/commitment.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

bool LiesInside(absl::Time time, absl::Span<const Pause> pauses) {
  return std::any_of(pauses.begin(), pauses.end(),
                     [&](const Pause& pause) { return pause.begin < time && time < pause.end; });
}

// When a clock that starts at `start` and rests in pauses has run `duration`.
absl::Time Run(absl::Time start, absl::Duration duration, absl::Span<const Pause> pauses) {
  absl::Time end = start + duration;
  for (const Pause& pause : pauses) {
    if (pause.begin >= end) break;
    if (pause.end > start) end += pause.end - std::max(pause.begin, start);
  }
  return end;
}

}  // namespace

absl::Status CheckCommitment(const Commitment& commitment) {
  const auto invalid = [](std::string message) {
    return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_COMMITMENT", std::move(message));
  };
  if (commitment.duration < 1 || commitment.duration > Commitment::kMaxDuration) {
    return invalid(absl::StrCat("a duration of ", commitment.duration, " would be from 1 to ",
                                Commitment::kMaxDuration));
  }
  if (commitment.start == Milestone::kDelivery) {
    return invalid("a commitment starts before the delivery that it ends with");
  }
  if (commitment.unit == DurationUnit::kWorkingDays && commitment.calendar == nullptr) {
    return invalid("a commitment in working days names a calendar");
  }
  return absl::OkStatus();
}

absl::Time DeadlineOf(const Commitment& commitment, absl::Time start,
                      absl::Span<const Pause> pauses, absl::TimeZone zone) {
  if (commitment.unit == DurationUnit::kHours) {
    const absl::Time end = Run(start, absl::Hours(commitment.duration), pauses);
    if (commitment.kind == DeadlineKind::kInstant) return end;
    absl::CivilDay day = absl::ToCivilDay(end, zone);
    while (LiesInside(EndOfDay(day, zone), pauses)) ++day;
    return EndOfDay(day, zone);
  }
  const absl::CivilSecond local = absl::ToCivilSecond(start, zone);
  const absl::CivilDay first(local);
  const absl::Duration fraction = start - absl::FromUnixSeconds(absl::ToUnixSeconds(start));
  const auto deadline_on = [&](absl::CivilDay day) {
    if (commitment.kind == DeadlineKind::kLocalDate) return EndOfDay(day, zone);
    return absl::FromCivil(absl::CivilSecond(day) + (local - absl::CivilSecond(first)), zone) +
           fraction;
  };
  absl::CivilDay day = first;
  for (int counted = 0; counted < commitment.duration;) {
    ++day;
    if (!commitment.calendar->IsWorking(day)) continue;
    if (pauses.empty() || !LiesInside(deadline_on(day), pauses)) ++counted;
  }
  return deadline_on(day);
}

}  // namespace caravan::logistics
