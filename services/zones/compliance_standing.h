// The compliance standing of an enterprise on a day.
#pragma once

#include <cstdint>

#include "absl/types/span.h"
#include "caravan/zones/v1/complaints.pb.h"
#include "caravan/zones/v1/compliance.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"

namespace caravan::zones {

// The standing of an enterprise on a day (yyyymmdd), by the rule of ours that
// ComplianceService states. `complaints` are all those about the enterprise, by
// name.
v1::ComplianceStanding StandingOn(const v1::Enterprise& enterprise,
                                  absl::Span<const v1::Complaint> complaints, int64_t day);

}  // namespace caravan::zones
