// Whether resources of other services exist, to which a call's writes refer.
//
// A transaction must not wait for another service. So its body takes every such
// reference for good, or for dangling where that is known, and the inquiry notes
// those of which nothing is known. The runtime then commits nothing, asks, and
// runs the transaction again. See docs/decisions/0016-ask-before-the-transaction.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/api/resource.h"

namespace caravan::resources {

// Knows resources of other services. Thread-safe.
class ForeignResources {
 public:
  virtual ~ForeignResources() = default;

  // Whether there is somebody to ask for what a reference refers to.
  virtual bool Serves(const api::Reference& reference) const = 0;

  // Whether a resource is known to have existed a moment ago. Never waits.
  virtual bool Seen(std::string_view name) = 0;

  struct Answer {
    absl::flat_hash_set<std::string> missing;
    // Not looked at: enough others are missing.
    absl::flat_hash_set<std::string> open;
  };

  // Asks for the targets of references, all of which are served. Waits. Errors:
  // UNAVAILABLE with reason SERVICE_UNAVAILABLE where a service does not answer
  // by the deadline, or within the time that it is given.
  virtual absl::StatusOr<Answer> Ask(const std::vector<api::Reference>& references,
                                     absl::Time deadline, const std::string& traceparent) = 0;
};

// What one call asks. Not thread-safe.
class Inquiry {
 public:
  // Without `resources`, nobody is asked, and no reference is found to dangle.
  explicit Inquiry(ForeignResources* resources = nullptr) : resources_(resources) {}

  // A body begins to run, perhaps once more.
  void Begin() {
    wanted_.clear();
    noted_.clear();
  }

  // Whether another service is asked for the target.
  bool Serves(const api::Reference& reference) const {
    return resources_ != nullptr && resources_->Serves(reference);
  }

  // Whether a served reference is known to dangle; it is noted where nothing is
  // known.
  bool Dangles(const api::Reference& reference);

  // Whether something was noted since Begin.
  bool open() const { return !wanted_.empty(); }

  // Asks for what was noted; see ForeignResources::Ask. Never within a
  // transaction.
  absl::Status Ask(absl::Time deadline, const std::string& traceparent);

 private:
  ForeignResources* resources_;
  std::vector<api::Reference> wanted_;
  absl::flat_hash_set<std::string> noted_, exist_, missing_;  // names
};

}  // namespace caravan::resources
