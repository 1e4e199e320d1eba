#include "services/logistics/event_time.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
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

// What a clock shows.
struct Clock {
  absl::CivilSecond second;
  absl::Duration fraction;  // in whole microseconds
};

// Takes a number of so many digits from the front of `text`.
std::optional<int> TakeDigits(size_t digits, std::string_view* text) {
  if (text->size() < digits) return std::nullopt;
  int number = 0;
  for (size_t i = 0; i < digits; ++i) {
    const char c = (*text)[i];
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return number;
}

bool TakeChar(char c, std::string_view* text) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

// Takes `2024-08-02T10:15:00.5` from the front of `text`. By hand, as general parsers take
// more time than all else that is done to read an event.
std::optional<Clock> TakeClock(std::string_view* text) {
  const std::optional<int> year = TakeDigits(4, text);
  if (!year || !TakeChar('-', text)) return std::nullopt;
  const std::optional<int> month = TakeDigits(2, text);
  if (!month || !TakeChar('-', text)) return std::nullopt;
  const std::optional<int> day = TakeDigits(2, text);
  if (!day || !(TakeChar('T', text) || TakeChar(' ', text))) return std::nullopt;
  const std::optional<int> hour = TakeDigits(2, text);
  if (!hour || !TakeChar(':', text)) return std::nullopt;
  const std::optional<int> minute = TakeDigits(2, text);
  if (!minute) return std::nullopt;
  int second = 0;
  absl::Duration fraction;
  if (TakeChar(':', text)) {
    const std::optional<int> seconds = TakeDigits(2, text);
    if (!seconds) return std::nullopt;
    second = *seconds;
    if (TakeChar('.', text)) {
      int unit = 1'000'000;
      int64_t micros = 0;
      const size_t before = text->size();
      while (const std::optional<int> digit = TakeDigits(1, text)) {
        unit /= 10;
        micros += *digit * unit;
      }
      if (text->size() == before) return std::nullopt;
      fraction = absl::Microseconds(micros);
    }
  }
  // A leap second is the next minute's first.
  if (*hour > 23 || *minute > 59 || second > 60) return std::nullopt;
  const absl::CivilDay date(*year, *month, *day);
  if (date.month() != *month || date.day() != *day) return std::nullopt;
  return Clock{absl::CivilSecond(*year, *month, *day, *hour, *minute, second), fraction};
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
  std::string_view rest = text;
  const std::optional<Clock> clock = TakeClock(&rest);
  if (!clock || clock->second.year() < 2000 || clock->second.year() > 2199) return Invalid(text);
  if (!rest.empty()) {
    const std::optional<int> offset = rest == "Z" ? 0 : ParseOffset(rest);
    if (!offset) return Invalid(text);
    constexpr absl::CivilSecond kEpoch(1970, 1, 1);
    return absl::FromUnixSeconds(clock->second - kEpoch - *offset) + clock->fraction;
  }
  const std::optional<absl::TimeZone> zone = rule.ZoneFor(place);
  if (!zone) {
    return api::Error(absl::StatusCode::kInvalidArgument, "EVENT_TIME_WITHOUT_ZONE",
                      absl::StrCat("'", text,
                                   "' has no offset, and the event's place, in whose time it is, "
                                   "is not known; it would be an offset such as +08:00"));
  }
  return absl::FromCivil(clock->second, *zone) + clock->fraction;
}

}  // namespace caravan::logistics
