// The keeper of parcels (parcel_keeper.h): what its parts share. Each group of
// methods has a file of its own: keeper_*.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "services/logistics/number_uses.h"
#include "services/logistics/parcel_keeper.h"
#include "services/logistics/parcel_ledger.h"
#include "services/logistics/scorecard_book.h"
#include "services/logistics/write_queue.h"

namespace caravan::logistics {

// The numbers that were used last, with what this process knows of them beyond what is
// stored. They are hints, and need not be what is stored now: parcels do not leave a
// number but by merging, which their records tell, and by expiring; and whoever adds
// a use reads the number in his transaction.
class KnownNumbers {
 public:
  explicit KnownNumbers(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Null where the number is not known. Valid until the next call.
  const NumberUses* Find(const std::string& key);
  void Put(const std::string& key, NumberUses uses);
  void Remove(const std::string& key);

 private:
  using Map = absl::flat_hash_map<std::string, NumberUses>;

  static size_t CostOf(const Map::value_type& entry) {
    return 64 + entry.first.capacity() + entry.second.memory();
  }

  // Two generations: what is used in the old one moves to the young one, and when that
  // is full the old one is forgotten.
  Map young_, old_;
  size_t young_bytes_ = 0;
  const size_t max_bytes_;
};

class Keeper final : public ParcelKeeper {
 public:
  Keeper(ParcelStore& store, Registers& registers, ParcelKeeperOptions options);
  // Reads how far the store is.
  absl::Status Start();

  void Ingest(Batch batch, absl::AnyInvocable<void(absl::StatusOr<Ingested>)> done) override;
  absl::StatusOr<int64_t> GetCursor(std::string_view carrier, std::string_view source) override;
  std::vector<UnknownCodes::Row> UnknownCodesOf(std::string_view carrier) override;

  absl::StatusOr<std::vector<v1::Parcel>> Announce(
      absl::Span<const v1::CreateParcelRequest* const> requests) override;
  absl::StatusOr<v1::Parcel> Update(const v1::Parcel& parcel, absl::Span<const std::string> paths,
                                    bool validate_only) override;
  absl::StatusOr<v1::Parcel> LinkTrackingNumber(
      const v1::LinkTrackingNumberRequest& request) override;
  absl::StatusOr<v1::Parcel> LookUp(std::string_view carrier, std::string_view number,
                                    absl::Time time) override;
  absl::StatusOr<v1::Parcel> Get(std::string_view name) override;
  absl::StatusOr<std::vector<v1::Parcel>> BatchGet(absl::Span<const std::string> names) override;
  absl::StatusOr<std::vector<v1::ParcelEvent>> ListEvents(std::string_view name) override;
  absl::StatusOr<std::optional<Position>> Scan(
      const Position& from, int64_t limit,
      absl::FunctionRef<bool(const v1::Parcel& parcel)> visit) override;

  absl::StatusOr<Scorecards> ReadScorecards(const ScorecardRange& range,
                                            std::optional<Granularity> by) override;
  absl::StatusOr<std::vector<DayScorecard>> ScorecardsOf(std::string_view parcel) override;

  absl::StatusOr<int64_t> Tick() override;
  absl::StatusOr<int64_t> Reconsider(absl::FunctionRef<bool()> go_on) override;
  absl::StatusOr<Expired> ExpireParcels(absl::Time before,
                                        absl::FunctionRef<bool()> go_on) override;
  absl::StatusOr<v1::RebuildScorecardsResponse> Rebuild(
      bool mend, absl::FunctionRef<bool(const v1::RebuildScorecardsMetadata&)> progress) override;

 private:
  struct Waiting {
    Batch batch;
    absl::AnyInvocable<void(absl::StatusOr<Ingested>)> done;
  };
  using Verdict = ParcelLedger::Verdict;
  using Visit = ParcelLedger::Visit;

  // Never goes back: what was counted as of a moment stays counted.
  absl::Time Now();
  std::string NewParcelId();

