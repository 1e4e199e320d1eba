// Hall floors: their cells, and the rules of every write.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "caravan/fairs/v1/halls.pb.h"

namespace caravan::fairs {

// Side of a cell, in metres.
inline constexpr int kCellMeters = 3;

// The row of an id; null where the floor has none.
const v1::Hall::Row* FindRow(const v1::Hall& hall, std::string_view id);

// The number of the cell at an index, from 0.
int32_t NumberAt(const v1::Hall::Row& row, int32_t index);

// The reverse; nothing where the row has no cell of that number.
std::optional<int32_t> IndexOf(const v1::Hall::Row& row, int32_t number);

// How a cell is called, with two digits at least: `11.2B05`.
std::string CellName(const v1::Hall& hall, const v1::Hall::Row& row, int32_t number);

// A rectangle, in metres east and south of the site's origin; far sides excluded.
struct Rectangle {
  int32_t west = 0, north = 0, east = 0, south = 0;

  bool Overlaps(const Rectangle& other) const {
    return west < other.east && other.west < east && north < other.south && other.north < south;
  }
};
Rectangle FloorOf(const v1::Hall& hall);
Rectangle RowOf(const v1::Hall& hall, const v1::Hall::Row& row);
Rectangle CellOf(const v1::Hall& hall, const v1::Hall::Row& row, int32_t index);

// INVALID_ARGUMENT where rows overlap, leave the floor, have an id twice or number two
// cells alike, or where a blocked or corner number is none of its row.
absl::Status CheckHall(const v1::Hall& hall);

// FAILED_PRECONDITION with reason HALLS_OVERLAP where two floors of a level
// overlap.
absl::Status CheckApart(const v1::Hall& hall, const v1::Hall& other);

// Whether floors, levels or places on the site differ.
bool MovesFloor(const v1::Hall& before, const v1::Hall& after);

}  // namespace caravan::fairs
