// Sanctions, and the inspections that lead to them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/fairs.pb.h"
#include "caravan/fairs/v1/inspections.pb.h"
#include "caravan/fairs/v1/sanctions.pb.h"

namespace caravan::fairs {

// INVALID_ARGUMENT where it is on nobody or on two, or where a section is named without
// its scope, or the other way round.
absl::Status CheckSanction(const v1::Sanction& sanction);

// Lifts a sanction. FAILED_PRECONDITION with reason SANCTION_LIFTED.
absl::Status Lift(std::string_view reason, std::string_view lifter, v1::Sanction& sanction);

// INVALID_ARGUMENT where the application is of another edition, the day is later than today
// (yyyymmdd), or a violation is without evidence.
absl::Status CheckInspection(const v1::Inspection& inspection, int64_t today);

// Checks that an inspection may be recorded of an application. FAILED_PRECONDITION with
// reason NOT_POSITIONED.
absl::Status CheckInspected(const v1::Inspection& inspection, const v1::Application& application);

// Checks that a principal may change an inspection. FAILED_PRECONDITION with reason
// SANCTIONED or OTHER_INSPECTOR.
absl::Status CheckInspectionOpen(const v1::Inspection& inspection, std::string_view principal);

// Checks that a principal may sanction what an inspection found. FAILED_PRECONDITION with
// reason NO_VIOLATION, SANCTIONED, FOUR_EYES, or NOT_POSITIONED where the application has been
// given another end meanwhile.
absl::Status CheckSanctionable(const v1::Inspection& inspection, const v1::Application& application,
                               std::string_view principal);

// What the edition's rules have for the violation: sanctions on the enterprise of the
// application, from the next edition on, without names. None where there is no rule, or the
// stand is no enterprise's.
std::vector<v1::Sanction> SanctionsFor(const v1::Inspection& inspection,
                                       const v1::Application& application, const v1::Fair& fair);

}  // namespace caravan::fairs
