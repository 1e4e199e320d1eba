#include "services/logistics/tracking_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/logistics/event_feed.h"
#include "services/logistics/watch.h"

namespace caravan::logistics {

using Ingested = ParcelKeeper::Ingested;

namespace {

void Add(const v1::IngestionCounts& counts, v1::IngestionCounts& sums) {
  sums.set_added(sums.added() + counts.added());
  sums.set_corrected(sums.corrected() + counts.corrected());
  sums.set_known(sums.known() + counts.known());
  sums.set_refused(sums.refused() + counts.refused());
  sums.set_unknown_codes(sums.unknown_codes() + counts.unknown_codes());
  sums.set_opened_parcels(sums.opened_parcels() + counts.opened_parcels());
}

// What a stream may have waiting: what waits is committed together, so that a commit, and its
// sync to the disk, serves many batches.
constexpr int kBatchesAtOnce = 128;
constexpr int kEventsAtOnce = 40'000;

// The events of a stream that wait to be taken in.
class Waiting {
 public:
  // Returns when there is room for a batch.
  void Add(int events) {
    absl::MutexLock lock(&mutex_);
    const auto has_room = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return events_ == 0 || events_ + events <= kEventsAtOnce;
    };
    mutex_.Await(absl::Condition(&has_room));
    events_ += events;
  }
  void Remove(int events) {
    absl::MutexLock lock(&mutex_);
    events_ -= events;
  }

 private:
  absl::Mutex mutex_;
  int events_ ABSL_GUARDED_BY(mutex_) = 0;
};

template <class Request>
ParcelKeeper::Batch BatchOf(const Request& request) {
  return {request.carrier(), &request.events(), request.source(), request.position()};
}

// Acknowledges each batch.
class EventStream : public rpc::Exchange<v1::StreamEventsRequest, v1::StreamEventsResponse> {
 public:
  explicit EventStream(std::shared_ptr<ParcelHost> host) : host_(std::move(host)) {}

  int MostInProgress() const override { return kBatchesAtOnce; }

  void OnMessage(rpc::Call&, const v1::StreamEventsRequest& request, Done done) override {
    waiting_.Add(request.events_size());
    host_->keeper().Ingest(
        BatchOf(request),
        [this, host = host_, events = request.events_size(), position = request.position(),
         done = std::move(done)](absl::StatusOr<Ingested> ingested) mutable {
          waiting_.Remove(events);
          if (!ingested.ok()) return done(ingested.status());
          host->Count(ingested->counts);
          v1::StreamEventsResponse response;
          response.set_position(position);
          *response.mutable_counts() = ingested->counts;
          response.mutable_problems()->Assign(std::make_move_iterator(ingested->problems.begin()),
                                              std::make_move_iterator(ingested->problems.end()));
          done(std::move(response));
        });
  }

 private:
  const std::shared_ptr<ParcelHost> host_;
  Waiting waiting_;
};

// Sums batches up.
class EventImport : public rpc::Exchange<v1::ImportEventsRequest, v1::ImportEventsResponse> {
 public:
  explicit EventImport(std::shared_ptr<ParcelHost> host) : host_(std::move(host)) {}

  int MostInProgress() const override { return kBatchesAtOnce; }

  void OnMessage(rpc::Call&, const v1::ImportEventsRequest& request, Done done) override {
    const auto begin = static_cast<int32_t>(events_);
    events_ += request.events_size();
    waiting_.Add(request.events_size());
    host_->keeper().Ingest(
        BatchOf(request), [this, begin, events = request.events_size(),
                           done = std::move(done)](absl::StatusOr<Ingested> ingested) mutable {
          waiting_.Remove(events);
          if (!ingested.ok()) return done(ingested.status());
          host_->Count(ingested->counts);
          {
            absl::MutexLock lock(&mutex_);
            sums_.set_batches(sums_.batches() + 1);
            Add(ingested->counts, *sums_.mutable_counts());
            for (v1::EventProblem& problem : ingested->problems) {
              if (sums_.problems_size() == static_cast<int>(ParcelKeeper::kMaxProblems)) break;
              problem.set_index(begin + problem.index());
              *sums_.add_problems() = std::move(problem);
            }
          }
          done(std::nullopt);
        });
  }

