// What is stored of a parcel, and in which bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/logistics/contribution.h"
#include "services/logistics/event_set.h"

namespace caravan::logistics {

struct ParcelRecord {
  struct Number {
    std::string carrier, number;
    absl::Time begin = absl::InfinitePast();  // since when it is this parcel's

    friend bool operator==(const Number&, const Number&) = default;
  };
  std::vector<Number> numbers;

  // What was announced, or set later. Resource names.
  std::string seller, platform, origin_zone, partnership, lane;
  std::string postal_code;
  // Nothing where events came first and nobody did.
  std::optional<absl::Time> announced;

  EventSet events;

  // What has been added to the scorecards of the parcel's bucket: Contribution's bytes,
  // by which dimensions (none where it is empty), and under which terms.
  std::string kept;
  Dimensions kept_dimensions;
  uint64_t terms = 0;

  // When the parcel is to be looked at again: it has this timer, and no other.
  absl::Time timer = absl::InfiniteFuture();

  // The id of the parcel to which everything of this one belongs.
  std::string merged_into;
  // Ids of parcels that are being merged into this one.
  std::vector<std::string> adopting;

  // Terms::begin: the earliest of its numbers' begins.
  absl::Time Begin() const;

  // Null where it has no such number.
  Number* Find(std::string_view carrier, std::string_view number);

  // Some 20 bytes an event: strings are kept once, and times as differences.
  std::string Serialize() const;
  // DATA_LOSS with reason PARCEL_MALFORMED where bytes are none of Serialize().
  static absl::StatusOr<ParcelRecord> Parse(std::string_view bytes);
};

}  // namespace caravan::logistics
