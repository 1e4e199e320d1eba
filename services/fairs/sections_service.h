// Handlers of SectionService, and the rules for every write of sections and quotas.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/quotas.pb.h"
#include "caravan/fairs/v1/sections.service.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

absl::Status PrepareSection(const resources::Writing& writing, const v1::Section* before,
                            v1::Section& after);

absl::Status PrepareQuota(const resources::Writing& writing, const v1::Quota* before,
                          v1::Quota& after);

class SectionsService : public v1::SectionServiceHandlers {
 public:
  explicit SectionsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::DivideQuotasResponse> DivideQuotas(
      rpc::Call& call, store::Transaction& tx, const v1::DivideQuotasRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::fairs
