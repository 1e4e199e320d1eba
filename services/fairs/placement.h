// Placement: which cells each confirmed application of a section gets.
//
// A section owns cells of 3x3 m in a phase, in runs: cells side by side in one
// row, without an aisle, a pillar or another section's cell between them. An
// application is for a number of booths that stand in one run, side by side. (That
// a custom-built stand asks for no more than that, where fairs in fact also build it
// over two rows back to back, is a rule of ours.)
//
// What is maximised, each only among the placements that are best by those before it:
//   1. brand booths, 2. custom-built booths, 3. standard booths, that are placed;
//   4. applications that stand at a corner, by tier;
//   5. neighbours of the same product group.
// For 1 to 3 a bound is proven and stated. For 4, stands change places with others of
// the same length together while that helps, and corners are then given out in the
// best way for the sizes that stand in each run; 5 is a heuristic.
//
// The same input gives the same placement, to the byte, whatever the order of its
// runs and applications is and however the code was compiled: all is computed in
// integers, and effort is limited by counting steps, never by a clock.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace caravan::fairs {

// In order of precedence. A brand application that is custom-built is a brand
// one.
enum class StandClass { kBrand, kCustomBuilt, kStandard };
inline constexpr size_t kStandClasses = 3;

// The greatest numbers of a section.
inline constexpr int64_t kMaxSectionCells = 100'000;
inline constexpr int64_t kMaxSectionApplications = 100'000;

struct PlacementCell {
  // Names the cell in its phase; not negative. Runs with lesser numbers are taken
  // to be nearer to the entrance and to each other.
  int64_t cell = 0;
  bool corner = false;
};

struct PlacementRun {
  // Side by side, in the order in which they stand; at least one.
  std::vector<PlacementCell> cells;
};

struct PlacementApplication {
  StandClass stand_class = StandClass::kStandard;
  // How many cells it needs, at least 1. It gets all or none.
  int64_t booths = 1;
  // The lesser one has corners first.
  int64_t tier = 0;
  // Empty: of no group, kept together with nobody.
  std::string product_group = {};
  // A LotteryKey; the lesser one goes first where class and tier are equal. All
  // keys of a section differ.
  std::string tie_key = {};
  // The cells that it holds already, side by side in a run, `booths` of them; they
  // stay its own. Empty where it is to be placed.
  std::vector<int64_t> kept = {};
};

struct PlacementSection {
  std::vector<PlacementRun> runs;
  std::vector<PlacementApplication> applications;
};

enum class PlacementReason {
  // It has kept the cells that it held.
  kKept,
  kPlaced,
  // No run is as long, even if only those that keep their cells stand in it.
  kNoRunLongEnough,
  // Those before it in the order have left no run as long.
  kRunsTaken,
  // There was room when its turn came, but what stands there now serves more booths,
  // or as many, of its class or of those before it, as far as the search went.
  kOthersServeMore,
};

// Why an application stands where it does, or nowhere.
struct ApplicationPlacement {
  PlacementReason reason = PlacementReason::kPlaced;
  // In the order of the run; empty where it is not placed.
  std::vector<int64_t> cells;
  bool corner = false;
  // Its place in the section's order, from 1: those that keep their cells, then by
  // class, tier and key.
  int64_t order = 0;
  // The longest free run when its turn came: when of all applications those stood
  // that are before it in the order, at the cells that they got.
  int64_t longest_free = 0;
};

// In booths. Those of applications that keep their cells are in none of these.
struct ClassPlacement {
  int64_t asked = 0;
  int64_t placed = 0;
  // No placement that has at least as many booths of each class before this one
  // has more of this class: proven.
  int64_t bound = 0;
};

struct SectionPlacement {
  // In the order of the input's applications.
  std::vector<ApplicationPlacement> applications;
  // By StandClass.
  std::array<ClassPlacement, kStandClasses> classes;
  // Pairs of stands side by side in a run that are of the same product group, those
  // that keep their cells included.
  int64_t neighbours = 0;

  // Whether no placement is better by classes: each has as many as its bound.
  bool optimal() const {
    for (const ClassPlacement& c : classes) {
      if (c.placed < c.bound) return false;
    }
    return true;
  }
};

// How many steps the search may take for a section, beyond the first construction
// and the first bound. It is one of the rules of a run: another number may give another
// placement.
inline constexpr int64_t kPlacementSteps = 10'000'000;

// Places the applications of a section.
//
// INVALID_ARGUMENT with reason PLACEMENT_INPUT_INVALID and the field where a number
// is out of bounds, a cell is named twice, keys are equal, or kept cells are
// not `booths` ones side by side in a run or are held by two.
absl::StatusOr<SectionPlacement> PlaceSection(const PlacementSection& section,
                                              int64_t steps = kPlacementSteps);

// INVALID_ARGUMENT, as above, where a cell is in two of the sections, which are of one
// phase.
absl::Status CheckCellsOfPhase(absl::Span<const PlacementSection> sections);

}  // namespace caravan::fairs
