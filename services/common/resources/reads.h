// Reads of handlers and of rules: one resource, those of a collection, those below
// another.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/name.h"
#include "services/common/api/text.h"
#include "services/common/resources/registry.h"
#include "services/common/resources/writer.h"

namespace caravan::resources {

// A resource that must exist: NOT_FOUND where it does not.
template <class T>
absl::StatusOr<T> Require(const Registry& registry, store::Reader& reader, std::string_view name) {
  absl::StatusOr<std::optional<T>> found = registry.Lookup<T>(reader, name);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return NotFound(*registry.FindByMessage(*T::descriptor())->type, name);
  return **std::move(found);
}

// Visits the resources of a collection. With a field that its contract indexes:
// those alone in which it has one of the values, in the order of the field.
template <class T>
absl::Status Visit(const Registry& registry, store::Reader& reader, std::string_view field,
                   std::vector<store::Value> values, absl::FunctionRef<void(T resource)> visit) {
  const Collection& collection = *registry.FindByMessage(*T::descriptor());
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

// Makes a transaction be run again where something new comes to refer to a resource, or
// to be below it, before it commits: for scans, which are not checked then.
inline absl::Status WatchReferences(store::Reader& reader, std::string_view name) {
  return reader.Get(kGuards, ReferenceGuard(name)).status();
}

// Which resources of a collection, in the order of their names.
struct Below {
  // The resource above them, `practices/single-window`, or `practices/-` for any.
  std::string parent;
  // Only those with this value of a field that their contract has always indexed: of an
  // enum, the number.
  std::optional<std::pair<std::string, store::Value>> only = {};
  // Only those behind all below this one.
  std::string after = {};
};

// Visits them, one in memory at a time, until the visitor returns false.
// INVALID_ARGUMENT blames `parent` where that is no such name.
template <class T>
absl::Status VisitBelow(const Registry& registry, store::Reader& reader, const Below& below,
                        absl::FunctionRef<bool(const T& resource)> visit) {
  const Collection& collection = *registry.FindByMessage(*T::descriptor());
  const api::NamePattern above = collection.type->pattern().ParentPattern();
  if (auto ids = above.MatchWithWildcards(below.parent); !ids.ok()) return ids.status();
  const bool any = absl::EndsWith(below.parent, "/-");
  const std::string prefix =
      any ? below.parent.substr(0, below.parent.size() - 1) : absl::StrCat(below.parent, "/");
  store::ScanSpec scan;
  scan.table = collection.table;
  scan.begin_key = prefix;
  scan.end_key = api::PrefixEnd(prefix);
  if (!below.after.empty()) scan.begin_key = std::max(prefix, api::PrefixEnd(below.after));
  if (below.only.has_value()) {
    const int column = collection.type->IndexOf(below.only->first);
    scan.terms.push_back({column, store::Term::Op::kEqual, {below.only->second}});
  }
  bool intact = true;
  absl::Status s = reader.Scan(scan, [&](store::Row& row) {
    T resource;
    intact = resource.ParseFromString(row.data);
    return intact && visit(resource);
  });
  if (s.ok() && !intact) return absl::DataLossError("stored row");
  return s;
}

}  // namespace caravan::resources
