#include "services/fairs/hall.h"
#include "services/fairs/names.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/common/api/errors.h"

namespace caravan::fairs {

using v1::Hall;

namespace {

constexpr int32_t kMostNumber = 999;

std::string Spell(const Rectangle& r) {
  return absl::StrCat("x ", r.west, " to ", r.east, ", y ", r.north, " to ", r.south, " m");
}

void CheckNumbers(const Hall::Row& row, const google::protobuf::RepeatedField<int32_t>& numbers,
                  const std::string& field, api::Violations& violations) {
  for (int i = 0; i < numbers.size(); ++i) {
    if (IndexOf(row, numbers[i]).has_value()) continue;
    violations.Add(absl::StrCat(field, "[", i, "]"),
                   absl::StrCat("is ", numbers[i], ", but row ", row.id(), " has the numbers ",
                                row.first_number(), ", ", row.first_number() + row.number_step(),
                                ", ... ", NumberAt(row, row.cells() - 1)));
  }
}

// Rows from west to east, each compared with those whose west side it may reach.
void CheckRowsApart(const Hall& hall, api::Violations& violations) {
  std::vector<std::pair<Rectangle, int>> rows;
  for (int i = 0; i < hall.rows_size(); ++i) rows.emplace_back(RowOf(hall, hall.rows(i)), i);
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.west, a.second) < std::pair(b.first.west, b.second);
  });
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = i + 1; j < rows.size() && rows[j].first.west < rows[i].first.east; ++j) {
      if (!rows[i].first.Overlaps(rows[j].first)) continue;
      const auto [first, second] = std::minmax(rows[i].second, rows[j].second);
      violations.Add(
          absl::StrCat("rows[", second, "]"),
          absl::StrCat("row ", hall.rows(second).id(), " (", Spell(RowOf(hall, hall.rows(second))),
                       ") overlaps row ", hall.rows(first).id(), " (",
                       Spell(RowOf(hall, hall.rows(first))), ")"));
      return;  // of many, one says enough
    }
  }
}

}  // namespace

const Hall::Row* FindRow(const Hall& hall, std::string_view id) {
  for (const Hall::Row& row : hall.rows()) {
    if (row.id() == id) return &row;
  }
  return nullptr;
}

int32_t NumberAt(const Hall::Row& row, int32_t index) {
  return row.first_number() + index * row.number_step();
}

std::optional<int32_t> IndexOf(const Hall::Row& row, int32_t number) {
  const int32_t distance = number - row.first_number();
  if (row.number_step() < 1 || distance < 0 || distance % row.number_step() != 0) {
    return std::nullopt;
  }
  const int32_t index = distance / row.number_step();
  if (index >= row.cells()) return std::nullopt;
  return index;
}

std::string CellName(const Hall& hall, const Hall::Row& row, int32_t number) {
  return absl::StrFormat("%s%s%02d", LastSegment(hall.name()), row.aisle(), number);
}

Rectangle FloorOf(const Hall& hall) {
  return {hall.x_meters(), hall.y_meters(), hall.x_meters() + hall.width_meters(),
          hall.y_meters() + hall.depth_meters()};
}

Rectangle RowOf(const Hall& hall, const Hall::Row& row) {
  const int32_t length = row.cells() * kCellMeters;
  const bool east = row.direction() == Hall::EAST;
  const int32_t west = hall.x_meters() + row.x_meters();
  const int32_t north = hall.y_meters() + row.y_meters();
  return {west, north, west + (east ? length : kCellMeters), north + (east ? kCellMeters : length)};
}

Rectangle CellOf(const Hall& hall, const Hall::Row& row, int32_t index) {
  const Rectangle whole = RowOf(hall, row);
  const bool east = row.direction() == Hall::EAST;
  const int32_t west = whole.west + (east ? index * kCellMeters : 0);
  const int32_t north = whole.north + (east ? 0 : index * kCellMeters);
  return {west, north, west + kCellMeters, north + kCellMeters};
}

absl::Status CheckHall(const Hall& hall) {
  api::Violations violations;
  absl::flat_hash_set<std::string_view> ids;
  absl::flat_hash_map<std::pair<std::string_view, int32_t>, std::string_view> numbers;
  bool measured = true;  // all rows have what a place needs
  const Rectangle floor = FloorOf(hall);
  for (int i = 0; i < hall.rows_size(); ++i) {
    const Hall::Row& row = hall.rows(i);
    const std::string field = absl::StrCat("rows[", i, "]");
    if (!ids.insert(row.id()).second) {
      violations.Add(absl::StrCat(field, ".id"),
                     absl::StrCat("is ", row.id(), " once more; ids of rows differ"));
    }
    // What a limit forbids is said where limits are checked.
    if (row.cells() < 1 || row.cells() > 500 || row.first_number() < 1 ||
        row.first_number() > kMostNumber || row.number_step() < 1 || row.number_step() > 2 ||
        row.direction() == Hall::DIRECTION_UNSPECIFIED) {
      measured = false;
      continue;
    }
    if (NumberAt(row, row.cells() - 1) > kMostNumber) {
      violations.Add(
          absl::StrCat(field, ".cells"),
          absl::StrCat("gives the last cell of row ", row.id(), " the number ",
                       NumberAt(row, row.cells() - 1), "; ", kMostNumber, " is the greatest"));
    }
    CheckNumbers(row, row.blocked_numbers(), absl::StrCat(field, ".blocked_numbers"), violations);
    CheckNumbers(row, row.corner_numbers(), absl::StrCat(field, ".corner_numbers"), violations);
    for (int32_t cell = 0; cell < row.cells(); ++cell) {
      const int32_t number = NumberAt(row, cell);
      const auto [at, added] =
          numbers.emplace(std::pair<std::string_view, int32_t>(row.aisle(), number), row.id());
      if (added || at->second == row.id()) continue;
      violations.Add(absl::StrCat(field, ".first_number"),
                     absl::StrCat("gives row ", row.id(), " the cell ", CellName(hall, row, number),
                                  ", which is one of row ", at->second));
      break;
    }
    const Rectangle place = RowOf(hall, row);
    if (place.east > floor.east || place.south > floor.south) {
      violations.Add(field, absl::StrCat("row ", row.id(), " (", Spell(place),
                                         ") leaves the floor (", Spell(floor), ")"));
    }
  }
  if (measured) CheckRowsApart(hall, violations);
  return violations.ToStatus();
}

absl::Status CheckApart(const Hall& hall, const Hall& other) {
  if (hall.level() != other.level() || !FloorOf(hall).Overlaps(FloorOf(other))) {
    return absl::OkStatus();
  }
  return api::Error(absl::StatusCode::kFailedPrecondition, "HALLS_OVERLAP",
                    absl::StrCat(hall.name(), " (", Spell(FloorOf(hall)), ") overlaps ",
                                 other.name(), " (", Spell(FloorOf(other)), ") on level ",
                                 hall.level(), "; put it elsewhere, or on another level"))
      .With("resource", hall.name())
      .With("other", other.name())
      .Field("x_meters", absl::StrCat("overlaps ", other.name()));
}

bool MovesFloor(const Hall& before, const Hall& after) {
  return before.level() != after.level() || before.x_meters() != after.x_meters() ||
         before.y_meters() != after.y_meters() || before.width_meters() != after.width_meters() ||
         before.depth_meters() != after.depth_meters();
}

}  // namespace caravan::fairs
