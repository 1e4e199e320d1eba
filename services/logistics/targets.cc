#include "services/logistics/targets.h"

#include <algorithm>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

constexpr int64_t kMaxFactor = 10 * kMillion;
constexpr size_t kMaxTiers = 100;

// Below 0 where the ratio is less than so many millionths, above where it is more.
int Compare(const Ratio& ratio, int64_t millionths) {
  const absl::int128 left = absl::int128(ratio.numerator) * kMillion;
  const absl::int128 right = absl::int128(ratio.denominator) * millionths;
  return left < right ? -1 : left > right ? 1 : 0;
}

api::Error Invalid(std::string_view reason, std::string message) {
  return api::Error(absl::StatusCode::kInvalidArgument, reason, std::move(message));
}

Finding AssessOne(const Scorecard& month, const RateTarget& target) {
  Finding finding;
  finding.ratio = RateOf(month, target.rate);
  if (finding.ratio.denominator > 0) {
    const int compared = Compare(finding.ratio, target.bound);
    const bool met = IsGreaterBetter(target.rate) ? compared >= 0 : compared <= 0;
    finding.verdict = met ? Verdict::kMet : Verdict::kBreached;
  }
  return finding;
}

Finding AssessOne(const Scorecard& month, const LegTarget& target) {
  const Sketch& sketch = month.at(target.leg);
  Finding finding;
  finding.count = sketch.count();
  if (finding.count > 0) {
    finding.seconds = sketch.Percentile(target.percent);
    finding.verdict =
        finding.seconds <= static_cast<double>(target.seconds) ? Verdict::kMet : Verdict::kBreached;
  }
  return finding;
}

}  // namespace

absl::Status CheckTarget(const Target& target) {
  if (const auto* rate = std::get_if<RateTarget>(&target)) {
    if (rate->bound < 0 || rate->bound > kMillion) {
      return Invalid("INVALID_TARGET", absl::StrCat("a rate of ", rate->bound,
                                                    " millionths would be from 0 to 1000000"));
    }
    return absl::OkStatus();
  }
  const auto& leg = std::get<LegTarget>(target);
  if (leg.percent < 1 || leg.percent > 100) {
    return Invalid("INVALID_TARGET",
                   absl::StrCat("a percentile of ", leg.percent, " would be from 1 to 100"));
  }
  if (leg.seconds < 0 || leg.seconds > Sketch::kMaxValue) {
    return Invalid(
        "INVALID_TARGET",
        absl::StrCat("a time of ", leg.seconds, " seconds would be from 0 to ", Sketch::kMaxValue));
  }
  return absl::OkStatus();
}

std::vector<Finding> Assess(const Scorecard& month, absl::Span<const Target> targets) {
  std::vector<Finding> findings;
  findings.reserve(targets.size());
  for (size_t i = 0; i < targets.size(); ++i) {
    findings.push_back(
        std::visit([&](const auto& target) { return AssessOne(month, target); }, targets[i]));
    findings.back().target = i;
  }
  return findings;
}

Verdict Overall(absl::Span<const Finding> findings) {
  Verdict overall = Verdict::kNoData;
  for (const Finding& finding : findings) {
    if (finding.verdict == Verdict::kBreached) return Verdict::kBreached;
    if (finding.verdict == Verdict::kMet) overall = Verdict::kMet;
  }
  return overall;
}

bool IsAtRisk(absl::Span<const Verdict> months, int limit) {
  int breached = 0;
  for (auto month = months.rbegin(); month != months.rend() && breached < limit; ++month) {
    if (*month == Verdict::kMet) return false;
    breached += *month == Verdict::kBreached;
  }
  return breached >= limit;
}

absl::Status CheckPaymentScale(const PaymentScale& scale) {
  const auto invalid = [](auto&&... message) {
    return Invalid("INVALID_PAYMENT_SCALE", absl::StrCat(message...));
  };
  if (scale.tiers.size() > kMaxTiers) {
    return invalid(scale.tiers.size(), " tiers would be at most ", kMaxTiers);
  }
  int64_t last = -1;
  const auto is_factor = [](int64_t factor) { return 0 <= factor && factor <= kMaxFactor; };
  for (const PaymentTier& tier : scale.tiers) {
    if (tier.from <= last || tier.from > kMillion) {
      return invalid("a tier from ", tier.from, " millionths would be above the one before (", last,
                     ") and at most ", kMillion);
    }
    if (!is_factor(tier.factor)) {
      return invalid("a factor of ", tier.factor, " millionths would be from 0 to ", kMaxFactor);
    }
    last = tier.from;
  }
  if (!is_factor(scale.base)) {
    return invalid("a factor of ", scale.base, " millionths would be from 0 to ", kMaxFactor);
  }
  return absl::OkStatus();
}

std::optional<int64_t> PaymentFactor(const Scorecard& month, const PaymentScale& scale) {
  const Ratio ratio = RateOf(month, scale.rate);
  if (ratio.denominator <= 0) return std::nullopt;
  int64_t factor = scale.base;
  for (const PaymentTier& tier : scale.tiers) {
    if (Compare(ratio, tier.from) >= 0) factor = tier.factor;
  }
  return factor;
}

}  // namespace caravan::logistics
