// Associations and the reports of their members: what must be true of them.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "caravan/zones/v1/associations.pb.h"
#include "caravan/zones/v1/reports.pb.h"
#include "services/zones/period.h"

namespace caravan::zones {

// Checks an association as it will be stored, beyond what its contract declares:
// the memberships of an enterprise do not overlap, dates follow each other and
// fit the state. INVALID_ARGUMENT names fields relative to the association.
absl::Status CheckAssociation(const v1::Association& association);

// Whether an enterprise is a member on some day of a period.
bool HasMember(const v1::Association& association, std::string_view enterprise, Period period);

// Checks a report as it will be stored: its id is that of the enterprise and the
// year, and it was not submitted before the year. INVALID_ARGUMENT names fields
// relative to the report.
absl::Status CheckReport(const v1::Report& report);

// Checks a new report against its association: FAILED_PRECONDITION with reason
// NOT_A_MEMBER where the enterprise was no member in the year.
absl::Status CheckReportingMember(const v1::Report& report, const v1::Association& association);

}  // namespace caravan::zones
