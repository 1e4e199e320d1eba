// What time and the registers bring about: timers, sweeps over all parcels, and
// retention.
#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/logistics/keeper.h"
#include "services/logistics/parcel_writes.h"

namespace caravan::logistics {
namespace {

// Timers and parcels that are looked at in one transaction.
constexpr int64_t kTimersOfStep = 1000;
constexpr int64_t kParcelsOfPage = 500;

// The cursor that says up to which day parcels have expired; no source has such a key.
constexpr char kExpiredKey[] = "expired";

absl::Status Cancelled() { return absl::CancelledError("the sweep was called off"); }

// When something was of a parcel for the last time; infinite future where that is not known.
absl::Time LastOf(const ParcelRecord& record) {
  absl::Time last = record.announced.value_or(absl::InfinitePast());
  const auto events = record.events.events();
  if (!events.empty()) last = std::max(last, events.back().time);
  const absl::StatusOr<Contribution> kept = Contribution::Parse(record.kept);
  if (!kept.ok()) return absl::InfiniteFuture();
  if (kept->empty()) return last;
  const absl::Time day = absl::UnixEpoch() + kept->entries().back().day * absl::Hours(24);
  return std::max(last, day + absl::Hours(24) - absl::Microseconds(1));
}

// Whether time changes nothing in a parcel.
bool IsSettled(const ParcelRecord& record) {
  return record.timer == absl::InfiniteFuture() && record.adopting.empty();
}

}  // namespace

absl::StatusOr<Keeper::Page> Keeper::ReadPage(int bucket, const std::string& after) const {
  Page page;
  const absl::Status status = store_.Scan(ParcelTable::kParcels, bucket, after, kParcelsOfPage,
                                          [&](std::string_view key, std::string_view bytes) {
                                            absl::StatusOr<ParcelRecord> record =
                                                ParcelRecord::Parse(bytes);
                                            page.end = key;
                                            if (!record.ok()) {
                                              Damaged(key);
                                              page.damaged.emplace_back(key);
                                              return true;
                                            }
                                            page.keys.push_back({bucket, std::string(key)});
                                            page.records.push_back(*std::move(record));
                                            return true;
                                          });
  if (!status.ok()) return status;
  page.is_last = static_cast<int64_t>(page.keys.size() + page.damaged.size()) < kParcelsOfPage;
  return page;
}

absl::Status Keeper::TickInTurn(absl::Span<const ParcelTimer> due, absl::Time now) {
  std::vector<BucketKey> keys;
  absl::flat_hash_map<std::string, std::vector<absl::Time>> times;
  for (const ParcelTimer& timer : due) {
    keys.push_back(ledger_.KeyOf(timer.parcel));
    times[timer.parcel].push_back(timer.time);
  }
  SortKeys(&keys);
  std::vector<std::string> merging;
  const auto look = [&](size_t index, Visit& visit) -> absl::StatusOr<Verdict> {
    if (index == 0) merging.clear();
    bool is_due = false;
    for (const absl::Time time : times[visit.id]) {
      if (visit.exists && visit.record.timer == time) {
        is_due = true;
      } else {
        visit.tx.RemoveTimer(visit.bucket, {time, visit.id});
      }
    }
    if (is_due && !visit.record.adopting.empty()) merging.push_back(visit.id);
    return is_due ? Verdict::kChanged : Verdict::kUnchanged;
  };
  std::vector<size_t> damaged;
  absl::Status status = ledger_.Change(keys, now, look, &damaged);
  // Nobody looks at a parcel that is damaged again, until it is mended.
  for (const size_t index : damaged) {
    if (!status.ok()) return status;
    const BucketKey& key = keys[index];
    Damaged(key.key);
    status = store_.Write({&key.bucket, 1}, [&](ParcelTransaction& tx) {
      for (const absl::Time time : times[key.key]) tx.RemoveTimer(key.bucket, {time, key.key});
      return absl::OkStatus();
    });
  }
  if (!status.ok()) return status;
  for (const std::string& id : merging) {
    status = FinishMerges(id);
    if (absl::IsDataLoss(status)) {
      Damaged(id);  // or what is merged into it
    } else if (!status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Keeper::Tick() {
  const absl::Time now = Now();
  int64_t looked_at = 0;
  while (true) {
    const absl::StatusOr<std::vector<ParcelTimer>> due = store_.DueTimers(now, kTimersOfStep);
    if (!due.ok()) return due.status();
    if (due->empty()) return looked_at;
    const absl::Status status = InTurn([&] { return TickInTurn(*due, Now()); });
    if (!status.ok()) return status;
    looked_at += static_cast<int64_t>(due->size());
    if (static_cast<int64_t>(due->size()) < kTimersOfStep) return looked_at;
  }
}

bool Keeper::IsOutdated(const ParcelRecord& record) const {
  if (!record.merged_into.empty()) return false;
  const auto agreed = registers_.TermsOf(record.partnership, record.lane, record.postal_code,
                                         record.announced.value_or(absl::InfinitePast()));
  if (agreed->fingerprint != record.terms) return true;
  if (!record.kept.empty()) {
    const Dimensions dimensions = DimensionsOf(record, registers_);
    for (int d = 0; d < kDimensions; ++d) {
      const auto dimension = static_cast<Dimension>(d);
      if (dimensions.at(dimension) != record.kept_dimensions.at(dimension)) return true;
    }
  }
  for (const TrackingEvent& event : record.events.events()) {
    if (event.known) continue;
    const auto carrier = registers_.FindCarrier(event.carrier);
    if (carrier.ok() && (*carrier)->codes->Find((*carrier)->vocabulary, event.code).known) {
      return true;
    }
  }
  return false;
}

bool Keeper::Reread(ParcelRecord& record) const {
  EventSet events;
  bool changed = false;
  for (TrackingEvent event : record.events.events()) {
    if (!event.known) {
      const auto carrier = registers_.FindCarrier(event.carrier);
      const TrackingMeaning meaning =
          carrier.ok() ? (*carrier)->codes->Find((*carrier)->vocabulary, event.code)
                       : TrackingMeaning();
      if (meaning.known) {
        event.known = changed = true;
        event.status = meaning.status;
        // A reason that the event has brought goes first.
        if (event.reason == TrackingReason::kNone) event.reason = meaning.reason;
      }
    }
    events.Add(std::move(event));
  }
  if (changed) record.events = std::move(events);
  return changed;
}

absl::StatusOr<int64_t> Keeper::Reconsider(absl::FunctionRef<bool()> go_on) {
  int64_t changed = 0;
  for (int bucket = 0; bucket < store_.buckets(); ++bucket) {
    std::string after;
    while (true) {
      if (!go_on()) return Cancelled();
      absl::StatusOr<Page> page = ReadPage(bucket, after);
      if (!page.ok()) return page.status();
      std::vector<BucketKey> keys;
      for (size_t i = 0; i < page->keys.size(); ++i) {
        if (IsOutdated(page->records[i])) keys.push_back(page->keys[i]);
      }
      const auto look = [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
        if (!visit.exists || !visit.record.merged_into.empty()) return Verdict::kUnchanged;
        Reread(visit.record);
        return Verdict::kChanged;
      };
      std::vector<size_t> damaged;
      const absl::Status status =
          InTurn([&] { return ledger_.Change(keys, Now(), look, &damaged); });
      if (!status.ok()) return status;
      for (const size_t index : damaged) Damaged(keys[index].key);
      changed += static_cast<int64_t>(keys.size() - damaged.size());
      if (page->is_last) break;
      after = page->end;
    }
  }
  return changed;
}

absl::StatusOr<int32_t> Keeper::FirstWholeDay() const {
  const BucketKey key = NumberKeyOf(kExpiredKey);
  const auto rows = store_.Get(ParcelTable::kCursors, {&key, 1});
  if (!rows.ok()) return rows.status();
  int32_t day = INT32_MIN;
  if (rows->front() && !absl::SimpleAtoi(*rows->front(), &day)) {
    return api::Error(absl::StatusCode::kDataLoss, "CURSOR_MALFORMED",
                      "the stored day up to which parcels have expired is no number");
  }
  return day;
}

absl::Time Keeper::OldestTaken() const {
  const int32_t day = first_whole_day_;
  return day == INT32_MIN ? absl::InfinitePast() : absl::UnixEpoch() + day * absl::Hours(24);
}

absl::Status Keeper::ExpireInTurn(absl::Span<const BucketKey> keys, absl::Time before) {
  std::vector<std::string> ids;
  for (const BucketKey& key : keys) ids.push_back(key.key);
  const auto records = ledger_.Read(ids);
  if (!records.ok()) return records.status();
  // Numbers first: a parcel without them is found again.
  std::vector<BucketKey> numbers;
  absl::flat_hash_map<std::string, std::vector<std::string>> parcels_of;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!(*records)[i]) continue;
    for (const ParcelRecord::Number& number : (*records)[i]->numbers) {
      numbers.push_back(NumberKeyOf(NumberKey(number.carrier, number.number)));
      parcels_of[numbers.back().key].push_back(ids[i]);
    }
  }
  SortKeys(&numbers);
  absl::Status status = ChangeNumbers(numbers, [&](size_t i, NumberUses& uses) {
    for (const std::string& id : parcels_of[numbers[i].key]) uses.Remove(id);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return ledger_.Change(keys, Now(), [&](size_t, Visit& visit) -> absl::StatusOr<Verdict> {
    if (!visit.exists) return Verdict::kUnchanged;
    return IsSettled(visit.record) && LastOf(visit.record) < before ? Verdict::kDeleted
                                                                    : Verdict::kUnchanged;
  });
}

absl::StatusOr<ParcelKeeper::Expired> Keeper::ExpireParcels(absl::Time before,
                                                            absl::FunctionRef<bool()> go_on) {
  // What is left out of a rebuild is known before anything is missing.
  const absl::StatusOr<int32_t> whole = FirstWholeDay();
  if (!whole.ok()) return whole.status();
  if (DayOf(before) > *whole) {
    const BucketKey key = NumberKeyOf(kExpiredKey);
    const absl::Status status = store_.Write({&key.bucket, 1}, [&](ParcelTransaction& tx) {
      tx.Put(ParcelTable::kCursors, key, absl::StrCat(DayOf(before)));
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
  }
  first_whole_day_ = std::max(DayOf(before), *whole);
  Expired expired;
  for (int bucket = 0; bucket < store_.buckets(); ++bucket) {
    std::string after;
    while (true) {
      if (!go_on()) return Cancelled();
      absl::StatusOr<Page> page = ReadPage(bucket, after);
      if (!page.ok()) return page.status();
      std::vector<BucketKey> keys;
      for (size_t i = 0; i < page->keys.size(); ++i) {
        const ParcelRecord& record = page->records[i];
        const absl::Time last = LastOf(record);
        if (!IsSettled(record) || last >= before) {
          if (record.merged_into.empty()) expired.oldest = std::min(expired.oldest, last);
          continue;
        }
        if (!record.merged_into.empty()) {
          // A name that leads to another parcel goes when that has gone.
          const absl::StatusOr<std::optional<ParcelRecord>> target =
              ledger_.Read(record.merged_into);
          if (absl::IsDataLoss(target.status())) continue;
          if (!target.ok()) return target.status();
          if (*target) continue;
        }
        keys.push_back(page->keys[i]);
      }
      if (!keys.empty()) {
        absl::Status status = InTurn([&] { return ExpireInTurn(keys, before); });
        if (status.ok()) expired.deleted += static_cast<int64_t>(keys.size());
        // One whose number is damaged stays.
        for (size_t i = 0; absl::IsDataLoss(status) && i < keys.size(); ++i) {
          const absl::Status one = InTurn([&] { return ExpireInTurn({&keys[i], 1}, before); });
          if (one.ok()) ++expired.deleted;
          if (!one.ok() && !absl::IsDataLoss(one)) status = one;
        }
        if (!status.ok() && !absl::IsDataLoss(status)) return status;
      }
      if (page->is_last) break;
      after = page->end;
    }
  }
  return expired;
}

}  // namespace caravan::logistics
