// Handlers of InspectionService and SanctionService, and the rules for every write of
// inspections and sanctions.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/inspections.service.h"
#include "caravan/fairs/v1/sanctions.service.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

absl::Status PrepareInspection(const resources::Writing& writing, const v1::Inspection* before,
                               v1::Inspection& after);

absl::Status PrepareSanction(const resources::Writing& writing, const v1::Sanction* before,
                             v1::Sanction& after);

class InspectionsService : public v1::InspectionServiceHandlers {
 public:
  explicit InspectionsService(const resources::Registry& registry);

  absl::StatusOr<v1::SanctionInspectionResponse> SanctionInspection(
      rpc::Call& call, store::Transaction& tx,
      const v1::SanctionInspectionRequest& request) override;

 private:
  const resources::Registry& registry_;
};

class SanctionsService : public v1::SanctionServiceHandlers {
 public:
  explicit SanctionsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::Sanction> LiftSanction(rpc::Call& call, store::Transaction& tx,
                                            const v1::LiftSanctionRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::fairs
