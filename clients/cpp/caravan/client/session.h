// Read your writes: what has been seen is not unseen.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/synchronization/mutex.h"

namespace caravan::client {

// Remembers the newest revision of each service that an answer told. Calls that
// are made in a session are answered from that state or a later one, whichever
// replica answers. Shared by as many threads and clients as wish; it can be
// carried to another process by its revisions.
class Session {
 public:
  // The newest revision of a service (`zones`) that was seen; 0: none.
  int64_t RevisionOf(const std::string& service) const;

  // Makes it at least `revision`.
  void Saw(const std::string& service, int64_t revision);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, int64_t> revisions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::client
