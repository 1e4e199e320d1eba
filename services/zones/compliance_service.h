// Handlers of ComplianceService.
#pragma once

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "caravan/zones/v1/compliance.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

class ComplianceService : public v1::ComplianceServiceHandlers {
 public:
  explicit ComplianceService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::ComplianceStanding> ComputeComplianceStanding(
      rpc::Call& call, store::Reader& reader,
      const v1::ComputeComplianceStandingRequest& request) override;

  absl::StatusOr<v1::BatchComputeComplianceStandingsResponse> BatchComputeComplianceStandings(
      rpc::Call& call, store::Reader& reader,
      const v1::BatchComputeComplianceStandingsRequest& request) override;

 private:
  // The standings of enterprises on a day, in their order.
  absl::StatusOr<v1::BatchComputeComplianceStandingsResponse> Compute(
      store::Reader& reader, absl::Span<const std::string> enterprises, int64_t day) const;

  const resources::Registry& registry_;
};

}  // namespace caravan::zones
