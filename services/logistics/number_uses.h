// Which parcels a carrier's tracking number has meant, one behind the other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace caravan::logistics {

// A number that was silent for so long opens a new parcel: 12 months.
inline constexpr absl::Duration kNumberSilence = absl::Hours(365 * 24);

// The key of a number in ParcelTable::kNumbers.
std::string NumberKey(std::string_view carrier, std::string_view number);

// The uses of a number. The span of a use's events would have to be written with
// nearly each event, so what is stored is the span up to kSlack, and within that much
// of a bound the use is uncertain: who asks reads the parcel's events, and tells it
// (SetSpan).
class NumberUses {
 public:
  static constexpr absl::Duration kSlack = absl::Hours(28 * 24);

  struct Use {
    std::string parcel;  // id
    // Since when, where that was said; else since its first event.
    absl::Time begin = absl::InfinitePast();
    // Of what was told of it: events, and the announcement or link as of its begin, or
    // else of its own time.
    absl::Time first, last;

    absl::Time start() const { return begin == absl::InfinitePast() ? first : begin; }
    friend bool operator==(const Use&, const Use&) = default;
  };

  // Which use a moment is of, as parcel_keeper.h defines it.
  struct Meaning {
    enum class Kind { kUse, kNone, kUncertain };
    Kind kind = Kind::kNone;
    size_t use = 0;  // kUncertain: whose span must be known exactly
  };
  Meaning Find(absl::Time time) const;

  // An event of a use has come. True where that is to be stored.
  bool Widen(size_t use, absl::Time time);

  // All uses have been stored as they are.
  void SetStored();

  // Tells the exact span of what was told of a use so far, beside what this object has
  // seen itself.
  void SetSpan(size_t use, absl::Time first, absl::Time last);

  // Adds a use, and returns where it is.
  size_t Add(Use use);
  void SetBegin(size_t use, absl::Time begin);
  void SetParcel(size_t use, std::string parcel);
  void Remove(std::string_view parcel);

  // Ascending by their start.
  size_t size() const { return uses_.size(); }
  bool empty() const { return uses_.empty(); }
  const Use& operator[](size_t use) const { return uses_[use].use; }
  // Bytes of memory, about.
  size_t memory() const;

  std::string Serialize() const;
  // DATA_LOSS with reason NUMBER_MALFORMED where bytes are none of Serialize().
  static absl::StatusOr<NumberUses> Parse(std::string_view bytes);

 private:
  struct Known {
    Use use;
    // How far what was told may reach, and what is stored.
    absl::Time far_first, far_last;
    absl::Time stored_first, stored_last;
  };

  // Puts the use where it belongs, and returns where that is.
  size_t Insert(Known known);

  std::vector<Known> uses_;
};

}  // namespace caravan::logistics
