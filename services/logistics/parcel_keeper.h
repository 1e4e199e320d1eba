// The keeper of parcels: takes events in, knows whose they are, and keeps parcels,
// scorecards and the journal as they follow, in a ParcelStore.
//
// WHOSE EVENTS ARE. A carrier's number means different parcels as the years go by.
// Each use of a number is a parcel with the span of what was told of it: its events, and
// the announcement or link as of its begin, or else as of the time at which it was made
// or is said to have been. An event is of the last use that begins before it and was not
// silent for 12 months (365 days) by then; else of the next one, where that begins within
// 12 months; else it opens a parcel. A use that was linked or announced with a begin
// begins there. So events that are out of order by less than 12 months find the same
// parcel in whatever order they come, and what is told of days gone by, whenever.
//   Events of a number from before its begin, which mean no other parcel then, belong to
// the parcel. They are counted as `before_parcel` where they are from before the begin
// of each number that the parcel has.
//
// ONE THREAD writes. Batches that wait are taken together, so that a commit serves
// many; what else writes (announcements, updates, timers, sweeps) takes its turn in the
// same queue. Readers read the store.
//
// WHAT A CRASH LEAVES. A number is written before its parcel (one without a row is an
// empty parcel), and each parcel together with what it changes in the scorecards of
// its bucket. So what was not acknowledged may be there in part, and doing it again
// completes it.
//
// Any number of keepers may work on one store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "caravan/logistics/v1/parcels.pb.h"
#include "caravan/logistics/v1/scorecards.pb.h"
#include "caravan/logistics/v1/tracking.pb.h"
#include "services/logistics/contribution.h"
#include "services/logistics/parcel_store.h"
#include "services/logistics/registers.h"
#include "services/logistics/scorecard.h"

namespace caravan::logistics {

// What a commit has changed, of this process alone.
struct KeeperChange {
  // Parcels whose record is another: `parcels/*`.
  std::vector<std::string> parcels;
  // Scorecards in which a day is another, each once.
  std::vector<std::pair<Dimension, std::string>> scorecards;
  // Buckets whose journal has grown, and up to which sequence number.
  std::vector<std::pair<int, int64_t>> journals;
};

struct ParcelKeeperOptions {
  std::function<absl::Time()> clock = absl::Now;
  // Called after each commit, on the writing thread: brief, and calls no keeper.
  std::function<void(const KeeperChange&)> listener = {};
  // Called each time that a stored record is found to be damaged, with the name of the
  // parcel or the number: from any thread, brief, and calls no keeper. What meets such a
  // record is refused, and all else goes on.
  std::function<void(std::string_view record)> damaged = {};
  // Records of parcels and numbers that are kept in memory.
  size_t cache_bytes = size_t{256} << 20;
  // Events that may wait to be taken in.
  size_t max_waiting_events = 400'000;
  // Events that are taken in with one commit, unless one batch alone has more.
  size_t max_events_of_commit = 20'000;
  // Scorecards of a day that wait in memory, before a bucket's are written.
  size_t max_unfolded_rows = 100'000;
  // Commits of a bucket whose changes wait.
  int64_t max_unfolded_commits = 4'096;
  // Ids of parcels are made of this; empty: the system's randomness.
  std::function<uint64_t()> random = {};
};

class ParcelKeeper {
 public:
  // Reads how far the store is. The store and the registers outlive the keeper.
  static absl::StatusOr<std::unique_ptr<ParcelKeeper>> Open(ParcelStore& store,
                                                            Registers& registers,
                                                            ParcelKeeperOptions options);
  virtual ~ParcelKeeper() = default;  // ends what was begun, and answers what waits

  // --- Events.

  struct Batch {
    std::string carrier;  // `partners/*`
    // Stay as they are until the batch is done.
    const google::protobuf::RepeatedPtrField<v1::TrackingEvent>* events = nullptr;
    std::string source;  // empty: no cursor is kept
    int64_t position = 0;
  };
  struct Ingested {
    v1::IngestionCounts counts;
    // Those that were refused, by index, the first kMaxProblems. Reasons: see
    // TrackingService.
    std::vector<v1::EventProblem> problems;
  };
  static constexpr size_t kMaxProblems = 1000;

  // Takes a batch in, and calls `done` when it is durable, on the writing thread: brief,
  // and calls no keeper. Batches of a source are durable in the order of these
  // calls. Errors: that of FindCarrier; RESOURCE_EXHAUSTED with reason INGESTION_BUSY at
  // once where too many events wait; those of ParcelStore::Write.
  virtual void Ingest(Batch batch, absl::AnyInvocable<void(absl::StatusOr<Ingested>)> done) = 0;

  // How far a source has come; 0 where nothing has.
  virtual absl::StatusOr<int64_t> GetCursor(std::string_view carrier, std::string_view source) = 0;

  // The codes of a carrier that were not known, since this keeper was opened.
  virtual std::vector<UnknownCodes::Row> UnknownCodesOf(std::string_view carrier) = 0;

  // --- Parcels. All of these block: they read the store, or wait for the writing thread.

