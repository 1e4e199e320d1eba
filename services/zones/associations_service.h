// Rules for every write of associations and their reports.
#pragma once

#include "absl/status/status.h"
#include "caravan/zones/v1/associations.pb.h"
#include "caravan/zones/v1/reports.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PrepareAssociation(const resources::Writing& writing, const v1::Association* before,
                                v1::Association& after);
absl::Status PrepareReport(const resources::Writing& writing, const v1::Report* before,
                           v1::Report& after);

}  // namespace caravan::zones
