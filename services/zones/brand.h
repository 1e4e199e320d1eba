// Brands under cultivation: what must be true of one, and their new overseas
// trademarks.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "caravan/zones/v1/brands.pb.h"
#include "caravan/zones/v1/enterprises.pb.h"

namespace caravan::zones {

// Checks a brand as it will be stored, beyond what its contract declares: no
// trademark is there twice, dates follow each other and fit the state.
// INVALID_ARGUMENT names fields relative to the brand.
absl::Status CheckBrand(const v1::Brand& brand);

// Checks that a trademark of a brand is registered on the day from which on it
// is established: FAILED_PRECONDITION with reason BRAND_HAS_NO_TRADEMARK.
absl::Status CheckEstablished(const v1::Brand& brand);

// Sets the zone of a brand whose owner is new to the owner's home zone, where
// none is given. INVALID_ARGUMENT where another is.
absl::Status SettleZone(const v1::Enterprise& owner, v1::Brand& brand);

// INVALID_ARGUMENT where a summary's years or market make no sense.
absl::Status CheckTrademarkRequest(const v1::SummarizeTrademarksRequest& request);

// Counts the new overseas trademarks of brands, year by year.
class TrademarkCounter {
 public:
  // `request` has passed CheckTrademarkRequest.
  explicit TrademarkCounter(const v1::SummarizeTrademarksRequest& request);

  void Add(const v1::Brand& brand);

  v1::SummarizeTrademarksResponse Response() const;

 private:
  struct Year {
    int32_t trademarks = 0;
    int32_t brands = 0;
    std::map<std::string, int32_t> markets;
    std::map<int32_t, int32_t> classes;
  };

  const v1::SummarizeTrademarksRequest request_;
  std::vector<Year> years_;  // from start_year on
};

}  // namespace caravan::zones