  // Announces parcels: CreateParcel. All are checked before any is written. Of a request
  // `parcel`, `parcel_id` and `validate_only`, which all share, are looked at; formats of
  // fields are checked already. Errors, where there are many requests with the field
  // `requests[i].` in front: see CreateParcel; INVALID_ARGUMENT with reason
  // REFERENCE_NOT_FOUND where the partnership, the lane or a carrier does not exist,
  // INVALID_FIELDS where a number is there twice, there is none, or the announcement is
  // yet to come; FAILED_PRECONDITION with reason PARTNERSHIP_NOT_OPEN; ALREADY_EXISTS with
  // reason PARCEL_EXISTS where the id is taken by another content.
  virtual absl::StatusOr<std::vector<v1::Parcel>> Announce(
      absl::Span<const v1::CreateParcelRequest* const> requests) = 0;

  // Changes the fields that `paths` names, of those of UpdateParcelRequest.
  virtual absl::StatusOr<v1::Parcel> Update(const v1::Parcel& parcel,
                                            absl::Span<const std::string> paths,
                                            bool validate_only) = 0;

  virtual absl::StatusOr<v1::Parcel> LinkTrackingNumber(
      const v1::LinkTrackingNumberRequest& request) = 0;

  // The parcel that a carrier's number means at a time (infinite future: the last that it
  // has meant by now). NOT_FOUND with reason RESOURCE_NOT_FOUND where there is none.
  virtual absl::StatusOr<v1::Parcel> LookUp(std::string_view carrier, std::string_view number,
                                            absl::Time time) = 0;

  // By name (`parcels/*`), as of now; one that was merged is answered with the one that
  // it is merged into. NOT_FOUND with reason RESOURCE_NOT_FOUND.
  virtual absl::StatusOr<v1::Parcel> Get(std::string_view name) = 0;
  virtual absl::StatusOr<std::vector<v1::Parcel>> BatchGet(absl::Span<const std::string> names) = 0;

  // All events in the order in which they happened, with what each counts for now.
  virtual absl::StatusOr<std::vector<v1::ParcelEvent>> ListEvents(std::string_view name) = 0;

  // Where a scan goes on: behind a key of a bucket. That of a fresh one is the start.
  struct Position {
    int bucket = 0;
    std::string after;
  };
  // Looks at parcels from a position on, until the visitor returns false or `limit` were
  // looked at. Returns where to go on; nothing where that was all.
  virtual absl::StatusOr<std::optional<Position>> Scan(
      const Position& from, int64_t limit,
      absl::FunctionRef<bool(const v1::Parcel& parcel)> visit) = 0;

  // The events of a row of the journal (ParcelStore::ReadJournal); `position` is empty.
  static absl::StatusOr<v1::WatchEventsResponse> ParseJournal(std::string_view record);

  // --- Scorecards.

  struct DayScorecard {
    std::string value;
    int32_t day = 0;  // since 1 January 1970; of a period the first
    Scorecard scorecard;
  };
  struct Scorecards {
    std::vector<DayScorecard> days;  // by value and day; none is empty
    int64_t sequence = 0;            // how far the store was: grows with each change
  };
  // As of now, with all that is durable, by periods; without a granularity, all days of the
  // range are one. Of a period that the range cuts off, what lies in the range. Months, and
  // ranges of whole months, take a thirtieth of the work.
  virtual absl::StatusOr<Scorecards> ReadScorecards(const ScorecardRange& range,
                                                    std::optional<Granularity> by) = 0;
  absl::StatusOr<Scorecards> ReadDays(const ScorecardRange& range) {
    return ReadScorecards(range, Granularity::kDay);
  }

  // What a parcel has added to the scorecards of its partnership, by day; nothing where it
  // has none. NOT_FOUND as with Get.
  virtual absl::StatusOr<std::vector<DayScorecard>> ScorecardsOf(std::string_view parcel) = 0;

  // --- What time brings. These take their turn step by step, so that events flow
  // meanwhile.

  // Brings parcels up to date that the passing of time has changed by now, and ends
  // merges that a crash has cut short. Returns how many it has looked at: all that were
  // due. Called each second.
  virtual absl::StatusOr<int64_t> Tick() = 0;

  // Brings parcels up to date whose terms have changed in the registers, or who have
  // events with codes that are known by now. Called after the registers have changed.
  // `go_on` is asked before each step; false: CANCELLED.
  virtual absl::StatusOr<int64_t> Reconsider(absl::FunctionRef<bool()> go_on) = 0;

  // Deletes parcels that were silent since `before`, with their numbers. What they have
  // added stays in the scorecards; so that it is not counted again, events from before
  // that day (UTC) are refused from now on.
  struct Expired {
    int64_t deleted = 0;
    // When something was for the last time of the parcel that has been silent for longest, of
    // those that are left. What is told later of days gone by may be older.
    absl::Time oldest = absl::InfiniteFuture();
  };
  virtual absl::StatusOr<Expired> ExpireParcels(absl::Time before,
                                                absl::FunctionRef<bool()> go_on) = 0;

  // Counts the scorecards anew from all parcels that are kept, compares, and mends if
  // asked. Days of which parcels have expired are left out: those before the latest
  // `before` of ExpireParcels. `progress` is called after each step; false: CANCELLED.
  virtual absl::StatusOr<v1::RebuildScorecardsResponse> Rebuild(
      bool mend, absl::FunctionRef<bool(const v1::RebuildScorecardsMetadata&)> progress) = 0;
};

}  // namespace caravan::logistics
