// What the names of the service's resources say.
#pragma once

#include <string_view>

namespace caravan::fairs {

// The last segment of a resource name: `11.2` of `fairs/canton-136/halls/11.2`.
std::string_view LastSegment(std::string_view name);

// The name of the edition that a resource is of: `fairs/canton-136`.
std::string_view EditionOf(std::string_view name);

}  // namespace caravan::fairs
