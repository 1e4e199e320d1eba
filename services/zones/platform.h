// Platforms: what must be true of one, and what they added over time.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "caravan/zones/v1/platforms.pb.h"
#include "services/zones/period.h"

namespace caravan::zones {

// Checks a platform as it will be stored, beyond what its contract declares: ids
// of categories and functions are its own, each class of goods is one of the
// platform's kind, dates follow each other and fit the state. INVALID_ARGUMENT
// names fields relative to the platform.
absl::Status CheckPlatform(const v1::Platform& platform);

// Checks who is to operate a platform. FAILED_PRECONDITION with reason
// NOT_A_PLATFORM_OPERATOR where the enterprise has not that role,
// ENTERPRISE_CLOSED where it has ended.
absl::Status CheckOperator(const v1::Platform& platform, const v1::Enterprise& enterprise);

// The periods that a request asks for, in order. INVALID_ARGUMENT where its end
// is not after its beginning, or where they are more than 1,000.
absl::StatusOr<std::vector<Period>> PeriodsOf(const v1::SummarizePlatformsRequest& request);

// Counts platforms and their additions in periods.
class PlatformSummary {
 public:
  // `periods` follow each other without a gap.
  explicit PlatformSummary(std::vector<Period> periods);

  void Add(const v1::Platform& platform);

  // The counts so far, with the shares of B2B.
  v1::SummarizePlatformsResponse Response() const;

 private:
  // The counts of the period in which a day is; null where there is none.
  v1::SummarizePlatformsResponse::Period* At(int64_t day);

  std::vector<Period> periods_;
  v1::SummarizePlatformsResponse response_;
};

}  // namespace caravan::zones
