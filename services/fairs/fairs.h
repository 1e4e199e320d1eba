// The fairs service: editions of a fair, their sections, floors, applications and
// the runs that give booths.
#pragma once

#include "services/common/host/host.h"

namespace caravan::fairs {

host::ServiceDefinition FairsDefinition();

}  // namespace caravan::fairs
