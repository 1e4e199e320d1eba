#include "services/common/resources/owner_term.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace caravan::resources {

namespace {

// Whether a role on `prefix` covers names of a pattern by the name alone.
bool Covers(std::string_view prefix, std::string_view pattern) {
  const std::vector<std::string_view> held = absl::StrSplit(prefix, '/');
  const std::vector<std::string_view> names = absl::StrSplit(pattern, '/');
  if (held.size() > names.size()) return false;
  for (size_t i = 0; i < held.size(); ++i) {
    if (!absl::StartsWith(names[i], "{") && names[i] != held[i]) return false;
  }
  return true;
}

// Whether it is one resource at the top, as owners are, rather than a
// collection of them.
bool IsOneOwner(std::string_view prefix) {
  return std::count(prefix.begin(), prefix.end(), '/') == 1;
}

}  // namespace

std::optional<store::Term> OwnerTerm(const Collection& collection, const Caller& caller,
                                     absl::Span<const std::string_view> permissions,
                                     const std::function<bool(store::TableId, int)>& index_ready) {
  const api::ResourceType& type = *collection.type;
  int column = -1;
  for (const api::FieldPath& owner : type.owners()) {
    if (owner.path() == "name") continue;
    if (column >= 0) return std::nullopt;
    column = type.IndexOf(owner.path());
    if (column < 0 || !index_ready(collection.table, column)) return std::nullopt;
  }
  if (column < 0) return std::nullopt;
  std::vector<store::Value> owners;
  for (const std::string_view permission : permissions) {
    for (std::string& prefix : caller.access->Prefixes(caller.principal, permission)) {
      if (Covers(prefix, type.pattern().pattern()) || !IsOneOwner(prefix)) return std::nullopt;
      owners.emplace_back(std::move(prefix));
    }
  }
  return store::Term{column, store::Term::Op::kIn, std::move(owners)};
}

}  // namespace caravan::resources
