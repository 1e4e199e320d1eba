// Scorecards counted anew from the parcels.
//
// A bucket is gone through page by page, so that events flow meanwhile: what this
// process changes in parcels that were counted is added to what was counted. Where
// another process writes to the bucket, that is not known, and the bucket is counted in
// one go, locked.
#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/logistics/keeper.h"
#include "services/logistics/keeper_messages.h"
#include "services/logistics/parcel_writes.h"

namespace caravan::logistics {
namespace {

// Differences that are told one by one.
constexpr int kMaxDifferences = 1000;
// Behind every id and every value of a dimension: they are ASCII.
constexpr char kBehindAll[] = "\x7f";
constexpr absl::CivilDay kFirstDay(1970, 1, 1);

// The days by which stored scorecards are read, as they may be many: the last two years
// by months.
std::vector<int32_t> StepsOf(int32_t first, absl::Time now) {
  constexpr int32_t kMonth = 30;
  std::vector<int32_t> steps = {first};
  for (int32_t day = DayOf(now) - 24 * kMonth; day <= DayOf(now) + kMonth; day += kMonth) {
    if (day > steps.back()) steps.push_back(day);
  }
  steps.push_back(INT32_MAX);
  return steps;
}

absl::Status Interrupted() { return absl::AbortedError("another process writes to the bucket"); }

void AddTo(const Dimensions& dimensions, const Contribution& contribution, DaySums& sums) {
  ScorecardChanges changes;
  changes.Add(dimensions, contribution);
  for (const ScorecardChanges::Row& row : changes.Rows({Granularity::kDay})) {
    sums.Add(row.dimension, row.value, DayNumberOf(row.begin), row.change);
  }
}

absl::Status CountKept(const ParcelRecord& record, DaySums& sums) {
  const absl::StatusOr<Contribution> kept = Contribution::Parse(record.kept);
  if (!kept.ok()) return kept.status();
  AddTo(record.kept_dimensions, *kept, sums);
  return absl::OkStatus();
}

v1::Dimension ToMessage(Dimension dimension) {
  // The courier among those of a lane is no dimension of the contract: its lane is told.
  if (dimension == Dimension::kLaneAndCourier) return v1::Dimension::LANE;
  return static_cast<v1::Dimension>(static_cast<int>(dimension) + 1);
}

// Without a day for a month.
google::type::Date DateOf(int32_t day, bool is_month) {
  const absl::CivilDay civil = kFirstDay + day;
  google::type::Date date;
  date.set_year(static_cast<int32_t>(civil.year()));
  date.set_month(civil.month());
  if (!is_month) date.set_day(civil.day());
  return date;
}

}  // namespace

struct Keeper::Rebuilding {
  bool mend = false;
  int32_t first_day = 0;  // of those that are compared

  // The bucket that is being counted.
  int bucket = 0;
  std::string counted_up_to = {};  // a parcel's id
  bool is_last = false;
  int64_t interruptions = 0;
  DaySums counted = {};
  int64_t parcels = 0;
  std::vector<std::string> damaged = {};  // ids of those that cannot be counted

  struct Difference {
    Dimension dimension;
    std::string value;
    int32_t day = 0;
    bool is_month = false;  // that of `day`
  };
  // What came of it.
  int64_t scorecards = 0;
  std::vector<Difference> differences = {};

  void Begin(int next) {
    bucket = next;
    counted_up_to.clear();
    is_last = false;
    counted.Clear();
    parcels = 0;
    damaged.clear();
  }
  // What a damaged parcel has added is not known, and would be taken away.
  bool mends() const { return mend && damaged.empty(); }
};

void Keeper::Count(const ParcelRecord& record, absl::Time now, DaySums& sums) const {
  if (!record.merged_into.empty()) return;
  const ParcelView view = ViewOf(record, registers_, now);
  AddTo(DimensionsOf(record, registers_), Contribution::Of(view.course, view.terms.zone), sums);
}

// ABORTED where another process has written to the bucket.
absl::Status Keeper::RebuildPage(Rebuilding& rebuilding) {
  const absl::StatusOr<Page> page = ReadPage(rebuilding.bucket, rebuilding.counted_up_to);
  if (!page.ok()) return page.status();
  const absl::Time now = Now();
  DaySums sums;
  const auto look = [&](size_t index, Visit& visit) -> absl::StatusOr<Verdict> {
    if (index == 0) sums.Clear();
    if (!visit.exists) return Verdict::kUnchanged;
    // What is only late is brought up to date, and is no difference.
    const bool is_late = visit.record.timer <= now || IsOutdated(visit.record);
    if (is_late) Reread(visit.record);
    Count(visit.record, now, sums);
    if (is_late) return Verdict::kChanged;
    if (!rebuilding.mend || !visit.record.merged_into.empty()) return Verdict::kUnchanged;
    const ParcelView view = ViewOf(visit.record, registers_, now);
    const bool is_right =
        Contribution::Of(view.course, view.terms.zone).Serialize() == visit.record.kept;
    return is_right ? Verdict::kUnchanged : Verdict::kChanged;
  };
  std::vector<size_t> damaged;
  absl::Status status = ledger_.Change(page->keys, now, look, &damaged);
  if (!status.ok()) return status;
  for (const size_t index : damaged) {
    Damaged(page->keys[index].key);
    rebuilding.damaged.push_back(page->keys[index].key);
  }
  rebuilding.damaged.insert(rebuilding.damaged.end(), page->damaged.begin(), page->damaged.end());
  if (ledger_.InterruptionsOf(rebuilding.bucket) != rebuilding.interruptions) {
    return Interrupted();
  }
  sums.VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& scorecard) {
        rebuilding.counted.Add(dimension, value, day, scorecard);
      });
  rebuilding.parcels += static_cast<int64_t>(page->keys.size());
  rebuilding.is_last = page->is_last;
  // What is opened behind the last page is counted as it comes.
  rebuilding.counted_up_to = page->is_last ? kBehindAll : page->end;
  return absl::OkStatus();
}

