// Reads only the rows of a caller's own resources, where an index allows it.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "absl/types/span.h"
#include "services/common/resources/caller.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"

namespace caravan::resources {

// Where the caller holds the permissions only on a few owners of a collection's
// resources, and there is an index on the one field that names the owner: the
// condition that the owner is one of them. Which of the rows the caller may see
// is for Caller::Permits all the same. `index_ready` is Store::IndexReady.
std::optional<store::Term> OwnerTerm(
    const Collection& collection, const Caller& caller,
    absl::Span<const std::string_view> permissions,
    const std::function<bool(store::TableId table, int column)>& index_ready);

}  // namespace caravan::resources
