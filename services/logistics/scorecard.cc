#include "services/logistics/scorecard.h"

#include <algorithm>
#include <utility>

#include "services/common/api/errors.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {
namespace {

absl::Status Malformed() {
  return api::Error(absl::StatusCode::kDataLoss, "SCORECARD_MALFORMED",
                    "a stored scorecard is damaged; scorecards are computed anew");
}

// Calls `measure` with each count, and `leg` with the bytes of each sketch, until it
// returns false. False where bytes are none of Serialize().
template <typename VisitMeasure, typename VisitLeg>
bool VisitSerialized(std::string_view bytes, VisitMeasure measure, VisitLeg leg) {
  const std::optional<uint64_t> used = ReadVarint(&bytes);
  if (!used || *used > kMeasures) return false;
  for (size_t i = 0; i < *used; ++i) {
    const std::optional<int64_t> count = ReadSigned(&bytes);
    if (!count) return false;
    measure(i, *count);
  }
  for (size_t i = 0; i < kLegs; ++i) {
    const std::optional<std::string_view> part = ReadBytes(&bytes);
    if (!part || !leg(i, *part)) return false;
  }
  return bytes.empty();
}

}  // namespace

std::string_view NameOf(Measure measure) {
  static constexpr std::array<std::string_view, kMeasures> kNames = {"HANDED_OVER",
                                                                     "LOST",
                                                                     "UNKNOWN",
                                                                     "DAMAGED",
                                                                     "RETURNED",
                                                                     "SCANS_EXPECTED",
                                                                     "SCANS_MISSING",
                                                                     "OUT_OF_SEQUENCE",
                                                                     "NEGATIVE_INTERVALS",
                                                                     "BEFORE_PARCEL",
                                                                     "AFTER_DELIVERY",
                                                                     "FUTURE_DATED",
                                                                     "UNKNOWN_CODES",
                                                                     "DUE",
                                                                     "ON_TIME",
                                                                     "REFUSED",
                                                                     "ATTEMPTED",
                                                                     "FIRST_ATTEMPT",
                                                                     "DELIVERED",
                                                                     "INFORMATION",
                                                                     "INFORMATION_ON_TIME"};
  return kNames[static_cast<size_t>(measure)];
}

std::string_view NameOf(Rate rate) {
  static constexpr std::array<std::string_view, kRates> kNames = {
      "ON_TIME",         "FIRST_ATTEMPT",      "LOSS", "DAMAGE", "RETURN",
      "SCAN_COMPLIANCE", "INFORMATION_ON_TIME"};
  return kNames[static_cast<size_t>(rate)];
}

bool Scorecard::empty() const { return *this == Scorecard(); }

void Scorecard::Merge(const Scorecard& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  for (size_t i = 0; i < legs.size(); ++i) legs[i].Merge(other.legs[i]);
}

void Scorecard::Negate() {
  for (int64_t& count : counts) count = -count;
  for (Sketch& leg : legs) leg.Negate();
}

// The counts, without the zeros at the end, behind their number; then the legs,
// each behind its size.
std::string Scorecard::Serialize() const {
  size_t used = counts.size();
  while (used > 0 && counts[used - 1] == 0) --used;
  std::string bytes;
  AppendVarint(used, &bytes);
  for (size_t i = 0; i < used; ++i) AppendSigned(counts[i], &bytes);
  for (const Sketch& leg : legs) {
    const std::string sketch = leg.Serialize();
    AppendVarint(sketch.size(), &bytes);
    bytes += sketch;
  }
  return bytes;
}

absl::StatusOr<Scorecard> Scorecard::Parse(std::string_view bytes) {
  Scorecard scorecard;
  const bool parsed = VisitSerialized(
      bytes, [&](size_t measure, int64_t count) { scorecard.counts[measure] = count; },
      [&](size_t leg, std::string_view part) {
        absl::StatusOr<Sketch> sketch = Sketch::Parse(part);
        if (!sketch.ok()) return false;
        scorecard.legs[leg] = *std::move(sketch);
        return true;
      });
  if (!parsed) return Malformed();
  return scorecard;
}

void ScorecardSum::Add(const Scorecard& scorecard) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += scorecard.counts[i];
  for (size_t i = 0; i < legs_.size(); ++i) legs_[i].Add(scorecard.legs[i]);
}

absl::Status ScorecardSum::AddSerialized(std::string_view bytes) {
  const bool parsed = VisitSerialized(
      bytes, [&](size_t measure, int64_t count) { counts_[measure] += count; },
      [&](size_t leg, std::string_view part) { return legs_[leg].AddSerialized(part); });
  return parsed ? absl::OkStatus() : Malformed();
}

Scorecard ScorecardSum::Take() {
  Scorecard scorecard;
  std::swap(scorecard.counts, counts_);
  for (size_t i = 0; i < legs_.size(); ++i) scorecard.legs[i] = legs_[i].Take();
  return scorecard;
}

Ratio RateOf(const Scorecard& scorecard, Rate rate) {
  const auto ratio = [&](Measure numerator, Measure denominator) {
    return Ratio{scorecard.at(numerator), scorecard.at(denominator)};
  };
  switch (rate) {
    case Rate::kOnTime:
      return ratio(Measure::kOnTime, Measure::kDue);
    case Rate::kFirstAttempt:
      return ratio(Measure::kFirstAttempt, Measure::kAttempted);
    case Rate::kLoss:
      return ratio(Measure::kLost, Measure::kHandedOver);
    case Rate::kDamage:
      return ratio(Measure::kDamaged, Measure::kHandedOver);
    case Rate::kReturn:
      return ratio(Measure::kReturned, Measure::kHandedOver);
    case Rate::kScanCompliance:
      return {scorecard.at(Measure::kScansExpected) - scorecard.at(Measure::kScansMissing),
              scorecard.at(Measure::kScansExpected)};
    case Rate::kInformationOnTime:
      return ratio(Measure::kInformationOnTime, Measure::kInformation);
  }
  return {};
}

}  // namespace caravan::logistics
