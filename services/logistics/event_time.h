// Times of events as carriers write them, of which many have no offset from UTC.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace caravan::logistics {

// In whose time a carrier writes a time that has no offset.
class TimeRule {
 public:
  // `PLACE`: that of the event's place; `UTC`; a zone such as `America/Sao_Paulo`;
  // an offset such as `+08:00`. INVALID_ARGUMENT with reason INVALID_TIME_RULE for
  // anything else.
  static absl::StatusOr<TimeRule> Parse(std::string_view text);

  // The zone in which to read a time without an offset; `place` is that of the
  // event, where it is known. Nothing where the rule asks for a place that is not
  // known: a zone is never guessed.
  std::optional<absl::TimeZone> ZoneFor(std::optional<absl::TimeZone> place) const;

 private:
  explicit TimeRule(std::optional<absl::TimeZone> zone) : zone_(zone) {}

  std::optional<absl::TimeZone> zone_;  // nothing: the place's
};

// Reads `2024-08-02T10:15:00+08:00`, in which seconds may have fractions or be
// left out, `T` may be a blank and the offset may be `Z` or missing. Where it is
// missing the rule decides. Of a local time that comes twice as clocks are set
// back, it is the first; one that is skipped as they are set forward is the moment
// at which they are. Rounded down to microseconds.
//
// INVALID_ARGUMENT with reason INVALID_EVENT_TIME where the text is no time of the
// years 2000 to 2199, EVENT_TIME_WITHOUT_ZONE where nothing says in which zone it
// is.
absl::StatusOr<absl::Time> ReadEventTime(std::string_view text, const TimeRule& rule,
                                         std::optional<absl::TimeZone> place);

}  // namespace caravan::logistics
