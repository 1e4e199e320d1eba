#include "services/fairs/stand_changes.h"

#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/sections.pb.h"
#include "services/common/api/errors.h"
#include "services/common/resources/writer.h"
#include "services/fairs/hall.h"
#include "services/fairs/names.h"
#include "services/fairs/section.h"
#include "services/fairs/stands.h"

namespace caravan::fairs {

using resources::Writer;
using v1::Application;
using v1::FloorPlan;
using v1::Hall;

namespace {

absl::Status NoSuchHall(const std::string& hall, std::string_view fair) {
  api::Violations violations;
  violations.Add("hall", absl::StrCat("refers to ", hall, ", which is no hall floor of ", fair));
  return violations.ToStatus("REFERENCE_NOT_FOUND");
}

}  // namespace

absl::StatusOr<std::string> StandChanges::PlanOf(const Application& application,
                                                 const std::string& hall) {
  auto section = registry_.Lookup<v1::Section>(tx_, application.section());
  if (!section.ok()) return section.status();
  if (!section->has_value()) {
    return absl::InternalError("the section of an application is gone");
  }
  return absl::StrCat(EditionOf(application.name()), "/floorPlans/", (*section)->phase(), "-",
                      LastSegment(hall));
}

absl::Status StandChanges::Remove(const Application& application) {
  if (!application.has_position()) return absl::OkStatus();
  absl::StatusOr<std::string> name = PlanOf(application, application.position().hall());
  if (!name.ok()) return name.status();
  return Writer(registry_, caller_, tx_)
      .Change<FloorPlan>(*name,
                         [&](FloorPlan& plan) {
                           RemoveStand(application.name(), plan);
                           return absl::OkStatus();
                         })
      .status();
}

absl::StatusOr<Application::Position> StandChanges::Move(const Application& application,
                                                         const std::string& hall,
                                                         const std::string& row,
                                                         int32_t first_number) {
  const std::string_view fair = EditionOf(application.name());
  auto floor = registry_.Lookup<Hall>(tx_, hall);
  if (!floor.ok()) return floor.status();
  if (!floor->has_value() || EditionOf(hall) != fair) return NoSuchHall(hall, fair);
  const auto from = PlanOf(application, application.position().hall());
  if (!from.ok()) return from.status();
  const auto to = PlanOf(application, hall);
  if (!to.ok()) return to.status();
  auto plan = registry_.Lookup<FloorPlan>(tx_, *to);
  if (!plan.ok()) return plan.status();
  if (!plan->has_value()) {
    return api::Error(absl::StatusCode::kFailedPrecondition, "CELLS_OF_ANOTHER_SECTION",
                      absl::StrCat("the stand of ", application.name(), " cannot be in ", hall,
                                   ": there is no floor plan ", *to,
                                   ", so that its cells are of no section in that phase"))
        .With("resource", *to)
        .With("application", application.name());
  }
  const NewStand stand = {.application = application.name(),
                          .section = application.section(),
                          .row = row,
                          .first_number = first_number,
                          .booths = application.position().cells_size()};
  Writer writer(registry_, caller_, tx_);
  auto placed = writer.Change<FloorPlan>(*to, [&](FloorPlan& after) {
    return *to == *from ? MoveStand(**floor, stand, after) : PlaceStands(**floor, {stand}, after);
  });
  if (!placed.ok()) return placed.status();
  if (*to != *from) {
    if (absl::Status s = Remove(application); !s.ok()) return s;
  }
  return PositionOf(**floor, stand);
}

absl::Status StandChanges::Swap(const Application& one, const Application& other) {
  if (one.section() != other.section() ||
      one.position().cells_size() != other.position().cells_size()) {
    const auto describe = [](const Application& application) {
      return absl::StrCat("that of ", application.name(), " has ",
                          application.position().cells_size(), " booths in ",
                          application.section());
    };
    return api::Error(
               absl::StatusCode::kFailedPrecondition, "STANDS_DIFFER",
               absl::StrCat("the stands cannot be swapped: ", describe(one), ", ", describe(other),
                            "; both must be of one section, with as many booths"))
        .With("resource", one.name())
        .With("other", other.name());
  }
  const auto here = PlanOf(one, one.position().hall());
  if (!here.ok()) return here.status();
  const auto there = PlanOf(other, other.position().hall());
  if (!there.ok()) return there.status();
  Writer writer(registry_, caller_, tx_);
  const auto swap = [&](FloorPlan& plan) {
    for (FloorPlan::Stand& stand : *plan.mutable_stands()) {
      if (stand.application() == one.name()) {
        stand.set_application(other.name());
      } else if (stand.application() == other.name()) {
        stand.set_application(one.name());
      }
    }
    return absl::OkStatus();
  };
  if (auto changed = writer.Change<FloorPlan>(*here, swap); !changed.ok()) return changed.status();
  if (*there == *here) return absl::OkStatus();
  return writer.Change<FloorPlan>(*there, swap).status();
}

}  // namespace caravan::fairs
