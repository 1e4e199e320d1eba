// Allocation runs as operations: freezing what a stage is decided from, computing
// what it comes to, and giving applications what a published run decided.
//
// Each starts again from the beginning where its process dies, but for the
// publication, which goes on section by section: what the first two do before they
// end is only read and computed.
#pragma once

#include "absl/status/statusor.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "services/common/operations/operations.h"
#include "services/common/peers/peers.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

// The kinds of operations.
inline constexpr char kFreezeSnapshot[] = "FreezeSnapshot";
inline constexpr char kRunAllocation[] = "RunAllocation";
inline constexpr char kPublishAllocation[] = "PublishAllocation";

// Registers the operations; all outlive them. Parameters are the resource as it was
// when the operation was started. An allocation without a name is a dry run: it is
// computed, and not kept.
void RegisterRuns(const resources::Registry& registry, const peers::Peer& zones,
                  operations::Operations& operations);

// The work itself.
absl::StatusOr<v1::Snapshot> FreezeSnapshot(const resources::Registry& registry,
                                            const peers::Peer& zones,
                                            operations::OperationContext& context,
                                            const v1::Snapshot& snapshot);
absl::StatusOr<v1::Allocation> RunAllocation(const resources::Registry& registry,
                                             operations::OperationContext& context,
                                             const v1::Allocation& allocation);
absl::StatusOr<v1::Allocation> PublishAllocation(const resources::Registry& registry,
                                                 operations::OperationContext& context,
                                                 const v1::Allocation& allocation);

}  // namespace caravan::fairs
