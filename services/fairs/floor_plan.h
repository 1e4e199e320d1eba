// Floor plans: which section has which cells of a hall floor in a phase, the runs
// that these make, and the rules of every write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "caravan/fairs/v1/floor_plans.pb.h"
#include "caravan/fairs/v1/halls.pb.h"
#include "caravan/fairs/v1/section_inputs.pb.h"

namespace caravan::fairs {

// The cells of a floor with what a plan says of them. Refers to both, which must
// outlive it and stay as they are; of a plan that names cells that the floor does
// not have, these are left out.
class Floor {
 public:
  struct Cell {
    int32_t number = 0;
    bool blocked = false;
    bool corner = false;
    std::string_view section = {};                // its name; empty: not for stands
    const v1::FloorPlan::Stand* stand = nullptr;  // null: free
  };
  struct Row {
    const v1::Hall::Row* row = nullptr;
    std::vector<Cell> cells = {};  // side by side
  };

  Floor(const v1::Hall& hall, const v1::FloorPlan& plan);

  const v1::Hall& hall() const { return hall_; }
  // In the order of the hall's.
  const std::vector<Row>& rows() const& { return rows_; }
  const std::vector<Row>& rows() const&& = delete;  // would dangle
  // Null where there is none.
  const Row* Find(std::string_view row) const;

  // The longest sequences of free cells side by side of a section (its name), not
  // blocked; by row and number.
  std::vector<v1::SectionInputs::Run> FreeRuns(std::string_view section) const;

 private:
  const v1::Hall& hall_;
  std::vector<Row> rows_;
  absl::flat_hash_map<std::string_view, size_t> by_id_;
};

// INVALID_ARGUMENT where a span names cells that the floor does not have, or that
// another span has.
absl::Status CheckSpans(const v1::Hall& hall, const v1::FloorPlan& plan);

// FAILED_PRECONDITION with reason STANDS_PLACED where a stand of `after` stood on cells of
// a section in `before` that are gone, blocked, or of another section in `after`.
absl::Status CheckStandsKept(const Floor& before, const Floor& after, const v1::FloorPlan& plan);

// Checks that a plan may be deleted. FAILED_PRECONDITION with reason STANDS_PLACED.
absl::Status CheckNoStands(const v1::FloorPlan& plan);

// The id of the plan of a phase and a hall (their ids): `1-11.2`.
std::string FloorPlanId(std::string_view phase, std::string_view hall);

}  // namespace caravan::fairs
