// Who makes a call, and what the call may touch.
#pragma once

#include <any>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "services/common/api/resource.h"
#include "services/common/identity/access.h"
#include "services/common/identity/principal.h"
#include "services/common/resources/inquiry.h"

namespace caravan::resources {

// What is known of a call where resources are read and written.
struct Caller {
  identity::Principal principal;
  const identity::AccessControl* access = nullptr;

  // The permission that the method declares.
  std::string_view permission;
  // The method's full name as in the change log,
  // `caravan.zones.v1.PilotZoneService/UpdatePilotZone`.
  std::string_view method;

  std::string request_id;
  // Empty for quick reads, which leave no record.
  std::string trace_id;

  absl::Time now;
  // The legal day, yyyymmdd.
  int64_t today = 0;

  // The ids that were made up for what this call creates: each time that its
  // transaction is run, it creates the same.
  mutable std::vector<std::string> new_ids = {};

  // Set by a List whose scan budget ran out: the fields that an index would
  // help, for the reply's metadata.
  std::string scan_hint;

  // Where references to resources of other services are looked up; null where
  // they are not.
  Inquiry* inquiry = nullptr;

  // What was learnt before the transaction, from other services: a type of the
  // service's own. See rpc::Service::BindBefore.
  std::any facts;

  // The facts; null where none of this type were learnt.
  template <class T>
  const T* Facts() const {
    return std::any_cast<T>(&facts);
  }

  // The caller where a change that is permitted brings changes of other resources
  // with it: they are made in the same name, and take no permission of their own.
  Caller Unrestricted() const;
  bool unrestricted = false;

  // Whether the method's permission is held on everything.
  bool Everywhere() const { return access->Everywhere(principal, permission); }

  // Whether it is held on the resource of a name, whoever owns that.
  bool HoldsOn(std::string_view name) const {
    return unrestricted || access->Check(principal, permission, name) == identity::Grant::kGranted;
  }

  // The answer where a resource is missing: NOT_FOUND for those who may know that.
  // Who would hold the permission only as an owner may not: what is missing has
  // none.
  absl::Status Missing(const api::ResourceType& type, std::string_view name) const;

  // Whether a permission (the method's own) is held on a resource: by its name,
  // or through an owner.
  bool Permits(const api::ResourceType& type, const google::protobuf::Message& resource) const;
  bool Permits(const api::ResourceType& type, const google::protobuf::Message& resource,
               std::string_view other_permission) const;

  // PERMISSION_DENIED that says the permission and the resource.
  absl::Status Denied(std::string_view resource) const;
};

// ABORTED with reason CHANGED_MEANWHILE, to be repeated by the caller: what was
// learnt before the transaction is about another state of a resource than the
// transaction finds.
absl::Status ChangedMeanwhile(std::string_view name);

}  // namespace caravan::resources
