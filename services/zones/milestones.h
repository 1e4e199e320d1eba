// The dated steps in the course of a resource: nominated, cultivated, dropped.
#pragma once

#include <initializer_list>
#include <string_view>

#include "google/type/date.pb.h"
#include "services/common/api/errors.h"

namespace caravan::zones {

// A step that led, or may lead, to a state.
struct Milestone {
  std::string_view field;
  const google::type::Date& date;
  int state;  // number of the state to which it leads
};

// Checks the steps of a resource in `state`, whose numbers are in the order of
// its course. The step that led to the state has its date, and those of later
// states have none; earlier ones may have been left out or not be known. No step
// is dated before an earlier one. Adds violations of the fields.
void CheckMilestones(std::initializer_list<Milestone> milestones, int state,
                     std::string_view state_name, api::Violations& violations);

}  // namespace caravan::zones
