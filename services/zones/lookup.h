// Reads of handlers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

// A resource that must exist: NOT_FOUND where it does not.
template <class T>
absl::StatusOr<T> Require(const resources::Registry& registry, store::Reader& reader,
                          std::string_view name) {
  absl::StatusOr<std::optional<T>> found = registry.Lookup<T>(reader, name);
  if (!found.ok()) return found.status();
  if (!found->has_value()) {
    return resources::NotFound(*registry.FindByMessage(*T::descriptor())->type, name);
  }
  return **std::move(found);
}

// Visits the resources of a collection. With a field that its contract indexes:
// those alone in which it has one of the values, in the order of the field.
template <class T>
absl::Status Visit(const resources::Registry& registry, store::Reader& reader,
                   std::string_view field, std::vector<store::Value> values,
                   absl::FunctionRef<void(T resource)> visit) {
  const resources::Collection& collection = *registry.FindByMessage(*T::descriptor());
  store::ScanSpec scan;
  scan.table = collection.table;
  if (!field.empty()) {
    const int column = collection.type->IndexOf(field);
    scan.terms.push_back({column, store::Term::Op::kIn, std::move(values)});
    // So that both engines look the values up in the index.
    scan.order.push_back({column});
  }
  bool intact = true;
  absl::Status s = reader.Scan(scan, [&](store::Row& row) {
    T resource;
    intact = resource.ParseFromString(row.data);
    if (intact) visit(std::move(resource));
    return intact;
  });
  if (s.ok() && !intact) return absl::DataLossError("stored row");
  return s;
}

}  // namespace caravan::zones
