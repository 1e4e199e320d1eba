#include "services/common/resources/inquiry.h"

#include <utility>

namespace caravan::resources {

bool Inquiry::Dangles(const api::Reference& reference) {
  const std::string& name = reference.target;
  if (missing_.contains(name)) return true;
  if (exist_.contains(name) || noted_.contains(name) || resources_->Seen(name)) return false;
  noted_.insert(name);
  wanted_.push_back(reference);
  return false;
}

absl::Status Inquiry::Ask(absl::Time deadline, const std::string& traceparent) {
  absl::StatusOr<ForeignResources::Answer> answer = resources_->Ask(wanted_, deadline, traceparent);
  if (!answer.ok()) return answer.status();
  for (const api::Reference& reference : wanted_) {
    if (answer->missing.contains(reference.target)) {
      missing_.insert(reference.target);
    } else if (!answer->open.contains(reference.target)) {
      // Kept here too: the transaction that asked may run once more when others
      // have forgotten it.
      exist_.insert(reference.target);
    }
  }
  return absl::OkStatus();
}

}  // namespace caravan::resources
