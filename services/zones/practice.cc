#include "services/zones/practice.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/zones/milestones.h"

namespace caravan::zones {

using v1::Practice;

absl::Status CheckPractice(const Practice& practice) {
  api::Violations violations;
  const std::string state = Practice::State_Name(practice.state());
  CheckMilestones({{"submission_date", practice.submission_date(), Practice::SUBMITTED},
                   {"selection_date", practice.selection_date(), Practice::SELECTED},
                   {"publication_date", practice.publication_date(), Practice::PUBLISHED},
                   {"retirement_date", practice.retirement_date(), Practice::RETIRED}},
                  practice.state(), state, violations);
  if (!practice.publication_document().empty() && !practice.has_publication_date()) {
    violations.Add("publication_document", "may only be set beside publication_date");
  }
  return violations.ToStatus();
}

absl::Status CheckPracticeOpen(const Practice& practice) {
  if (practice.state() != Practice::PUBLISHED && practice.state() != Practice::RETIRED) {
    return absl::OkStatus();
  }
  const std::string state = Practice::State_Name(practice.state());
  return api::Error(absl::StatusCode::kFailedPrecondition, "PRACTICE_FIXED",
                    absl::StrCat(practice.name(), " is ", state,
                                 " and stays as it is; submit another practice instead"))
      .With("resource", practice.name())
      .With("state", state)
      .Precondition("STATE", practice.name(), absl::StrCat("is ", state));
}

}  // namespace caravan::zones
