#include "services/fairs/runs.h"

#include <utility>

namespace caravan::fairs {

void RegisterRuns(const resources::Registry& registry, const peers::Peer& zones,
                  operations::Operations& operations) {
  operations.Register<v1::Snapshot, v1::Snapshot>(
      kFreezeSnapshot, [&](operations::OperationContext& context, const v1::Snapshot& snapshot) {
        return FreezeSnapshot(registry, zones, context, snapshot);
      });
  operations.Register<v1::Allocation, v1::Allocation>(
      kRunAllocation, [&](operations::OperationContext& context, const v1::Allocation& allocation) {
        return RunAllocation(registry, context, allocation);
      });
  operations.Register<v1::Allocation, v1::Allocation>(
      kPublishAllocation,
      [&](operations::OperationContext& context, const v1::Allocation& allocation) {
        return PublishAllocation(registry, context, allocation);
      });
}

}  // namespace caravan::fairs
