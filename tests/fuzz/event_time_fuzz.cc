// Whatever a carrier writes as a time, or an operator as a rule of times: it is refused with
// a reason, or is a time of the years that are taken, the same however it is written again.
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "services/common/api/errors.h"
#include "services/logistics/event_time.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using caravan::logistics::ReadEventTime;
  using caravan::logistics::TimeRule;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // A rule, and behind a line's end a time.
  const size_t end = bytes.find('\n');
  const std::string_view rule_text = bytes.substr(0, end);
  const std::string_view text = end == std::string_view::npos ? bytes : bytes.substr(end + 1);
  const absl::StatusOr<TimeRule> rule = TimeRule::Parse(rule_text);
  if (!rule.ok() && !absl::IsInvalidArgument(rule.status())) abort();
  static const TimeRule& utc = *new TimeRule(*TimeRule::Parse("UTC"));
  static const absl::TimeZone rome = [] {
    absl::TimeZone zone;
    absl::LoadTimeZone("Europe/Rome", &zone);
    return zone;
  }();
  for (const std::optional<absl::TimeZone>& place :
       {std::optional<absl::TimeZone>(), std::optional<absl::TimeZone>(rome)}) {
    const absl::StatusOr<absl::Time> time = ReadEventTime(text, rule.ok() ? *rule : utc, place);
    if (!time.ok()) {
      if (!absl::IsInvalidArgument(time.status())) abort();
      if (caravan::api::ReasonOf(time.status()).empty()) abort();
      continue;
    }
    const std::string again = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", *time, absl::UTCTimeZone());
    const absl::StatusOr<absl::Time> same = ReadEventTime(again, utc, std::nullopt);
    // Offsets may carry it over the edge of the years.
    const absl::CivilYear year = absl::ToCivilYear(*time, absl::UTCTimeZone());
    if (year.year() < 2000 || year.year() > 2199) continue;
    if (!same.ok() || *same != *time) abort();
  }
  return 0;
}
