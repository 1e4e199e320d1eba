// Allocation runs as operations: freezing what a stage is decided from, computing
// what it comes to, and giving applications what a published run decided.
//
// Each starts again from the beginning where its process dies, but for the
// publication, which goes on section by section: what the first two do before they
// end is only read and computed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/allocations.pb.h"
#include "caravan/fairs/v1/applications.pb.h"
#include "caravan/fairs/v1/snapshots.pb.h"
#include "services/common/operations/operations.h"
#include "services/common/peers/peers.h"
#include "services/common/resources/registry.h"
#include "services/common/store/store.h"

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

// Of a snapshot or a run: its id.
int64_t NumberOf(std::string_view name);

// The row of guards that whoever freezes, runs or publishes in a fair writes.
std::string RunsGuard(std::string_view fair);

// Checks that the booths of an application are not being decided again, by a snapshot
// that is newer than the run that allotted them: what it confirmed would be given to
// others. FAILED_PRECONDITION with reason RERUN_PENDING.
absl::Status CheckNoRerun(const resources::Registry& registry, store::Reader& reader,
                          const v1::Application& application);

// Supersedes those runs of a stage that `which` says; simulations are none of them.
absl::Status SupersedeRuns(const resources::Registry& registry, const resources::Caller& caller,
                           store::Transaction& tx, std::string_view fair, v1::Stage stage,
                           absl::FunctionRef<bool(const v1::Allocation& run)> which);

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
