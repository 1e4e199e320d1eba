// A made-up service: two collections and two custom methods. What a newcomer
// writes to add a collection is `WidgetsDefinition`, and nothing else.
#pragma once

#include "services/common/host/host.h"

namespace caravan::testing {

host::ServiceDefinition WidgetsDefinition();

}  // namespace caravan::testing
