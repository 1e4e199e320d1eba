// Targets of a partnership: which month missed which, when it is at risk, and what
// it is paid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

// Shares and factors are in millionths: 980'000 is 98 %.
inline constexpr int64_t kMillion = 1'000'000;

// A rate is at least the bound where a greater one is better (IsGreaterBetter), and
// at most the bound where it is not.
struct RateTarget {
  Rate rate = Rate::kOnTime;
  int64_t bound = 0;  // 0 to kMillion
};

// A percentile of a leg's time is at most the bound.
struct LegTarget {
  Leg leg = Leg::kLastMile;
  int percent = 90;     // 1 to 100
  int64_t seconds = 0;  // 0 to Sketch::kMaxValue
};

using Target = std::variant<RateTarget, LegTarget>;

// INVALID_ARGUMENT with reason INVALID_TARGET where a number is out of bounds.
absl::Status CheckTarget(const Target& target);

// What became of a target in a month.
enum class Verdict : uint8_t { kMet, kBreached, kNoData };

struct Finding {
  size_t target = 0;  // its index
  Verdict verdict = Verdict::kNoData;
  // What was measured: of a rate target the parcels, scans or events, exactly...
  Ratio ratio;
  // ... and of a leg target the percentile, within 1 %, with the number of times.
  double seconds = 0;
  int64_t count = 0;
};

// The findings on valid targets, in their order. Rates are compared exactly; the
// percentile of a leg as the sketch gives it. Where nothing was measured, nothing
// was breached.
std::vector<Finding> Assess(const Scorecard& month, absl::Span<const Target> targets);

// What became of a month as a whole: breached where some target was, without data
// where all are.
Verdict Overall(absl::Span<const Finding> findings);

// Whether a partnership whose months, ascending and without gaps, turned out so is
// AT_RISK after `limit` breaches: the latest so many months with data were breached.
// A month without data neither counts nor interrupts (ours). `limit` is at least 1.
bool IsAtRisk(absl::Span<const Verdict> months, int limit);

// A rate of at least `from` pays `factor`.
struct PaymentTier {
  int64_t from = 0;           // 0 to kMillion
  int64_t factor = kMillion;  // 0 to 10 kMillion
};

// A scale of payment: the tier with the greatest `from` that the rate reaches; below
// all of them `base`. Say 98 % pays 1.03, 95 % 1.00, and what is below 0.95.
struct PaymentScale {
  Rate rate = Rate::kOnTime;
  std::vector<PaymentTier> tiers;  // `from` ascends; at most 100
  int64_t base = kMillion;         // 0 to 10 kMillion
};

// INVALID_ARGUMENT with reason INVALID_PAYMENT_SCALE where a scale is not as said
// above.
absl::Status CheckPaymentScale(const PaymentScale& scale);

// The factor for a month, in millionths; nothing where the rate has no data.
std::optional<int64_t> PaymentFactor(const Scorecard& month, const PaymentScale& scale);

}  // namespace caravan::logistics
