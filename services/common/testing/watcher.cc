#include "services/common/testing/watcher.h"

namespace caravan::testing {

using caravan::api::v1::Change;
using caravan::api::v1::WatchChangesRequest;

namespace {

WatchChangesRequest From(int64_t start_revision) {
  WatchChangesRequest request;
  request.set_start_revision(start_revision);
  return request;
}

}  // namespace

Watcher::Watcher(const Caller& caller, const WatchChangesRequest& request,
                 const CallOptions& options)
    : reader_(caller.Stream<Change>("ChangeService/WatchChanges", request, context_, options)) {}

Watcher::Watcher(const Caller& caller, int64_t start_revision, const CallOptions& options)
    : Watcher(caller, From(start_revision), options) {}

Watcher::~Watcher() {
  Cancel();
  Finish().IgnoreError();
}

std::vector<Change> Watcher::Read(int count) {
  std::vector<Change> changes;
  Change change;
  while (static_cast<int>(changes.size()) < count && reader_->Read(&change)) {
    changes.push_back(std::move(change));
  }
  return changes;
}

absl::Status Watcher::Finish() {
  if (finished_) return absl::OkStatus();
  finished_ = true;
  Change change;
  while (reader_->Read(&change)) {
  }
  return FromGrpc(reader_->Finish());
}

std::vector<int64_t> Revisions(const std::vector<Change>& changes) {
  std::vector<int64_t> revisions;
  for (const Change& change : changes) revisions.push_back(change.revision());
  return revisions;
}

std::vector<int64_t> Range(int64_t first, int64_t last) {
  std::vector<int64_t> range;
  for (int64_t i = first; i <= last; ++i) range.push_back(i);
  return range;
}

}  // namespace caravan::testing
