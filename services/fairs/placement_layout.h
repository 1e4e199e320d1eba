// Layout: who stands where, once it is known which sizes of stands each run has.
// The last two aims of a placement (placement.h): corners by tier, product groups
// together.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace caravan::fairs {

// A contiguous part of a run in which nobody stands yet.
struct FreeSpace {
  int64_t length = 0;
  // The cells of it that are corners, ascending.
  std::vector<int64_t> corners;
  // The sizes of the stands that it gets, the greatest first.
  std::vector<int64_t> stands;
  // The groups of those who stand right beside it already, by their numbers, or
  // kNoGroup.
  size_t left_group, right_group;
};

inline constexpr size_t kNoGroup = static_cast<size_t>(-1);

// An application to be placed; they are in the section's order. There are exactly as
// many of each size as the spaces have stands of it.
struct Stand {
  int64_t size = 1;
  int64_t tier = 0;
  size_t group = kNoGroup;
};

struct StandPosition {
  size_t space = 0;
  int64_t first = 0;  // its first cell in the space
};

// By stand. Corners: applications take them in the order of tier, then that of the
// section, while spaces can be arranged so that all who have one keep one.
std::vector<StandPosition> Arrange(const std::vector<FreeSpace>& spaces,
                                   const std::vector<Stand>& stands);

}  // namespace caravan::fairs
