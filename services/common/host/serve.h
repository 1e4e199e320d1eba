// The rest of a main program that has settings of its own.
#pragma once

#include "services/common/host/host.h"

namespace caravan::host {

// As RunService() of host.h, with settings that have been read. Returns the exit code.
int Serve(const ServiceDefinition& definition, const settings::ServerSettings& settings);

}  // namespace caravan::host
