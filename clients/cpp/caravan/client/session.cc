#include "caravan/client/session.h"

#include <algorithm>

namespace caravan::client {

int64_t Session::RevisionOf(const std::string& service) const {
  absl::MutexLock lock(&mutex_);
  const auto found = revisions_.find(service);
  return found == revisions_.end() ? 0 : found->second;
}

void Session::Saw(const std::string& service, int64_t revision) {
  absl::MutexLock lock(&mutex_);
  int64_t& known = revisions_[service];
  known = std::max(known, revision);
}

}  // namespace caravan::client
