// Handlers of ActionItemService, and the rules for every write of exchange
// meetings and their action items.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/zones/v1/action_items.service.h"
#include "caravan/zones/v1/exchange_meetings.pb.h"
#include "services/common/resources/registry.h"

namespace caravan::zones {

absl::Status PrepareExchangeMeeting(const resources::Writing& writing,
                                    const v1::ExchangeMeeting* before, v1::ExchangeMeeting& after);

absl::Status PrepareActionItem(const resources::Writing& writing, const v1::ActionItem* before,
                               v1::ActionItem& after);

class ActionItemsService : public v1::ActionItemServiceHandlers {
 public:
  explicit ActionItemsService(const resources::Registry& registry) : registry_(registry) {}

  absl::StatusOr<v1::SummarizeOverdueActionItemsResponse> SummarizeOverdueActionItems(
      rpc::Call& call, store::Reader& reader,
      const v1::SummarizeOverdueActionItemsRequest& request) override;

 private:
  const resources::Registry& registry_;
};

}  // namespace caravan::zones
