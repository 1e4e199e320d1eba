#include "services/fairs/stands.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/api/text.h"
#include "services/fairs/floor_plan.h"
#include "services/fairs/hall.h"

namespace caravan::fairs {

using v1::Application;
using v1::FloorPlan;
using v1::Hall;

namespace {

absl::Status Refuse(std::string_view reason, const FloorPlan& plan, const NewStand& stand,
                    const std::string& cell, const std::string& why) {
  return api::Error(absl::StatusCode::kFailedPrecondition, reason,
                    absl::StrCat("the stand of ", stand.application, " cannot have cell ", cell,
                                 " of ", plan.name(), ": ", why))
      .With("resource", plan.name())
      .With("application", stand.application)
      .With("cell", cell)
      .Precondition("CELL", cell, why);
}

absl::Status Invalid(std::string_view field, std::string description) {
  api::Violations violations;
  violations.Add(std::string(field), std::move(description));
  return violations.ToStatus();
}

FloorPlan::Stand* Find(std::string_view application, FloorPlan& plan) {
  for (FloorPlan::Stand& stand : *plan.mutable_stands()) {
    if (stand.application() == application) return &stand;
  }
  return nullptr;
}

void Sort(FloorPlan& plan) {
  std::sort(plan.mutable_stands()->pointer_begin(), plan.mutable_stands()->pointer_end(),
            [](const FloorPlan::Stand* a, const FloorPlan::Stand* b) {
              return std::pair<std::string_view, int32_t>(a->row(), a->first_number()) <
                     std::pair<std::string_view, int32_t>(b->row(), b->first_number());
            });
}

}  // namespace

absl::Status PlaceStands(const Hall& hall, absl::Span<const NewStand> stands, FloorPlan& plan) {
  const Floor floor(hall, plan);
  // Cells of the new stands.
  absl::flat_hash_map<const Floor::Cell*, const NewStand*> given;
  for (const NewStand& stand : stands) {
    if (stand.booths < 1) {
      return Invalid("booths", absl::StrCat("is ", stand.booths, "; a stand has at least 1"));
    }
    const Floor::Row* row = floor.Find(stand.row);
    if (row == nullptr) {
      return Invalid(
          "row", absl::StrCat("is ", api::Quoted(stand.row), ", which is no row of ", hall.name()));
    }
    const std::optional<int32_t> first = IndexOf(*row->row, stand.first_number);
    if (!first.has_value()) {
      return Invalid("first_number",
                     absl::StrCat("is ", stand.first_number, ", which is no cell of row ",
                                  stand.row, ": its numbers are ", row->row->first_number(), " to ",
                                  NumberAt(*row->row, row->row->cells() - 1),
                                  row->row->number_step() == 2 ? ", every other one" : ""));
    }
    for (int32_t i = 0; i < stand.booths; ++i) {
      if (*first + i >= row->row->cells()) {
        const int32_t last = NumberAt(*row->row, row->row->cells() - 1);
        return Refuse(
            "CELLS_NOT_CONTIGUOUS", plan, stand,
            CellName(hall, *row->row, NumberAt(*row->row, *first + i)),
            absl::StrCat("row ", stand.row, " ends with ", CellName(hall, *row->row, last)));
      }
      const Floor::Cell& cell = row->cells[*first + i];
      const auto refuse = [&](std::string_view reason, const std::string& why) {
        return Refuse(reason, plan, stand, CellName(hall, *row->row, cell.number), why);
      };
      if (cell.blocked) return refuse("CELLS_BLOCKED", "it is blocked");
      if (cell.section != stand.section) {
        return refuse("CELLS_OF_ANOTHER_SECTION",
                      cell.section.empty()
                          ? absl::StrCat("it is of no section, not of ", stand.section)
                          : absl::StrCat("it is of ", cell.section, ", not of ", stand.section));
      }
      if (cell.stand != nullptr) {
        return refuse("CELLS_TAKEN", absl::StrCat(cell.stand->application(), " stands there"));
      }
      const auto [at, added] = given.emplace(&cell, &stand);
      if (!added) {
        return refuse("CELLS_TAKEN", absl::StrCat(at->second->application, " is put there"));
      }
    }
  }
  for (const NewStand& stand : stands) {
    FloorPlan::Stand& placed = *plan.add_stands();
    placed.set_row(stand.row);
    placed.set_first_number(stand.first_number);
    placed.set_booths(stand.booths);
    placed.set_application(stand.application);
  }
  Sort(plan);
  return absl::OkStatus();
}

bool RemoveStand(std::string_view application, FloorPlan& plan) {
  const int before = plan.stands_size();
  plan.mutable_stands()->erase(
      std::remove_if(
          plan.mutable_stands()->begin(), plan.mutable_stands()->end(),
          [&](const FloorPlan::Stand& stand) { return stand.application() == application; }),
      plan.mutable_stands()->end());
  return plan.stands_size() < before;
}

absl::Status MoveStand(const Hall& hall, const NewStand& stand, FloorPlan& plan) {
  FloorPlan moved = plan;
  RemoveStand(stand.application, moved);
  if (absl::Status s = PlaceStands(hall, {stand}, moved); !s.ok()) return s;
  plan = std::move(moved);
  return absl::OkStatus();
}

bool SwapStands(std::string_view application, FloorPlan& plan, std::string_view other,
                FloorPlan& other_plan) {
  FloorPlan::Stand* stand = Find(application, plan);
  FloorPlan::Stand* other_stand = Find(other, other_plan);
  if (stand == nullptr || other_stand == nullptr) return false;
  stand->mutable_application()->swap(*other_stand->mutable_application());
  return true;
}

Application::Position PositionOf(const Hall& hall, const NewStand& stand) {
  Application::Position position;
  position.set_hall(hall.name());
  position.set_row(stand.row);
  position.set_first_number(stand.first_number);
  const Hall::Row* row = FindRow(hall, stand.row);
  for (int32_t i = 0; row != nullptr && i < stand.booths; ++i) {
    position.add_cells(CellName(hall, *row, stand.first_number + i * row->number_step()));
  }
  return position;
}

}  // namespace caravan::fairs