// Compares what was counted of a bucket that is locked with its scorecards.
absl::Status Keeper::Compare(ParcelTransaction& tx, DaySums counted, Rebuilding& rebuilding) {
  const int bucket = rebuilding.bucket;
  rebuilding.scorecards = 0;
  rebuilding.differences.clear();
  DaySums waiting;
  const absl::StatusOr<std::vector<SequencedRecord>> changes = tx.GetChanges(bucket);
  if (!changes.ok()) return changes.status();
  for (const SequencedRecord& change : *changes) {
    if (absl::Status status = waiting.AddChanges(change.record); !status.ok()) return status;
  }
  // What is missing: what was counted, less what is there.
  const auto take_away = [&](Dimension dimension, const std::string& value, int32_t day,
                             Scorecard scorecard) {
    scorecard.Negate();
    counted.Add(dimension, value, day, scorecard);
  };
  waiting.VisitAll(take_away);
  // What is missing in months: the sum of their days as they are, less what is there.
  DaySums months;
  std::set<std::tuple<int, std::string, int32_t>> damaged;
  // No changes are asked for: those of the bucket are known.
  const std::vector<int64_t> seen(static_cast<size_t>(store_.buckets()), INT64_MAX);
  const std::vector<int32_t> steps = StepsOf(MonthOfDay(rebuilding.first_day), Now());
  for (int d = 0; d < kDimensions; ++d) {
    const auto dimension = static_cast<Dimension>(d);
    for (size_t step = 0; step + 1 < steps.size(); ++step) {
      const ScorecardRange ranges[] = {{d, "", kBehindAll, steps[step], steps[step + 1]},
                                       {MonthsOf(d), "", kBehindAll, steps[step], steps[step + 1]}};
      absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> stored =
          store_.ReadScorecards(ranges, seen);
      if (!stored.ok()) return stored.status();
      for (const ScorecardRow& row : (*stored)[static_cast<size_t>(bucket)].rows) {
        absl::StatusOr<Scorecard> scorecard = Scorecard::Parse(row.record);
        // One that is damaged is missing.
        if (!scorecard.ok()) {
          (row.dimension == d ? counted : months).Add(dimension, row.value, row.day, {});
          damaged.insert({row.dimension, row.value, row.day});
          continue;
        }
        if (row.dimension == d) {
          months.Add(dimension, row.value, MonthOfDay(row.day), *scorecard);
          take_away(dimension, row.value, row.day, *std::move(scorecard));
        } else {
          scorecard->Negate();
          months.Add(dimension, row.value, row.day, *scorecard);
        }
      }
    }
  }
  counted.VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& missing) {
        if (day < rebuilding.first_day) return;
        ++rebuilding.scorecards;
        if (missing.empty() && !damaged.contains({static_cast<int>(dimension), value, day})) return;
        rebuilding.differences.push_back({dimension, value, day, false});
        if (rebuilding.mends()) waiting.Add(dimension, value, day, missing);
      });
  DaySums waiting_months = waiting.ByMonth();
  months.VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& missing) {
        const int stored_as = MonthsOf(static_cast<int>(dimension));
        if (missing.empty() && !damaged.contains({stored_as, value, day})) return;
        rebuilding.differences.push_back({dimension, value, day, true});
        waiting_months.Add(dimension, value, day, missing);
      });
  if (!rebuilding.mends() || rebuilding.differences.empty()) return absl::OkStatus();
  return FoldInto(tx, bucket, waiting, waiting_months, true);
}

