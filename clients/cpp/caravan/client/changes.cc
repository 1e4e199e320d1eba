#include "caravan/client/changes.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "caravan/client/errors.h"

namespace caravan::client {
namespace {

using api::v1::Change;

const Method kListChanges = {"/caravan.api.v1.ChangeService/ListChanges", Repeat::kSafe};
const Method kWatchChanges = {"/caravan.api.v1.ChangeService/WatchChanges", Repeat::kSafe};

}  // namespace

ChangeFollower::ChangeFollower(std::shared_ptr<Connection> connection, FollowOptions options)
    : connection_(std::move(connection)),
      options_(std::move(options)),
      cancellation_(options_.call.cancellation.value_or(Cancellation())),
      call_(options_.call),
      next_(options_.start_revision) {
  call_.timeout.reset();
  call_.cancellation = cancellation_;
}

ChangeFollower::~ChangeFollower() = default;

absl::Status ChangeFollower::Begin() {
  if (std::exchange(begun_, true) || next_ > 0) return absl::OkStatus();
  const auto next = NextRevision(*connection_, call_);
  if (!next.ok()) return next.status();
  next_ = *next;
  from_the_first_ = next_ == 1;
  return absl::OkStatus();
}

absl::Status ChangeFollower::Open() {
  api::v1::WatchChangesRequest request;
  request.set_start_revision(next_);
  request.set_filter(options_.filter);
  request.set_send_progress(true);
  auto stream = connection_->Stream(kWatchChanges, call_);
  if (!stream.ok()) return stream.status();
  stream_ = *std::move(stream);
  if (stream_->Write(request)) stream_->WritesDone();
  return absl::OkStatus();
}

absl::StatusOr<Change> ChangeFollower::Next() {
  if (auto status = Begin(); !status.ok()) return status;
  Change change;
  while (true) {
    if (cancellation_.cancelled()) return absl::CancelledError("the follower was cancelled");
    if (stream_ == nullptr) {
      if (auto status = Open(); !status.ok()) return status;
    }
    const auto more = stream_->Next(&change);
    if (more.ok() && *more) {
      failures_ = 0;
      from_the_first_ = false;
      // A server that repeats itself after a resumption is not believed.
      if (change.revision() < next_) continue;
      next_ = change.revision() + 1;
      // Without a resource it only tells how far the feed has come.
      if (change.resource().empty()) continue;
      return change;
    }
    stream_.reset();
    if (cancellation_.cancelled()) return absl::CancelledError("the follower was cancelled");
    if (from_the_first_ && IsRevisionExpired(more.status())) {
      // Whatever there was, the caller may see none of it.
      from_the_first_ = false;
      int64_t oldest = 0;
      if (absl::SimpleAtoi(MetadataOf(more.status(), "oldest_revision"), &oldest) &&
          oldest > next_) {
        next_ = oldest;
        continue;
      }
    }
    if (auto status = WaitAfterBreak(more.status()); !status.ok()) return status;
  }
}

absl::Status ChangeFollower::WaitAfterBreak(const absl::Status& why) {
  if (!IsBroken(why)) return why;
  // A server that is being replaced is soon back; one that is gone is not.
  if (++failures_ > options_.max_failures && options_.max_failures > 0) {
    return why.ok() ? absl::UnavailableError("the server keeps ending the feed") : why;
  }
  if (options_.on_interrupted) options_.on_interrupted(why, next_);
  const ConnectionOptions& connection = connection_->options();
  const RetryPolicy& policy = options_.call.retry ? *options_.call.retry : connection.retry;
  connection.clock.Sleep(WaitAfter(why, failures_, policy, connection.clock), cancellation_);
  return absl::OkStatus();
}

Results<Change> ChangeFollower::Changes() {
  return Results<Change>([this]() -> absl::StatusOr<std::optional<Change>> {
    auto change = Next();
    if (!change.ok()) return change.status();
    return std::optional<Change>(*std::move(change));
  });
}

bool IsRevisionExpired(const absl::Status& status) {
  return ReasonOf(status) == "REVISION_EXPIRED";
}

absl::StatusOr<int64_t> NextRevision(Connection& connection, const CallOptions& options) {
  api::v1::ListChangesRequest request;
  request.set_order_by("revision desc");
  request.set_page_size(1);
  api::v1::ListChangesResponse response;
  // What the caller may not read is left out, perhaps for pages.
  while (true) {
    auto status = connection.Call(kListChanges, request, &response, options);
    if (!status.ok()) return status;
    if (response.changes_size() > 0) return response.changes(0).revision() + 1;
    if (response.next_page_token().empty()) return 1;
    request.set_page_token(response.next_page_token());
  }
}

}  // namespace caravan::client
