// Reckonings' scorecards, as the keeper of parcels has them.
#pragma once

#include <memory>
#include <string_view>

#include "services/logistics/parcel_host.h"
#include "services/logistics/scorecard_source.h"

namespace caravan::logistics {

class ParcelScorecards : public ScorecardSource {
 public:
  explicit ParcelScorecards(std::shared_ptr<ParcelHost> host);

  absl::StatusOr<Scorecard> OfMonth(std::string_view partnership, absl::CivilMonth month) override;
  absl::StatusOr<Scorecard> OfParcel(std::string_view partnership, std::string_view parcel,
                                     absl::CivilMonth month) override;

 private:
  const std::shared_ptr<ParcelHost> host_;
};

}  // namespace caravan::logistics