absl::Status Keeper::RebuildLocked(Rebuilding& rebuilding) {
  return store_.Write({&rebuilding.bucket, 1}, [&](ParcelTransaction& tx) -> absl::Status {
    DaySums counted;
    rebuilding.parcels = 0;
    rebuilding.damaged.clear();
    std::string after;
    while (true) {
      const absl::StatusOr<Page> page = ReadPage(rebuilding.bucket, after);
      if (!page.ok()) return page.status();
      rebuilding.damaged.insert(rebuilding.damaged.end(), page->damaged.begin(),
                                page->damaged.end());
      const absl::Time now = Now();
      for (size_t i = 0; i < page->records.size(); ++i) {
        const ParcelRecord& record = page->records[i];
        // What is late was not counted yet either.
        if (record.timer <= now || IsOutdated(record)) {
          if (!CountKept(record, counted).ok()) {
            Damaged(page->keys[i].key);
            rebuilding.damaged.push_back(page->keys[i].key);
          }
        } else {
          Count(record, now, counted);
        }
      }
      rebuilding.parcels += static_cast<int64_t>(page->keys.size());
      if (page->is_last) break;
      after = page->end;
    }
    return Compare(tx, std::move(counted), rebuilding);
  });
}

absl::Status Keeper::RebuildBucket(
    int bucket, absl::FunctionRef<bool(const v1::RebuildScorecardsMetadata&)> progress,
    v1::RebuildScorecardsMetadata& metadata, Rebuilding& rebuilding) {
  const int64_t parcels_before = metadata.parcels();
  const auto begin = [&]() -> absl::Status {
    rebuilding.Begin(bucket);
    // Looks at the bucket, to know where it is.
    const BucketKey none{bucket, ""};
    const auto look = [](size_t, Visit&) -> absl::StatusOr<Verdict> { return Verdict::kUnchanged; };
    if (absl::Status status = ledger_.Change({&none, 1}, Now(), look); !status.ok()) return status;
    rebuilding.interruptions = ledger_.InterruptionsOf(bucket);
    ledger_.SetCountListener([&rebuilding](int of, std::string_view id,
                                           const Dimensions& dimensions,
                                           const Contribution& change) {
      if (of != rebuilding.bucket || id > rebuilding.counted_up_to) return;
      AddTo(dimensions, change, rebuilding.counted);
    });
    return absl::OkStatus();
  };
  absl::Status status = InTurn(begin);
  while (status.ok() && !rebuilding.is_last) {
    status = InTurn([&] { return RebuildPage(rebuilding); });
    metadata.set_parcels(parcels_before + rebuilding.parcels);
    if (status.ok() && !progress(metadata)) status = absl::CancelledError("it was called off");
  }
  if (status.ok()) {
    status = InTurn([&] {
      return store_.Write({&bucket, 1}, [&](ParcelTransaction& tx) -> absl::Status {
        if (tx.state(bucket).sequence != ledger_.SequenceOf(bucket) ||
            ledger_.InterruptionsOf(bucket) != rebuilding.interruptions) {
          return Interrupted();
        }
        return Compare(tx, rebuilding.counted, rebuilding);
      });
    });
  }
  InTurn([&] {
    ledger_.SetCountListener(nullptr);
    return true;
  });
  if (absl::IsAborted(status)) status = InTurn([&] { return RebuildLocked(rebuilding); });
  metadata.set_parcels(parcels_before + rebuilding.parcels);
  return status;
}

absl::StatusOr<v1::RebuildScorecardsResponse> Keeper::Rebuild(
    bool mend, absl::FunctionRef<bool(const v1::RebuildScorecardsMetadata&)> progress) {
  absl::MutexLock lock(&rebuild_mutex_);
  const absl::StatusOr<int32_t> first_day = FirstWholeDay();
  if (!first_day.ok()) return first_day.status();
  Rebuilding rebuilding;
  rebuilding.mend = mend;
  rebuilding.first_day = *first_day;
  v1::RebuildScorecardsMetadata metadata;
  metadata.set_buckets(store_.buckets());
  *metadata.mutable_create_time() = ToTimestamp(options_.clock());
  v1::RebuildScorecardsResponse response;
  bool mended = false;
  for (int bucket = 0; bucket < store_.buckets(); ++bucket) {
    const absl::Status status = RebuildBucket(bucket, progress, metadata, rebuilding);
    if (!status.ok()) return status;
    response.set_scorecards(response.scorecards() + rebuilding.scorecards);
    response.set_differing(response.differing() +
                           static_cast<int64_t>(rebuilding.differences.size()));
    for (const Rebuilding::Difference& from : rebuilding.differences) {
      if (response.differences_size() == kMaxDifferences) break;
      v1::RebuildScorecardsResponse::Difference* difference = response.add_differences();
      difference->set_dimension(ToMessage(from.dimension));
      difference->set_value(from.value);
      *difference->mutable_date() = DateOf(from.day, from.is_month);
    }
    for (const std::string& id : rebuilding.damaged) {
      if (response.damaged_parcels_size() == kMaxDifferences) break;
      response.add_damaged_parcels(absl::StrCat(kParcelPrefix, id));
    }
    mended |= rebuilding.mends() && !rebuilding.differences.empty();
    metadata.set_buckets_done(bucket + 1);
    if (!progress(metadata)) return absl::CancelledError("it was called off");
  }
  response.set_parcels(metadata.parcels());
  response.set_mended(mended);
  return response;
}

}  // namespace caravan::logistics
