#include "services/zones/pilot_zone.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"
#include "services/common/api/errors.h"
#include "services/common/codes/codes.h"

namespace caravan::zones {

using v1::PilotZone;

namespace {

absl::Status NotInForce(std::string_view zone, int64_t day, std::string why) {
  return api::Error(absl::StatusCode::kFailedPrecondition, "ZONE_NOT_IN_FORCE", std::move(why))
      .With("resource", zone)
      .With("effective_date", api::FormatDay(day));
}

absl::Status CircularSuccession(const PilotZone& zone) {
  return api::Error(
             absl::StatusCode::kFailedPrecondition, "SUCCESSION_CIRCULAR",
             absl::StrCat(zone.name(), " cannot go into ", zone.successor(),
                          ", which itself goes into ", zone.name(), "; name a zone that remains"))
      .With("resource", zone.name())
      .With("successor", zone.successor());
}

void CheckEnd(const PilotZone& zone, api::Violations& violations) {
  std::string state = PilotZone::State_Name(zone.state());
  bool merged = zone.state() == PilotZone::MERGED;
  bool ended = merged || zone.state() == PilotZone::EXITED;
  if (ended && !zone.has_end_date()) {
    violations.Add("end_date", absl::StrCat("is required of a zone that is ", state));
  }
  if (!ended && zone.has_end_date()) {
    violations.Add("end_date",
                   absl::StrCat("may only be set where the zone is MERGED or EXITED, not ", state));
  }
  if (merged && zone.successor().empty()) {
    violations.Add("successor", "is required of a zone that is MERGED");
  }
  if (!merged && !zone.successor().empty()) {
    violations.Add("successor",
                   absl::StrCat("may only be set where the zone is MERGED, not ", state));
  }
  if (!zone.successor().empty() && zone.successor() == zone.name()) {
    violations.Add("successor", absl::StrCat(zone.name(), " cannot go into itself"));
  }
  if (zone.has_end_date() && zone.has_approval_date() &&
      api::FirstDay(zone.end_date()) < api::FirstDay(zone.approval_date())) {
    violations.Add("end_date", absl::StrCat(api::FormatDate(zone.end_date()),
                                            " is before the zone's approval on ",
                                            api::FormatDate(zone.approval_date())));
  }
}

}  // namespace

bool IsInForce(const PilotZone& zone, int64_t day) {
  return api::InForce(zone.approval_date(), zone.end_date(), day);
}

absl::Status CheckInForce(const PilotZone& zone, int64_t day, std::string_view purpose) {
  if (IsInForce(zone, day)) return absl::OkStatus();
  std::string why = day < api::FirstDay(zone.approval_date())
                        ? absl::StrCat("it was approved on ", api::FormatDate(zone.approval_date()))
                    : zone.successor().empty()
                        ? absl::StrCat("it ended on ", api::FormatDate(zone.end_date()))
                        : absl::StrCat("it went into ", zone.successor(), " on ",
                                       api::FormatDate(zone.end_date()));
  return NotInForce(
      zone.name(), day,
      absl::StrCat(zone.name(), " cannot ", purpose, " on ", api::FormatDay(day), ": ", why));
}

absl::Status CheckPilotZone(const PilotZone& zone) {
  api::Violations violations;
  std::string_view province = codes::ProvinceOfPlace(zone.place());
  if (!province.empty() && !zone.province().empty() && province != zone.province()) {
    violations.Add("place", absl::StrCat(zone.place(), " lies in ", province, ", not in ",
                                         zone.province(), ", the zone's province"));
  }
  CheckEnd(zone, violations);
  return violations.ToStatus();
}

absl::Status CheckSuccession(const PilotZone& zone, FindPilotZone find) {
  int64_t end = api::FirstDay(zone.end_date());
  std::set<std::string> seen;
  std::string next = zone.successor();
  while (!next.empty()) {
    if (next == zone.name()) return CircularSuccession(zone);
    if (!seen.insert(next).second) break;  // a circle of others
    absl::StatusOr<std::optional<PilotZone>> successor = find(next);
    if (!successor.ok()) return successor.status();
    if (!successor->has_value()) break;
    if (next == zone.successor() && !IsInForce(**successor, end)) {
      return api::Error(absl::StatusCode::kFailedPrecondition, "SUCCESSOR_NOT_IN_FORCE",
                        absl::StrCat(zone.name(), " cannot go into ", next, " on ",
                                     api::FormatDate(zone.end_date()),
                                     ", for that is not a zone in force on that day"))
          .With("resource", zone.name())
          .With("successor", next)
          .With("end_date", api::FormatDate(zone.end_date()));
    }
    next = (*successor)->successor();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<PilotZone>> ResolvePilotZone(std::string_view name, int64_t day,
                                                          FindPilotZone find) {
  std::set<std::string> seen;
  std::string at(name);
  std::string path = at;  // for the sentence: a, which went into b, ...
  while (true) {
    absl::StatusOr<std::optional<PilotZone>> zone = find(at);
    if (!zone.ok()) return zone.status();
    if (!zone->has_value()) {
      if (seen.empty()) return std::nullopt;
      return NotInForce(name, day, absl::StrCat(path, ", which does not exist"));
    }
    if (IsInForce(**zone, day)) return zone;
    if (day < api::FirstDay((*zone)->approval_date())) {
      return NotInForce(
          name, day,
          absl::StrCat(path, " is not a zone on ", api::FormatDay(day), "; it was approved on ",
                       api::FormatDate((*zone)->approval_date())));
    }
    if ((*zone)->successor().empty()) {
      return NotInForce(
          name, day,
          absl::StrCat(path, " is no zone any more on ", api::FormatDay(day), "; it ended on ",
                       api::FormatDate((*zone)->end_date()), " without a successor"));
    }
    seen.insert(at);
    at = (*zone)->successor();
    absl::StrAppend(&path, ", which went into ", at);
    if (seen.count(at) > 0) {
      return NotInForce(
          name, day,
          absl::StrCat(path, " again: none of them is in force on ", api::FormatDay(day)));
    }
  }
}

}  // namespace caravan::zones
