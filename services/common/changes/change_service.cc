#include "services/common/changes/change_service.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "services/common/api/errors.h"
#include "services/common/api/filter.h"
#include "services/common/api/order_by.h"
#include "services/common/api/page_token.h"
#include "services/common/resources/list.h"

namespace caravan::changes {

using api::v1::Change;
using google::protobuf::util::TimeUtil;

namespace {

constexpr int64_t kReadAtOnce = 256;

absl::Status TooOld(int64_t asked, int64_t oldest) {
  return api::Error(absl::StatusCode::kOutOfRange, "REVISION_EXPIRED",
                    absl::StrCat("start_revision is ", asked, ", but the oldest that is kept is ",
                                 oldest, "; list the resources anew and start from there"))
      .With("oldest_revision", absl::StrCat(oldest))
      .Field("start_revision", "is older than what is kept");
}

absl::Status TooNew(int64_t asked, int64_t newest) {
  return api::Error(absl::StatusCode::kOutOfRange, "REVISION_IN_FUTURE",
                    absl::StrCat("start_revision is ", asked, ", but the newest is ", newest,
                                 "; start at ", newest + 1, " at the latest"))
      .With("newest_revision", absl::StrCat(newest))
      .Field("start_revision", "lies in the future");
}

// Makes the messages of the feed out of log entries, as one caller may see them.
class Viewer {
 public:
  Viewer(const resources::Registry& registry, resources::Caller caller, api::Filter filter)
      : registry_(registry), caller_(std::move(caller)), filter_(std::move(filter)) {}

  // Nothing where the caller may not see it, or the filter leaves it out.
  absl::StatusOr<std::optional<Change>> View(store::Change& entry) const {
    Change change;
    if (!change.ParseFromString(entry.record)) return absl::DataLossError("change record");
    const resources::Collection* collection = registry_.FindByType(change.resource_type());
    // A collection that this version no longer has is nobody's to read.
    if (collection == nullptr) return std::nullopt;
    const bool everywhere =
        caller_.access->Everywhere(caller_.principal, collection->read_permission);
    bool visible = everywhere || (entry.images_expired && Granted(*collection, entry.resource));
    const auto show = [&](std::string& image, google::protobuf::Any& any) -> absl::Status {
      if (!everywhere) {
        std::unique_ptr<google::protobuf::Message> resource(collection->prototype->New());
        if (!resource->ParseFromString(image)) return absl::DataLossError("change image");
        if (!caller_.Permits(*collection->type, *resource, collection->read_permission)) {
          return absl::OkStatus();
        }
      }
      visible = true;
      any.set_type_url(
          absl::StrCat("type.googleapis.com/", collection->type->message().full_name()));
      any.set_value(std::move(image));
      return absl::OkStatus();
    };
    if (!entry.images_expired) {
      if (change.kind() != Change::CREATED) {
        if (absl::Status s = show(entry.before, *change.mutable_before()); !s.ok()) return s;
        if (change.before().type_url().empty()) change.clear_before();
      }
      if (change.kind() != Change::DELETED) {
        if (absl::Status s = show(entry.after, *change.mutable_after()); !s.ok()) return s;
        if (change.after().type_url().empty()) change.clear_after();
      }
    }
    if (!visible) return std::nullopt;
    change.set_revision(entry.revision);
    change.set_transaction_end_revision(entry.transaction_end_revision);
    *change.mutable_commit_time() =
        TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(entry.commit_time));
    change.set_resource(std::move(entry.resource));
    if (!filter_.Matches(change)) return std::nullopt;
    return change;
  }

  const api::Filter& filter() const { return filter_; }

 private:
  bool Granted(const resources::Collection& collection, std::string_view name) const {
    return caller_.access->Check(caller_.principal, collection.read_permission, name) ==
           identity::Grant::kGranted;
  }

  const resources::Registry& registry_;
  const resources::Caller caller_;
  const api::Filter filter_;
};

// Follows the log from a revision on. Its steps run one after another: a read
// on the executor, then a delivery, or a wait for the feed and a read again.
// Each step keeps it alive, since the call may be over once `done` was called.
class Follower : public std::enable_shared_from_this<Follower> {
 public:
  Follower(store::Store& store, rpc::Executor& executor, ChangeFeed& feed, Viewer viewer,
           int64_t start_revision, bool send_progress)
      : store_(store),
        executor_(executor),
        feed_(feed),
        viewer_(std::move(viewer)),
        next_(start_revision),
        send_progress_(send_progress) {}

