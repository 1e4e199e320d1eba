// The logistics service: partners and their agreements, the months that are reckoned,
// and the parcels that are measured.
#pragma once

#include <memory>

#include "services/common/host/host.h"
#include "services/logistics/retention.h"
#include "services/logistics/scorecard_source.h"

namespace caravan::logistics {

// Reckonings are measured by `scorecards`, which tests make up; by what is kept of parcels
// where it is null.
host::ServiceDefinition LogisticsDefinition(std::shared_ptr<ScorecardSource> scorecards = nullptr,
                                            const Retention& retention = {});

}  // namespace caravan::logistics
