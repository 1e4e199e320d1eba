// A follower of a server's change feed.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "caravan/api/v1/changes.pb.h"
#include "services/common/testing/test_server.h"

namespace caravan::testing {

class Watcher {
 public:
  Watcher(const Caller& caller, const caravan::api::v1::WatchChangesRequest& request,
          const CallOptions& options = {});
  // From a revision on.
  Watcher(const Caller& caller, int64_t start_revision, const CallOptions& options = {});
  ~Watcher();

  // Waits for so many changes; fewer where the stream ends before.
  std::vector<caravan::api::v1::Change> Read(int count);

  // Waits for the end, and says how it ended.
  absl::Status Finish();

  void Cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<caravan::api::v1::Change>> reader_;
  bool finished_ = false;
};

// The revisions of changes, in their order.
std::vector<int64_t> Revisions(const std::vector<caravan::api::v1::Change>& changes);

// `first`, `first` + 1, ..., `last`.
std::vector<int64_t> Range(int64_t first, int64_t last);

}  // namespace caravan::testing
