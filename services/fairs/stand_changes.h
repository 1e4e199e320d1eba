// Changes of stands that applications have already, on the floor plans that say so.
//
// The floor plans are changed in the name of the caller, who needs the permission for
// the application alone.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

class StandChanges {
 public:
  // All outlive it.
  StandChanges(const resources::Registry& registry, const resources::Caller& caller,
               store::Transaction& tx)
      : registry_(registry), caller_(caller.Unrestricted()), tx_(tx) {}

  // Takes the stand of an application off its floor plan; where it has none, nothing
  // is to be done.
  absl::Status Remove(const v1::Application& application);

  // Gives the stand of an application another place of its section and phase, and
  // returns where it is then. Errors as MoveApplication's; they name its fields.
  absl::StatusOr<v1::Application::Position> Move(const v1::Application& application,
                                                 const std::string& hall, const std::string& row,
                                                 int32_t first_number);

  // Puts each of two applications of a section into the other's place.
  // FAILED_PRECONDITION with reason STANDS_DIFFER where their sections or their numbers
  // of booths differ.
  absl::Status Swap(const v1::Application& one, const v1::Application& other);

 private:
  // The name of the floor plan of a hall in the phase of an application's section.
  absl::StatusOr<std::string> PlanOf(const v1::Application& application, const std::string& hall);

  const resources::Registry& registry_;
  const resources::Caller caller_;
  store::Transaction& tx_;
};

}  // namespace caravan::fairs
