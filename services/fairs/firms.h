// What the zones service says of firms. No copy is kept.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "caravan/client/options.h"
#include "services/common/peers/peers.h"
#include "services/fairs/eligibility.h"

namespace caravan::fairs {

// The firms of these names with their compliance standing on a day (yyyymmdd), in
// their order; without a state where zones knows no such enterprise. Waits, so never
// within a transaction. `options` are those of every single call, of which there are
// two for a thousand names. UNAVAILABLE with reason SERVICE_UNAVAILABLE where zones
// does not answer.
absl::StatusOr<std::vector<Firm>> AskFirms(const peers::Peer& zones,
                                           const client::CallOptions& options,
                                           const std::vector<std::string>& names, int64_t day);

}  // namespace caravan::fairs
