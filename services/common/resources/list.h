// List (AIP-132, 158, 160): pages of a collection by filter, order and day.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "services/common/resources/caller.h"
#include "services/common/resources/request_shape.h"
#include "services/common/store/store.h"

namespace caravan::resources {

inline constexpr int kDefaultPageSize = 50;
inline constexpr int kLargestPageSize = 1000;

// Rows that one page may look at before it comes short.
inline constexpr int64_t kScanBudget = 20'000;

// The serialised response. Past the scan budget the page comes short, with a
// token, and `caller.scan_hint` names the fields that an index would help.
// `index_ready` is Store::IndexReady.
absl::StatusOr<std::string> List(
    const RequestShape& shape, Caller& caller, store::Reader& reader,
    const std::function<bool(store::TableId table, int column)>& index_ready,
    const google::protobuf::Message& request);

}  // namespace caravan::resources