  // Runs a function on the writing thread.
  template <typename Function>
  auto InTurn(Function function) -> decltype(function()) {
    std::optional<decltype(function())> result;
    queue_.Run([&] { result.emplace(function()); });
    return *std::move(result);
  }

  // --- Numbers (keeper_numbers.cc).

  BucketKey NumberKeyOf(std::string key) const;
  // Those that are stored; without a row there are no uses.
  absl::StatusOr<std::vector<NumberUses>> ReadNumbers(absl::Span<const BucketKey> keys) const;
  absl::StatusOr<std::vector<NumberUses>> ParseNumbers(
      absl::Span<const BucketKey> keys,
      const absl::StatusOr<std::vector<std::optional<std::string>>>& rows) const;
  // Tells that a record is damaged, of a number or of a parcel.
  absl::Status DamagedNumber(const std::string& key) const;
  void Damaged(std::string_view id) const;
  // Finds what a moment means, with the parcels' events where that is uncertain.
  absl::StatusOr<NumberUses::Meaning> Find(NumberUses& uses, std::string_view carrier,
                                           absl::Time time) const;
  // Changes the rows of numbers, in the order of SortKeys(). `change` may be called again;
  // what it leaves empty is deleted.
  absl::Status ChangeNumbers(
      absl::Span<const BucketKey> keys,
      absl::FunctionRef<absl::Status(size_t index, NumberUses& uses)> change);

  // --- Events (keeper_events.cc).

  struct Intake;
  void TakeIn(std::vector<Waiting> batches);
  absl::Status TakeIn(Intake& intake);
  void ReadEvents(Intake& intake);
  absl::Status ReadNumbers(Intake& intake);
  absl::Status ReadZones(Intake& intake);
  absl::Status FindParcels(Intake& intake);
  absl::Status FindParcels(Intake& intake, size_t slot, NumberUses& uses, bool writes,
                           bool* changed);
  absl::Status OpenParcels(Intake& intake, absl::Span<const size_t> slots);
  absl::Status AddEvents(Intake& intake);
  std::vector<BucketKey> CursorKeys(const Intake& intake) const;
  absl::Status WriteCursors(Intake& intake);
  void Answer(Intake& intake);

  // --- Announcements (keeper_announce.cc).

  struct Announcement;
  absl::StatusOr<std::vector<v1::Parcel>> AnnounceInTurn(
      absl::Span<const v1::CreateParcelRequest* const> requests);
  absl::StatusOr<Announcement> CheckAnnouncement(const v1::CreateParcelRequest& request,
                                                 absl::Time now) const;
  // Parcels that were read together, by id.
  using KnownParcels =
      absl::flat_hash_map<std::string, absl::StatusOr<std::optional<ParcelRecord>>>;
  // Those that announcements name, and those that their numbers mean.
  absl::StatusOr<KnownParcels> ReadParcelsOf(absl::Span<const Announcement> plan,
                                             absl::Span<const NumberUses> numbers) const;
  // ParcelLedger::Follow(), of what was read where it was.
  absl::StatusOr<std::optional<ParcelRecord>> Follow(const KnownParcels& known,
                                                     std::string* id) const;
  // Finds out what each is to become. ALREADY_EXISTS where that cannot be.
  absl::Status PlanAnnouncements(std::vector<Announcement>& plan) const;
  // ABORTED where what was planned is no longer so.
  absl::Status WriteAnnouncements(std::vector<Announcement>& plan, absl::Time now);
  absl::Status CheckAgreement(const std::string& partnership, const std::string& lane,
                              bool opens) const;
  absl::Status CheckCarrier(const std::string& partnership, const std::string& carrier,
                            std::string_view field) const;
  absl::StatusOr<v1::Parcel> UpdateInTurn(const v1::Parcel& parcel,
                                          absl::Span<const std::string> paths, bool validate_only);

  // --- Links (keeper_link.cc).

