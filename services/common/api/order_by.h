// The order of lists (AIP-132): `foo, bar.baz desc`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace caravan::api {

struct OrderTerm {
  std::string path;  // `bar.baz`
  bool descending = false;

  bool operator==(const OrderTerm&) const = default;
};

// Parses an order. Each path leads through singular messages to a field that
// has an order: a scalar, enum, string, timestamp, duration, date or wrapper; no
// path comes twice. Blank text: no terms.
//
// INVALID_ARGUMENT with reason INVALID_ORDER_BY, blaming `field`.
absl::StatusOr<std::vector<OrderTerm>> ParseOrderBy(std::string_view text,
                                                    const google::protobuf::Descriptor* message,
                                                    std::string_view field = "order_by");

}  // namespace caravan::api
