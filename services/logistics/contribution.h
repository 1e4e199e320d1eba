// What a parcel adds to scorecards, and how they are kept right as its course
// changes.
//
// A scorecard is the sum of its parcels' contributions, each as of the moment at
// which it was last computed. When events of a parcel come, or its
// Course::next_change does, its new contribution is computed, and what differs from
// the old one is added. Contributions are sums of whole numbers, so late, corrected
// and reordered events leave what a rebuild from all events would make.
//
//   const Contribution now = Contribution::Of(TrackCourse(events, terms, time), terms.zone);
//   changes.Add(dimensions, Contribution::Change(kept, now));
//
// A keeper stores with each parcel the contribution that it has added. So what is
// taken away is what was added, even where terms, codes or this library have
// changed since; and a parcel that moves to other dimensions takes `kept` away
// from the old ones and adds `now` to the new.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/logistics/parcel_course.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

class Contribution {
 public:
  // So much of a measure, or of values in a bucket of a leg's sketch, on a day.
  struct Entry {
    int32_t day = 0;     // since 1 January 1970
    int16_t item = 0;    // a leg, or kLegs + a measure
    int16_t bucket = 0;  // of a leg's sketch
    int64_t amount = 0;  // not 0

    friend bool operator==(const Entry&, const Entry&) = default;
  };

  // What a course adds; days are of `zone`, the destination's.
  static Contribution Of(const Course& course, absl::TimeZone zone);

  // What is to be added where `before` was and `after` should be.
  static Contribution Change(const Contribution& before, const Contribution& after);

  // By day, item and bucket, each once.
  absl::Span<const Entry> entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

  // The same bytes for the same contents, some four an entry.
  std::string Serialize() const;
  // DATA_LOSS with reason CONTRIBUTION_MALFORMED where bytes are none of
  // Serialize().
  static absl::StatusOr<Contribution> Parse(std::string_view bytes);

  friend bool operator==(const Contribution& a, const Contribution& b) {
    return a.entries_ == b.entries_;
  }

 private:
  absl::InlinedVector<Entry, 32> entries_;
};

// By what scorecards are kept.
enum class Dimension : uint8_t {
  kPartnership,
  kCourier,
  kLineHaulCompany,
  kLane,
  kDestination,
  kOriginZone,
  kSeller,
  kPlatform,
  // The courier among those of a lane: `<lane> <courier>`.
  kLaneAndCourier,
};
inline constexpr int kDimensions = 9;

std::string_view NameOf(Dimension dimension);  // `LINE_HAUL_COMPANY`

// A parcel's values, by Dimension: resource names, which have no blanks. One that is
// empty is in no scorecard.
class Dimensions {
 public:
  void Set(Dimension dimension, std::string value);  // not kLaneAndCourier: it follows
  const std::string& at(Dimension dimension) const {
    return values_[static_cast<size_t>(dimension)];
  }

 private:
  std::array<std::string, kDimensions> values_;
};

enum class Granularity : uint8_t { kDay, kWeek, kMonth };

// The first day of the period in which a day lies.
absl::CivilDay PeriodOf(absl::CivilDay day, Granularity granularity);

// Gathers the changes of a batch of parcels, so that each stored scorecard is
// written once.
class ScorecardChanges {
 public:
  struct Row {
    Dimension dimension;
    std::string value;
    Granularity granularity;
    absl::CivilDay begin;  // of the period
    Scorecard change;      // to be merged into what is stored; not empty
  };

  void Add(const Dimensions& dimensions, const Contribution& change);

  // By dimension, value, granularity (in the order asked for) and period.
  std::vector<Row> Rows(absl::Span<const Granularity> granularities) const;
  // Those of days, which this then no longer has.
  std::vector<Row> TakeDays();

  bool empty() const;

 private:
  using Days = absl::btree_map<int32_t, Scorecard>;

  std::array<absl::flat_hash_map<std::string, Days>, kDimensions> values_;
};

}  // namespace caravan::logistics
