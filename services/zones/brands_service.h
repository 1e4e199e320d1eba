// Handlers of BrandService, and its rule for every write.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/brands.service.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PrepareBrand(const resources::Writing& writing, const v1::Brand* before,
                          v1::Brand& after);

class BrandsService : public v1::BrandServiceHandlers {
 public:
  explicit BrandsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::SummarizeTrademarksResponse> SummarizeTrademarks(
      rpc::Call& call, store::Reader& reader,
      const v1::SummarizeTrademarksRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::zones
