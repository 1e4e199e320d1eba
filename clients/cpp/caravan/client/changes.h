// Follows the changes of a service for as long as it takes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/api/v1/changes.pb.h"
#include "caravan/client/connection.h"
#include "caravan/client/results.h"

namespace caravan::client {

struct FollowOptions {
  // The first revision to bring; 0: from the next change on, see Begin.
  int64_t start_revision = 0;

  // Which changes: an AIP-160 filter over the fields of Change.
  std::string filter = {};

  // How often in a row the feed may break, without a sign of life between,
  // before Next gives up. 0: for ever.
  int max_failures = 20;

  // Hears that the feed broke (OK: the server ended it) and from which revision
  // it will be taken up again.
  std::function<void(const absl::Status& why, int64_t revision)> on_interrupted = nullptr;

  // `service` says whose changes; `cancellation` ends the follower. `timeout`
  // is not regarded.
  CallOptions call = {};
};

// Brings every change once, in the order of commit, however often the
// connection breaks or the server is replaced. What has been brought is kept
// nowhere: who must go on after a restart of his own keeps `next_revision()`
// beside what he made of the changes.
//
//   ChangeFollower follower(connection, {.start_revision = kept, .call = {.service = "zones"}});
//   for (const auto& change : follower.Changes()) { ... }
class ChangeFollower {
 public:
  ChangeFollower(std::shared_ptr<Connection> connection, FollowOptions options);
  ~ChangeFollower();

  // Fixes where it begins, if `start_revision` is 0: what changes from now on will
  // come. Who reads resources and then follows them calls it before he reads;
  // else the first Next does.
  absl::Status Begin();

  // Waits for the next change. Errors: OUT_OF_RANGE with reason REVISION_EXPIRED
  // where the server keeps the changes from `start_revision` on no longer (read
  // the resources anew, and follow from there), CANCELLED after Cancel, or what
  // the server refuses. After an error the follower is at its end; another one
  // may go on from next_revision().
  absl::StatusOr<api::v1::Change> Next();

  // All that Next brings. The follower must outlive it.
  Results<api::v1::Change> Changes();

  // Everything before this revision has been brought or left out by the filter;
  // 0: nothing is known yet.
  int64_t next_revision() const { return next_; }

  // From any thread: Next returns CANCELLED.
  void Cancel() { cancellation_.Cancel(); }

 private:
  absl::Status Open();
  absl::Status WaitAfterBreak(const absl::Status& why);

  const std::shared_ptr<Connection> connection_;
  const FollowOptions options_;
  Cancellation cancellation_;
  CallOptions call_;
  int64_t next_;
  bool begun_ = false;
  bool from_the_first_ = false;  // nobody asked for revision 1: there was none to see
  int failures_ = 0;
  std::unique_ptr<MessageStream> stream_;
};

// Whether a follower came too late: see ChangeFollower::Next.
bool IsRevisionExpired(const absl::Status& status);

// The revision after the newest change that the caller may see; 1 where there is
// none. What is read afterwards and followed from there misses nothing.
absl::StatusOr<int64_t> NextRevision(Connection& connection, const CallOptions& options);

}  // namespace caravan::client
