#include "services/logistics/event_time.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

// Whether there is a time zone of a name. LoadTimeZone keeps each name that it was ever asked
// for, so it is not asked for what carriers make up. It reads the database by file name:
// nothing that leads elsewhere is a zone.
bool IsInDatabase(std::string_view name) {
  const bool is_name = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '/' || c == '_' || c == '-' || c == '+';
  });
  if (!is_name || name.find('/') == std::string_view::npos || name[0] == '/') return false;
  const char* folder = std::getenv("TZDIR");
  if (folder == nullptr || *folder == 0) folder = "/usr/share/zoneinfo";
  std::error_code error;
  return std::filesystem::is_regular_file(absl::StrCat(folder, "/", name), error);
}

// Seconds of `+08:00`, `-0330` or `+08`; nothing where the text is no offset.
std::optional<int> ParseOffset(std::string_view text) {
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const std::string_view hours = text.substr(1, 2);
  std::string_view minutes = text.substr(3);
  if (minutes.size() == 3 && minutes[0] == ':') minutes.remove_prefix(1);
  if (minutes.empty()) minutes = "00";
  if (minutes.size() != 2) return std::nullopt;
  for (const char c : {hours[0], hours[1], minutes[0], minutes[1]}) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
  }
  const int h = (hours[0] - '0') * 10 + hours[1] - '0';
  const int m = (minutes[0] - '0') * 10 + minutes[1] - '0';
  if (h > 14 || m > 59) return std::nullopt;
  const int seconds = h * 3600 + m * 60;
  return text[0] == '-' ? -seconds : seconds;
}

api::Error Invalid(std::string_view text) {
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_EVENT_TIME",
                    absl::StrCat("'", text,
                                 "' is no time of the years 2000 to 2199 such as "
                                 "2024-08-02T10:15:00+08:00"));
}

}  // namespace

absl::StatusOr<TimeRule> TimeRule::Parse(std::string_view text) {
  if (text == "PLACE") return TimeRule(std::nullopt);
  if (text == "UTC") return TimeRule(absl::UTCTimeZone());
  if (const std::optional<int> offset = ParseOffset(text)) {
    return TimeRule(absl::FixedTimeZone(*offset));
  }
  absl::TimeZone zone;
  if (IsInDatabase(text) && absl::LoadTimeZone(std::string(text), &zone)) return TimeRule(zone);
  return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_TIME_RULE",
                    absl::StrCat("'", text,
                                 "' is no rule for times without an offset; it would be PLACE, "
                                 "UTC, a zone such as America/Sao_Paulo or an offset such as "
                                 "+08:00"));
}

std::optional<absl::TimeZone> TimeRule::ZoneFor(std::optional<absl::TimeZone> place) const {
  return zone_ ? zone_ : place;
}

absl::StatusOr<absl::Time> ReadEventTime(std::string_view text, const TimeRule& rule,
                                         std::optional<absl::TimeZone> place) {
  // Date and clock, and behind the clock an offset: no sign occurs in a clock.
  std::string_view local = text;
  std::optional<int> offset;
  if (local.size() < 16 || !absl::ascii_isdigit(static_cast<unsigned char>(local[0]))) {
    return Invalid(text);
  }
  if (local.back() == 'Z') {
    offset = 0;
    local.remove_suffix(1);
  } else if (const size_t sign = local.find_first_of("+-", 16); sign != std::string_view::npos) {
    offset = ParseOffset(local.substr(sign));
    if (!offset) return Invalid(text);
    local = local.substr(0, sign);
  }
  std::string civil(local);
  if (civil[10] == ' ') civil[10] = 'T';
  if (civil.size() == 16) civil += ":00";
  // As if of UTC, to have its fields.
  absl::Time fields;
  if (!absl::ParseTime("%Y-%m-%dT%H:%M:%E*S", civil, &fields, nullptr)) return Invalid(text);
  const absl::CivilSecond second = absl::ToCivilSecond(fields, absl::UTCTimeZone());
  if (second.year() < 2000 || second.year() > 2199) return Invalid(text);
  const absl::Duration fraction =
      absl::Trunc(fields - absl::FromCivil(second, absl::UTCTimeZone()), absl::Microseconds(1));
  if (offset) return absl::FromCivil(second, absl::FixedTimeZone(*offset)) + fraction;
  const std::optional<absl::TimeZone> zone = rule.ZoneFor(place);
  if (!zone) {
    return api::Error(absl::StatusCode::kInvalidArgument, "EVENT_TIME_WITHOUT_ZONE",
                      absl::StrCat("'", text,
                                   "' has no offset, and the event's place, in whose time it is, "
                                   "is not known; it would be an offset such as +08:00"));
  }
  return absl::FromCivil(second, *zone) + fraction;
}

}  // namespace caravan::logistics
