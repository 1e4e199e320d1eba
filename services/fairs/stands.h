// Stands on a floor plan. Whatever places, moves or removes stands does it by these
// functions, so that no cell ever has two.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"

namespace caravan::fairs {

struct NewStand {
  std::string application;   // whose it is: its name
  std::string section;       // of which it is: its name
  std::string row;           // the id
  int32_t first_number = 0;  // of its first cell
  int32_t booths = 0;        // cells
};

// Places stands, all or none: where one has no place, the plan stays as it was. The
// hall is that of the plan.
//
// INVALID_ARGUMENT where the hall has no such row (field `row`), the row no such cell
// (`first_number`), or booths are fewer than 1 (`booths`). FAILED_PRECONDITION with
// the cell in question in the metadata `cell` and with reason
// - CELLS_NOT_CONTIGUOUS, where the row ends before the stand does;
// - CELLS_BLOCKED;
// - CELLS_OF_ANOTHER_SECTION, also where a cell is of none;
// - CELLS_TAKEN, where another stand has a cell, a new one included.
absl::Status PlaceStands(const v1::Hall& hall, absl::Span<const NewStand> stands,
                         v1::FloorPlan& plan);

// Removes the stand of an application; false where it has none.
bool RemoveStand(std::string_view application, v1::FloorPlan& plan);

// Moves a stand within a plan, all or nothing; cells that it has already are as good as
// free. From one plan to another: PlaceStands there, RemoveStand here.
absl::Status MoveStand(const v1::Hall& hall, const NewStand& stand, v1::FloorPlan& plan);

// Lets two applications exchange their stands; the plans may be one. False, and nothing
// is changed, where one has no stand in its plan.
bool SwapStands(std::string_view application, v1::FloorPlan& plan, std::string_view other,
                v1::FloorPlan& other_plan);

// Where a stand is, in the words of an application.
v1::Application::Position PositionOf(const v1::Hall& hall, const NewStand& stand);

}  // namespace caravan::fairs