  void Next(absl::AnyInvocable<void(absl::StatusOr<std::optional<Change>>)> done) {
    done_ = std::move(done);
    if (!ready_.empty()) return Deliver();
    ScheduleRead();
  }

  void Cancel() {
    cancelled_ = true;
    ChangeFeed::WaiterId waiter;
    {
      absl::MutexLock lock(&mutex_);
      waiter = waiter_;
    }
    if (waiter != 0 && feed_.Cancel(waiter)) ScheduleRead();
  }

 private:
  void Deliver() {
    auto done = std::move(done_);
    Change change = std::move(ready_.front());
    ready_.pop_front();
    done(std::move(change));
  }

  void Fail(absl::Status status) {
    auto done = std::move(done_);
    done(std::move(status));
  }

  void ScheduleRead() {
    executor_.Continue([self = shared_from_this()] { self->Read(); });
  }

  void Read() {
    if (cancelled_) return Fail(absl::CancelledError("the caller has gone"));
    int64_t last = 0;
    absl::Status s = ReadSome(last);
    if (!s.ok()) return Fail(std::move(s));
    if (!ready_.empty()) return Deliver();
    if (last == 0) return Await();
    if (send_progress_) {
      Change progress;
      progress.set_revision(last);
      ready_.push_back(std::move(progress));
      return Deliver();
    }
    // Behind whatever else waits: a long history that the filter leaves out
    // holds nobody up.
    ScheduleRead();
  }

  // Reads the next entries; `last` is the revision of the last, 0 where there
  // are none.
  absl::Status ReadSome(int64_t& last) {
    absl::Status failed;
    bool expired = false;
    absl::Status s = store_.Read([&](store::Reader& reader) {
      last = 0;
      store::ChangeScan scan;
      scan.begin_revision = next_;
      scan.limit = kReadAtOnce;
      const int64_t newest = reader.revision();
      absl::Status scanned = reader.ScanChanges(scan, [&](store::Change& entry) {
        // Retention has overtaken a follower that is slow. Without its images
        // an entry would be hidden from those who see it by its owners.
        if (entry.revision != next_ || entry.images_expired) {
          expired = true;
          return false;
        }
        last = entry.revision;
        next_ = entry.revision + 1;
        absl::StatusOr<std::optional<Change>> change = viewer_.View(entry);
        if (!change.ok()) {
          failed = change.status();
          return false;
        }
        if (change->has_value()) ready_.push_back(**std::move(change));
        return true;
      });
      if (last == 0 && newest >= next_) expired = true;
      return scanned;
    });
    if (!s.ok() || !failed.ok()) return s.ok() ? failed : s;
    // What was read before it is delivered first.
    if (!expired || !ready_.empty()) return absl::OkStatus();
    absl::StatusOr<store::Store::Retained> retained = store_.retained();
    if (!retained.ok()) return retained.status();
    return TooOld(next_, retained->oldest_with_images);
  }

  void Await() {
    absl::MutexLock lock(&mutex_);
    if (cancelled_) {
      waiter_ = 0;
      ScheduleRead();
      return;
    }
    waiter_ = feed_.Wait(next_, [self = shared_from_this()] { self->ScheduleRead(); });
  }

  store::Store& store_;
  rpc::Executor& executor_;
  ChangeFeed& feed_;
  const Viewer viewer_;
  int64_t next_;
  const bool send_progress_;
  std::deque<Change> ready_;
  absl::AnyInvocable<void(absl::StatusOr<std::optional<Change>>)> done_;
  std::atomic<bool> cancelled_ = false;
  absl::Mutex mutex_;
  ChangeFeed::WaiterId waiter_ ABSL_GUARDED_BY(mutex_) = 0;
};

class Watch : public rpc::Source<Change> {
 public:
  explicit Watch(std::shared_ptr<Follower> follower) : follower_(std::move(follower)) {}
  void Next(absl::AnyInvocable<void(absl::StatusOr<std::optional<Change>>)> done) override {
    follower_->Next(std::move(done));
  }
  void Cancel() override { follower_->Cancel(); }

 private:
  const std::shared_ptr<Follower> follower_;
};

}  // namespace

ChangeService::ChangeService(const resources::Registry& registry, store::Store& store,
                             rpc::Executor& executor)
    : registry_(registry), store_(store), executor_(executor), feed_(store) {}

