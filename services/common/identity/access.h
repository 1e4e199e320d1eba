// Who may do what: the access policy in force.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "caravan/api/v1/access.pb.h"
#include "services/common/identity/principal.h"

namespace caravan::identity {

enum class Grant {
  kDenied,
  kGranted,
  kIfOwner,  // held on other resources: granted where they own this one
};

// A policy, compiled for checks of some 100 ns. Immutable.
class CompiledPolicy;

// Answers whether a principal holds a permission. A role held on a resource
// name covers it and all below it (`fairs/canton-136` covers
// `fairs/canton-136/halls/11.2`, not `fairs/canton-1360`). Thread-safe; a
// reload delays checks by no more than the exchange of a pointer.
class AccessControl {
 public:
  // With a fixed policy. INVALID_ARGUMENT where the policy is malformed, names
  // a role twice, or binds one that it doesn't define.
  static absl::StatusOr<std::unique_ptr<AccessControl>> Create(
      const caravan::api::v1::AccessPolicy& policy);

  // With the policy in a YAML file, which is looked at every `interval` and
  // loaded again when it has changed; a file that is wrong then changes
  // nothing and is logged.
  static absl::StatusOr<std::unique_ptr<AccessControl>> Watch(
      const std::string& file, absl::Duration interval = absl::Seconds(1));

  // Parses and checks the policy in a YAML file.
  static absl::StatusOr<caravan::api::v1::AccessPolicy> ReadPolicy(const std::string& file);

  virtual ~AccessControl();

  // The grant of a permission on a resource. With an empty resource name, only
  // a role on everything grants.
  Grant Check(const Principal& principal, std::string_view permission,
              std::string_view resource) const;

  // Whether the permission is held on one of the owners of a resource, given by
  // their names.
  bool OwnerGrants(const Principal& principal, std::string_view permission,
                   absl::Span<const std::string_view> owners) const;

  // Whether the permission is held on everything.
  bool Everywhere(const Principal& principal, std::string_view permission) const;

  // The resource names on which the permission is held, sorted, without those
  // below others; {"*"} where it is held on everything.
  std::vector<std::string> Prefixes(const Principal& principal, std::string_view permission) const;

 protected:
  AccessControl();

  std::shared_ptr<const CompiledPolicy> Policy() const;
  absl::Status SetPolicy(const caravan::api::v1::AccessPolicy& policy);

 private:
  mutable std::mutex mutex_;  // held to copy or exchange the pointer
  std::shared_ptr<const CompiledPolicy> policy_;
};

}  // namespace caravan::identity
