// ChangeService: the audit log and the change feed of a service.
#pragma once

#include <memory>

#include "caravan/api/v1/changes.service.h"
#include "services/common/changes/change_feed.h"
#include "services/common/resources/registry.h"
#include "services/common/rpc/executor.h"
#include "services/common/store/store.h"

namespace caravan::changes {

class ChangeService : public api::v1::ChangeServiceHandlers {
 public:
  // All outlive it.
  ChangeService(const resources::Registry& registry, store::Store& store, rpc::Executor& executor);

  absl::StatusOr<std::unique_ptr<rpc::Source<api::v1::Change>>> WatchChanges(
      rpc::Call& call, const api::v1::WatchChangesRequest& request) override;
  absl::StatusOr<api::v1::ListChangesResponse> ListChanges(
      rpc::Call& call, store::Reader& reader, const api::v1::ListChangesRequest& request) override;

 private:
  const resources::Registry& registry_;
  store::Store& store_;
  rpc::Executor& executor_;
  ChangeFeed feed_;
};

}  // namespace caravan::changes
