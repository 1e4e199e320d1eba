#include "services/common/resources/caller.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/resources/registry.h"

namespace caravan::resources {

namespace {

constexpr double kRetrySeconds = 0.1;

}  // namespace

Caller Caller::Unrestricted() const {
  Caller caller = *this;
  caller.unrestricted = true;
  return caller;
}

bool Caller::Permits(const api::ResourceType& type,
                     const google::protobuf::Message& resource) const {
  return Permits(type, resource, permission);
}

bool Caller::Permits(const api::ResourceType& type, const google::protobuf::Message& resource,
                     std::string_view other_permission) const {
  if (unrestricted) return true;
  switch (access->Check(principal, other_permission, type.NameOf(resource))) {
    case identity::Grant::kGranted:
      return true;
    case identity::Grant::kDenied:
      return false;
    case identity::Grant::kIfOwner:
      break;
  }
  const std::vector<std::string> owners = type.OwnersOf(resource);
  const std::vector<std::string_view> views(owners.begin(), owners.end());
  return access->OwnerGrants(principal, other_permission, views);
}

absl::Status Caller::Missing(const api::ResourceType& type, std::string_view name) const {
  return HoldsOn(name) ? NotFound(type, name) : Denied(name);
}

absl::Status Caller::Denied(std::string_view resource) const {
  const std::string_view where = resource.empty() ? "this service" : resource;
  return api::Error(absl::StatusCode::kPermissionDenied, "PERMISSION_DENIED",
                    absl::StrCat(principal.name, " does not hold the permission ", permission,
                                 " on ", where, "; ask an administrator for a role that has it"))
      .With("permission", permission)
      .With("resource", resource)
      .With("principal", principal.name);
}

absl::Status ChangedMeanwhile(std::string_view name) {
  return api::Error(absl::StatusCode::kAborted, "CHANGED_MEANWHILE",
                    absl::StrCat(name,
                                 " changed while another service was asked about it; "
                                 "nothing was done, try again"))
      .With("resource", name)
      .RetryAfter(kRetrySeconds);
}

}  // namespace caravan::resources