absl::StatusOr<std::unique_ptr<rpc::Source<Change>>> ChangeService::WatchChanges(
    rpc::Call& call, const api::v1::WatchChangesRequest& request) {
  auto filter = api::Filter::Parse(request.filter(), Change::descriptor());
  if (!filter.ok()) return filter.status();
  int64_t newest = 0;
  absl::Status s = store_.Read([&](store::Reader& reader) {
    newest = reader.revision();
    if (request.start_revision() <= newest + 1) return absl::OkStatus();
    // Another replica may have shown what this process has not heard of yet.
    store::ChangeScan last;
    last.descending = true;
    last.limit = 1;
    return reader.ScanChanges(last, [&](store::Change& entry) {
      newest = std::max(newest, entry.revision);
      return true;
    });
  });
  if (!s.ok()) return s;
  const int64_t start = request.start_revision() == 0 ? newest + 1 : request.start_revision();
  if (start > newest + 1) return TooNew(start, newest);
  absl::StatusOr<store::Store::Retained> retained = store_.retained();
  if (!retained.ok()) return retained.status();
  if (start < retained->oldest_with_images) return TooOld(start, retained->oldest_with_images);
  return std::make_unique<Watch>(std::make_shared<Follower>(
      store_, executor_, feed_, Viewer(registry_, call.caller, *std::move(filter)), start,
      request.send_progress()));
}

absl::StatusOr<api::v1::ListChangesResponse> ChangeService::ListChanges(
    rpc::Call& call, store::Reader& reader, const api::v1::ListChangesRequest& request) {
  auto filter = api::Filter::Parse(request.filter(), Change::descriptor());
  if (!filter.ok()) return filter.status();
  auto order = api::ParseOrderBy(request.order_by(), Change::descriptor());
  if (!order.ok()) return order.status();
  if (order->size() > 1 || (order->size() == 1 && (*order)[0].path != "revision")) {
    return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_ORDER_BY",
                      "changes can be sorted by revision only: \"revision\" or \"revision desc\"")
        .Field("order_by", "must be revision or revision desc");
  }
  const bool descending = !order->empty() && (*order)[0].descending;
  const int page_size = request.page_size() == 0
                            ? resources::kDefaultPageSize
                            : std::min(request.page_size(), resources::kLargestPageSize);
  store::ChangeScan scan;
  scan.descending = descending;
  scan.limit = resources::kScanBudget;
  for (const api::Pushdown& condition : filter->pushdown()) {
    using Op = api::Pushdown::Op;
    if (condition.path == "resource" && condition.op == Op::kEqual) {
      scan.resource = std::get<std::string>(condition.values[0]);
    } else if (condition.path == "revision" && condition.op != Op::kIn) {
      const int64_t bound = std::get<int64_t>(condition.values[0]);
      const bool from = condition.op == Op::kEqual || condition.op == Op::kGreater ||
                        condition.op == Op::kGreaterOrEqual;
      const bool to = condition.op == Op::kEqual || condition.op == Op::kLess ||
                      condition.op == Op::kLessOrEqual;
      if (from) scan.begin_revision = std::max(scan.begin_revision, bound);
      if (to && bound < std::numeric_limits<int64_t>::max()) {
        scan.end_revision = std::min(scan.end_revision, bound + 1);
      }
    }
  }
  const std::string shape = absl::StrCat(request.filter(), "\n", descending);
  if (!request.page_token().empty()) {
    auto position = api::DecodePageToken(request.page_token(), shape);
    if (!position.ok()) return position.status();
    if (position->values.size() != 1 || !std::holds_alternative<int64_t>(position->values[0])) {
      return api::InvalidPageToken();
    }
    const int64_t last = std::get<int64_t>(position->values[0]);
    if (descending) {
      scan.end_revision = std::min(scan.end_revision, last);
    } else {
      scan.begin_revision = std::max(scan.begin_revision, last + 1);
    }
  }
  const Viewer viewer(registry_, call.caller, *std::move(filter));
  api::v1::ListChangesResponse response;
  int64_t last = 0, seen = 0;
  bool more = false;
  absl::Status failed;
  absl::Status s = reader.ScanChanges(scan, [&](store::Change& entry) {
    if (response.changes_size() == page_size) {
      more = true;
      return false;
    }
    ++seen;
    last = entry.revision;
    absl::StatusOr<std::optional<Change>> change = viewer.View(entry);
    if (!change.ok()) {
      failed = change.status();
      return false;
    }
    if (change->has_value()) *response.add_changes() = **std::move(change);
    return true;
  });
  if (!s.ok()) return s;
  if (!failed.ok()) return failed;
  if (more || seen == resources::kScanBudget) {
    response.set_next_page_token(api::EncodePageToken({{last}, ""}, shape));
  }
  return response;
}

}  // namespace caravan::changes