  struct Link;
  // A caller that waits for its link.
  struct WaitingLink {
    const v1::LinkTrackingNumberRequest& request;
    std::optional<absl::StatusOr<v1::Parcel>> answer;
  };
  // Answers all that wait. Those that need no more than a number added to a parcel, each of
  // others, share their commits.
  void LinkTogether(std::vector<WaitingLink*> waiting);
  // Writes links as PlanLink() has planned them, all or none: ABORTED.
  absl::Status WriteLinks(absl::Span<const Link* const> links, absl::Time now);
  absl::StatusOr<v1::Parcel> LinkInTurn(const v1::LinkTrackingNumberRequest& request);
  absl::StatusOr<Link> PlanLink(const v1::LinkTrackingNumberRequest& request, absl::Time now) const;
  absl::Status WriteLink(const Link& link, absl::Time now);
  // Ends the merges that a parcel's record says are under way.
  absl::Status FinishMerges(const std::string& id, int depth = 0);
  absl::Status Merge(const std::string& from, const std::string& into, int depth);

  // --- Reads (keeper_reads.cc).

  v1::Parcel MessageOf(const std::string& id, const ParcelRecord& record, absl::Time now) const;
  absl::StatusOr<v1::Parcel> GetById(std::string id) const;

  // --- Sweeps (keeper_sweeps.cc) and rebuilding (keeper_rebuild.cc).

  // The next parcels of a bucket.
  struct Page {
    std::vector<BucketKey> keys;
    std::vector<ParcelRecord> records;  // of the keys
    std::vector<std::string> damaged;   // ids of those whose records are damaged
    std::string end;                    // the last key
    bool is_last = false;
  };
  absl::StatusOr<Page> ReadPage(int bucket, const std::string& after) const;
  absl::Status TickInTurn(absl::Span<const ParcelTimer> due, absl::Time now);
  // Whether the registers have changed for a parcel.
  bool IsOutdated(const ParcelRecord& record) const;
  // Looks up again what was not known; false where that stays so.
  bool Reread(ParcelRecord& record) const;
  absl::Status ExpireInTurn(absl::Span<const BucketKey> keys, absl::Time before);
  // The first day of which no parcel has expired; since 1 January 1970.
  absl::StatusOr<int32_t> FirstWholeDay() const;
  // Events from before are refused: they may be counted, though their parcels are gone.
  absl::Time OldestTaken() const;
  struct Rebuilding;
  absl::Status RebuildBucket(int bucket,
                             absl::FunctionRef<bool(const v1::RebuildScorecardsMetadata&)> progress,
                             v1::RebuildScorecardsMetadata& metadata, Rebuilding& rebuilding);
  absl::Status RebuildPage(Rebuilding& rebuilding);
  absl::Status RebuildLocked(Rebuilding& rebuilding);
  void Count(const ParcelRecord& record, absl::Time now, DaySums& sums) const;
  absl::Status Compare(ParcelTransaction& tx, DaySums counted, Rebuilding& rebuilding);

  ParcelStore& store_;
  Registers& registers_;
  const ParcelKeeperOptions options_;
  ScorecardBook book_;
  ParcelLedger ledger_;

  // Of the writing thread.
  KnownNumbers numbers_;
  std::atomic<int64_t> last_now_ = INT64_MIN;  // microseconds

  std::atomic<int32_t> first_whole_day_ = INT32_MIN;  // as this process knows it

  absl::Mutex unknown_mutex_;
  absl::flat_hash_map<std::string, UnknownCodes> unknown_codes_ ABSL_GUARDED_BY(unknown_mutex_);

  absl::Mutex links_mutex_;
  std::vector<WaitingLink*> waiting_links_ ABSL_GUARDED_BY(links_mutex_);

  absl::Mutex rebuild_mutex_;  // one at a time: what is counted is listened to

  WriteQueue<Waiting> queue_;  // last: its thread uses all of these
};

}  // namespace caravan::logistics
