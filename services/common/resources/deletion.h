// Deletion of what may be deleted in some states only.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/empty.pb.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/writer.h"

namespace caravan::resources {

// What the standard method does, where `check` allows it. T: the resource.
template <class T, class Request>
absl::StatusOr<google::protobuf::Empty> DeleteIf(
    const Registry& registry, const Caller& caller, store::Transaction& tx, const Request& request,
    absl::FunctionRef<absl::Status(const T& resource)> check) {
  const Collection& collection = *registry.FindByMessage(*T::descriptor());
  Writer writer(registry, caller, tx);
  if (request.allow_missing()) {
    auto existing = writer.Read(collection, request.name());
    if (!existing.ok()) return existing.status();
    if (!existing->has_value()) return google::protobuf::Empty();
  }
  auto before = writer.ReadForChange(collection, request.name(), request.etag(), "etag");
  if (!before.ok()) return before.status();
  absl::Status s = check(static_cast<const T&>(*before->message));
  if (s.ok()) s = writer.Delete(collection, *before);
  if (!s.ok()) return s;
  return google::protobuf::Empty();
}

}  // namespace caravan::resources
