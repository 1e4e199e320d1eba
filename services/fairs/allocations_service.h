// Handlers of SnapshotService and AllocationService, and the rules for every write of
// snapshots, runs and objections.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/fairs/v1/allocations.service.h"
#include "caravan/fairs/v1/objections.pb.h"
#include "caravan/fairs/v1/snapshots.service.h"
#include "services/common/operations/operations.h"
#include "services/common/resources/registry.h"

namespace caravan::fairs {

class SnapshotsService : public v1::SnapshotServiceHandlers {
 public:
  // Both outlive it.
  SnapshotsService(const resources::Registry& registry, operations::Operations& operations)
      : registry_(registry), operations_(operations) {}

  absl::StatusOr<google::longrunning::Operation> FreezeSnapshot(
      rpc::Call& call, store::Transaction& tx, const v1::FreezeSnapshotRequest& request) override;

 private:
  const resources::Registry& registry_;
  operations::Operations& operations_;
};

class AllocationsService : public v1::AllocationServiceHandlers {
 public:
  // Both outlive it.
  AllocationsService(const resources::Registry& registry, operations::Operations& operations);

  absl::StatusOr<google::longrunning::Operation> RunAllocation(
      rpc::Call& call, store::Transaction& tx, const v1::RunAllocationRequest& request) override;
  absl::StatusOr<google::longrunning::Operation> SimulateAllocation(
      rpc::Call& call, store::Transaction& tx,
      const v1::SimulateAllocationRequest& request) override;
  absl::StatusOr<v1::CompareAllocationsResponse> CompareAllocations(
      rpc::Call& call, store::Reader& reader,
      const v1::CompareAllocationsRequest& request) override;
  absl::StatusOr<v1::Bundle> ExportBundle(rpc::Call& call, store::Reader& reader,
                                          const v1::ExportBundleRequest& request) override;

 private:
  const resources::Registry& registry_;
  operations::Operations& operations_;
};

// Publishing starts the operation that gives applications what the run decided; the
// facts of its call name the operations.
absl::Status PrepareSnapshot(const resources::Writing& writing, const v1::Snapshot* before,
                             v1::Snapshot& after);
absl::Status PrepareAllocation(const resources::Writing& writing, const v1::Allocation* before,
                               v1::Allocation& after);

absl::Status PrepareObjection(const resources::Writing& writing, const v1::Objection* before,
                              v1::Objection& after);

}  // namespace caravan::fairs
