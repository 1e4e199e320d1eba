// Page tokens (AIP-158): opaque, and bound to the request that they belong to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace caravan::api {

// Where a page ended: the values of the columns in the order, and the key, of
// its last row. Values are as in store::Value.
struct PagePosition {
  std::vector<std::variant<int64_t, std::string>> values;
  std::string key;

  bool operator==(const PagePosition&) const = default;
};

// A token, URL-safe. `request_shape` is whatever must be the same in the request
// for the next page: parent, filter, order, ... in any unambiguous form.
std::string EncodePageToken(const PagePosition& position, std::string_view request_shape);

// INVALID_ARGUMENT with reason INVALID_PAGE_TOKEN, blaming `page_token`, where
// the token is damaged or belongs to a request of another shape. (The check is
// against accidents: a position reveals and permits nothing that the request
// itself would not.)
absl::StatusOr<PagePosition> DecodePageToken(std::string_view token,
                                             std::string_view request_shape);

// The same error, for a token whose position cannot be of the request's order.
absl::Status InvalidPageToken();

}  // namespace caravan::api
