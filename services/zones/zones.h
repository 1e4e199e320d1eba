// The zones service: registers and policies of the pilot zones.
#pragma once

#include "services/common/host/host.h"

namespace caravan::zones {

host::ServiceDefinition ZonesDefinition();

}  // namespace caravan::zones