  void OnEnd(rpc::Call&, Done done) override {
    absl::MutexLock lock(&mutex_);
    done(sums_);
  }

 private:
  const std::shared_ptr<ParcelHost> host_;
  Waiting waiting_;
  int64_t events_ = 0;
  absl::Mutex mutex_;
  v1::ImportEventsResponse sums_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

TrackingService::TrackingService(std::shared_ptr<ParcelHost> host) : host_(std::move(host)) {
  BindBefore<v1::IngestEventsRequest>(
      "IngestEvents", [this](rpc::Call& call, const v1::IngestEventsRequest& request) {
        return Ingest(call, request);
      });
}

absl::StatusOr<std::unique_ptr<rpc::Exchange<v1::StreamEventsRequest, v1::StreamEventsResponse>>>
TrackingService::StreamEvents(rpc::Call&) {
  return std::make_unique<EventStream>(host_);
}

absl::StatusOr<std::unique_ptr<rpc::Exchange<v1::ImportEventsRequest, v1::ImportEventsResponse>>>
TrackingService::ImportEvents(rpc::Call&) {
  return std::make_unique<EventImport>(host_);
}

absl::Status TrackingService::Ingest(rpc::Call& call, const v1::IngestEventsRequest& request) {
  absl::StatusOr<Ingested> ingested;
  absl::Notification done;
  host_->keeper().Ingest({request.carrier(), &request.events(), "", 0},
                         [&](absl::StatusOr<Ingested> result) {
                           ingested = std::move(result);
                           done.Notify();
                         });
  done.WaitForNotification();
  if (!ingested.ok()) return ingested.status();
  host_->Count(ingested->counts);
  v1::IngestEventsResponse response;
  *response.mutable_counts() = ingested->counts;
  response.mutable_problems()->Assign(ingested->problems.begin(), ingested->problems.end());
  call.caller.facts = std::move(response);
  return absl::OkStatus();
}

absl::StatusOr<v1::IngestEventsResponse> TrackingService::IngestEvents(
    rpc::Call& call, store::Transaction&, const v1::IngestEventsRequest&) {
  return *call.caller.Facts<v1::IngestEventsResponse>();
}

absl::StatusOr<v1::Cursor> TrackingService::GetCursor(rpc::Call&, store::Reader&,
                                                      const v1::GetCursorRequest& request) {
  absl::StatusOr<int64_t> position = host_->keeper().GetCursor(request.carrier(), request.source());
  if (!position.ok()) return position.status();
  v1::Cursor cursor;
  cursor.set_position(*position);
  return cursor;
}

absl::StatusOr<v1::ListUnknownCodesResponse> TrackingService::ListUnknownCodes(
    rpc::Call&, store::Reader&, const v1::ListUnknownCodesRequest& request) {
  v1::ListUnknownCodesResponse response;
  for (const UnknownCodes::Row& row : host_->keeper().UnknownCodesOf(request.parent())) {
    auto& code = *response.add_codes();
    code.set_code(row.code);
    code.set_count(row.count);
  }
  return response;
}

absl::StatusOr<std::unique_ptr<rpc::Source<v1::WatchEventsResponse>>> TrackingService::WatchEvents(
    rpc::Call& call, const v1::WatchEventsRequest& request) {
  std::vector<int64_t> position;
  if (request.position().empty()) {
    auto states = host_->store().ReadStates();
    if (!states.ok()) return states.status();
    for (const BucketState& state : *states) position.push_back(state.sequence);
  } else {
    auto decoded = DecodePosition(request.position(), host_->store().buckets());
    if (!decoded.ok()) return decoded.status();
    position = *std::move(decoded);
  }
  auto feed = std::make_shared<EventFeed>(host_->store(), host_->keeper(), call.caller,
                                          std::move(position));
  if (absl::Status s = feed->CheckRetained(); !s.ok()) return s;
  return Watch<v1::WatchEventsResponse>(host_->hub(), host_->executor(), std::string(kJournalKey),
                                        [feed] { return feed->Next(); });
}

}  // namespace caravan::logistics
