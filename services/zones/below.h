// Reads of handlers that go through what is below a resource.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/name.h"
#include "services/common/api/text.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

// Which resources of a collection, in the order of their names.
struct Below {
  // The resource above them, `practices/single-window`, or `practices/-` for any.
  std::string parent;
  // Only those with this value of a field that their contract has always indexed.
  std::optional<std::pair<std::string, std::string>> only = {};
  // Only those behind all below this one.
  std::string after = {};
};

// Visits them, one in memory at a time, until the visitor returns false.
// INVALID_ARGUMENT blames `parent` where that is no such name.
template <class T>
absl::Status VisitBelow(const resources::Registry& registry, store::Reader& reader,
                        const Below& below, absl::FunctionRef<bool(const T& resource)> visit) {
  const resources::Collection& collection = *registry.FindByMessage(*T::descriptor());
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

}  // namespace caravan::zones
