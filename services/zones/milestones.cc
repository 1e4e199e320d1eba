#include "services/zones/milestones.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/date.h"

namespace caravan::zones {

void CheckMilestones(std::initializer_list<Milestone> milestones, int state,
                     std::string_view state_name, api::Violations& violations) {
  const Milestone* last = nullptr;
  for (const Milestone& step : milestones) {
    const std::string field(step.field);
    if (api::IsUnset(step.date)) {
      if (step.state == state) {
        violations.Add(field, absl::StrCat("is required of what is ", state_name));
      }
      continue;
    }
    if (step.state > state) {
      violations.Add(field, absl::StrCat("must be unset while the state is ", state_name));
    } else if (last != nullptr && api::FirstDay(step.date) < api::FirstDay(last->date)) {
      violations.Add(field, absl::StrCat(api::FormatDate(step.date), " is before ", last->field,
                                         ", ", api::FormatDate(last->date)));
    }
    last = &step;
  }
}

}  // namespace caravan::zones
