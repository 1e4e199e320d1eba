// Handlers of AdoptionService, and the rules for every write of practices and
// adoptions.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/adoptions.service.h"
#include "caravan/zones/v1/practices.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PreparePractice(const resources::Writing& writing, const v1::Practice* before,
                             v1::Practice& after);

absl::Status PrepareAdoption(const resources::Writing& writing, const v1::Adoption* before,
                             v1::Adoption& after);

class AdoptionsService : public v1::AdoptionServiceHandlers {
 public:
  explicit AdoptionsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::SummarizeAdoptionsResponse> SummarizeAdoptions(
      rpc::Call& call, store::Reader& reader,
      const v1::SummarizeAdoptionsRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::zones
