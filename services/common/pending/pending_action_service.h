// PendingActionService: a caller's tasks, from what contracts declare.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "caravan/api/v1/pending_actions.service.h"
#include "google/protobuf/descriptor.h"
#include "services/common/pending/queue.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"

namespace caravan::pending {

class PendingActionService : public api::v1::PendingActionServiceHandlers {
 public:
  // For what is pending by the methods of `services`. Registry and store outlive
  // it. An error says what is wrong with a contract.
  static absl::StatusOr<std::unique_ptr<PendingActionService>> Create(
      const resources::Registry& registry, const store::Store& store,
      absl::Span<const google::protobuf::ServiceDescriptor* const> services);

  absl::StatusOr<api::v1::ListPendingActionsResponse> ListPendingActions(
      rpc::Call& call, store::Reader& reader,
      const api::v1::ListPendingActionsRequest& request) override;

 private:
  PendingActionService(const store::Store& store, std::vector<Queue> queues)
      : store_(store), queues_(std::move(queues)) {}

  const store::Store& store_;
  const std::vector<Queue> queues_;
};

}  // namespace caravan::pending
