// Scorecards: what is counted of parcels in a period, and the rates that follow.
//
// A count belongs to a day of the destination's time zone, by what it counts:
//
//   the day of            counts
//   hand-over (or, if     HANDED_OVER, LOST, UNKNOWN, DAMAGED, RETURNED, scans, data faults:
//   none, first event)    so that rates are of the parcels that set out on a day
//   deadline, extended    DUE, ON_TIME, REFUSED
//   first attempt         ATTEMPTED, FIRST_ATTEMPT
//   delivery              DELIVERED
//   leg's end             leg times
//   event                 INFORMATION, INFORMATION_ON_TIME
//
// What each counts is defined with the course of a parcel (parcel_course.h); of one
// without an event that takes part nothing is counted. Weeks (of Monday, ISO 8601)
// and months are sums of days.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "services/logistics/parcel_course.h"
#include "services/logistics/sketch.h"

namespace caravan::logistics {

// Numbers are stored: new measures go to the end.
enum class Measure : uint8_t {
  kHandedOver,
  kLost,      // state LOST, and handed over; so for the next three
  kUnknown,   // state UNKNOWN
  kDamaged,   // flag
  kReturned,  // state RETURNING or RETURNED
  kScansExpected,
  kScansMissing,
  kOutOfSequence,
  kNegativeIntervals,
  kBeforeParcel,
  kAfterDelivery,
  kFutureDated,
  kUnknownCodes,
  kDue,
  kOnTime,
  kRefused,  // would be due
  kAttempted,
  kFirstAttempt,
  kDelivered,
  kInformation,
  kInformationOnTime,
};
inline constexpr int kMeasures = 21;

std::string_view NameOf(Measure measure);  // `HANDED_OVER`

struct Scorecard {
  std::array<int64_t, kMeasures> counts = {};
  std::array<Sketch, kLegs> legs;  // times in seconds

  int64_t at(Measure measure) const { return counts[static_cast<size_t>(measure)]; }
  const Sketch& at(Leg leg) const { return legs[static_cast<size_t>(leg)]; }

  bool empty() const;

  // Adds another scorecard, or what changes in this one.
  void Merge(const Scorecard& other);
  // Takes away instead of adding, and the other way round.
  void Negate();

  // The same bytes for the same contents.
  std::string Serialize() const;
  // DATA_LOSS with reason SCORECARD_MALFORMED where bytes are none of Serialize(),
  // of this or an earlier version.
  static absl::StatusOr<Scorecard> Parse(std::string_view bytes);

  friend bool operator==(const Scorecard&, const Scorecard&) = default;
};

// The sum of many scorecards, as SketchSum is of sketches.
class ScorecardSum {
 public:
  void Add(const Scorecard& scorecard);
  // Of Scorecard::Serialize(). DATA_LOSS as with Parse(); the sum is then of no use.
  absl::Status AddSerialized(std::string_view bytes);
  // The sum, which begins anew.
  Scorecard Take();

 private:
  std::array<int64_t, kMeasures> counts_ = {};
  std::array<SketchSum, kLegs> legs_;
};

enum class Rate : uint8_t {
  kOnTime,        // ON_TIME / DUE
  kFirstAttempt,  // FIRST_ATTEMPT / ATTEMPTED
  kLoss,          // LOST / HANDED_OVER; so for the next two
  kDamage,
  kReturn,
  kScanCompliance,     // scans that are there / SCANS_EXPECTED
  kInformationOnTime,  // INFORMATION_ON_TIME / INFORMATION
};
inline constexpr int kRates = 7;

std::string_view NameOf(Rate rate);  // `FIRST_ATTEMPT`

// Whether a greater rate is the better one.
constexpr bool IsGreaterBetter(Rate rate) {
  return rate != Rate::kLoss && rate != Rate::kDamage && rate != Rate::kReturn;
}

// A share of a number of parcels, scans or events.
struct Ratio {
  int64_t numerator = 0;
  int64_t denominator = 0;  // where it is 0, there is no rate

  friend bool operator==(const Ratio&, const Ratio&) = default;
};

Ratio RateOf(const Scorecard& scorecard, Rate rate);

}  // namespace caravan::logistics
