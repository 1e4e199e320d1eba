// What the contracts of the simple registers cannot say: of partners, vocabularies,
// lanes, warehouses and calendars.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "caravan/logistics/v1/lanes.pb.h"
#include "caravan/logistics/v1/partners.pb.h"
#include "caravan/logistics/v1/tracking_vocabularies.pb.h"
#include "caravan/logistics/v1/warehouses.pb.h"
#include "caravan/logistics/v1/working_calendars.pb.h"
#include "google/type/date.pb.h"
#include "services/common/api/errors.h"
#include "services/logistics/tracking_code.h"
#include "services/logistics/working_calendar.h"

namespace caravan::logistics {

// Adds what is wrong where a date is set and valid, but no day.
void RequireDay(const google::type::Date& date, std::string_view field,
                api::Violations& violations);

bool HasKind(const v1::Partner& partner, v1::Partner::Kind kind);

// INVALID_ARGUMENT where the time rule is none, or it has no kind.
absl::Status CheckPartner(const v1::Partner& partner);

// INVALID_ARGUMENT where the time rule is none, or a code is there twice.
absl::Status CheckVocabulary(const v1::TrackingVocabulary& vocabulary);

// Adds the codes of a valid one, under its name.
void AddCodes(const v1::TrackingVocabulary& vocabulary, TrackingCodes& codes);

// INVALID_ARGUMENT where it has not exactly one origin, ends at home, or there is no
// such time zone.
absl::Status CheckLane(const v1::Lane& lane);

// INVALID_ARGUMENT where it stands at home, or closes before it opens.
absl::Status CheckWarehouse(const v1::Warehouse& warehouse);

// INVALID_ARGUMENT where no weekday is worked, or a date is no day or both a holiday and
// extra.
absl::Status CheckCalendar(const v1::WorkingCalendar& calendar);

// As the domain has it. INVALID_ARGUMENT where it is not valid.
absl::StatusOr<WorkingCalendar> CalendarOf(const v1::WorkingCalendar& calendar);

// The day of a date that is one.
absl::CivilDay DayOf(const google::type::Date& date);

}  // namespace caravan::logistics
