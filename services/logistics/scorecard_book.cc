#include "services/logistics/scorecard_book.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "services/common/api/errors.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {
namespace {

constexpr absl::CivilDay kFirstDay(1970, 1, 1);
constexpr char kVersion = 1;
// A read that meets a fold begins anew; folds are seldom.
constexpr int kMaxReads = 100;

absl::Status Malformed() {
  return api::Error(absl::StatusCode::kDataLoss, "CHANGES_MALFORMED",
                    "stored changes of scorecards are damaged, or of a newer version");
}

}  // namespace

int32_t DayNumberOf(absl::CivilDay day) { return static_cast<int32_t>(day - kFirstDay); }

// For each value its dimension, its name, and behind their number its days.
std::string SerializeChanges(const DayChanges& changes) {
  if (changes.empty()) return "";
  std::string bytes(1, kVersion);
  bytes.reserve(48 * changes.size());
  for (auto row = changes.begin(); row != changes.end();) {
    const auto end = std::find_if(row, changes.end(), [&](const auto& other) {
      return other.dimension != row->dimension || other.value != row->value;
    });
    bytes.push_back(static_cast<char>(row->dimension));
    AppendVarint(row->value.size(), &bytes);
    bytes += row->value;
    AppendVarint(static_cast<uint64_t>(end - row), &bytes);
    int32_t last = 0;
    for (; row != end; ++row) {
      const int32_t day = DayNumberOf(row->begin);
      AppendSigned(day - last, &bytes);
      last = day;
      const std::string scorecard = row->change.Serialize();
      AppendVarint(scorecard.size(), &bytes);
      bytes += scorecard;
    }
  }
  return bytes;
}

absl::Status ParseChanges(
    std::string_view record,
    absl::FunctionRef<void(Dimension, std::string_view, int32_t, const Scorecard&)> visit) {
  if (record.empty()) return absl::OkStatus();
  if (record[0] != kVersion) return Malformed();
  record.remove_prefix(1);
  while (!record.empty()) {
    const auto dimension = static_cast<uint8_t>(record[0]);
    record.remove_prefix(1);
    const std::optional<std::string_view> value = ReadBytes(&record);
    const std::optional<uint64_t> days = value ? ReadVarint(&record) : std::nullopt;
    if (!days || dimension >= kDimensions) return Malformed();
    int64_t day = 0;
    for (uint64_t i = 0; i < *days; ++i) {
      const std::optional<int64_t> gap = ReadSigned(&record);
      const std::optional<std::string_view> bytes = gap ? ReadBytes(&record) : std::nullopt;
      if (!bytes || __builtin_add_overflow(day, *gap, &day) || day > INT32_MAX || day < INT32_MIN) {
        return Malformed();
      }
      const absl::StatusOr<Scorecard> scorecard = Scorecard::Parse(*bytes);
      if (!scorecard.ok()) return Malformed();
      visit(static_cast<Dimension>(dimension), *value, static_cast<int32_t>(day), *scorecard);
    }
  }
  return absl::OkStatus();
}

void DaySums::Add(Dimension dimension, std::string_view value, int32_t day,
                  const Scorecard& scorecard) {
  auto& values = values_[static_cast<size_t>(dimension)];
  auto days = values.find(value);
  if (days == values.end()) days = values.emplace(value, Days()).first;
  const auto [row, is_new] = days->second.try_emplace(day);
  if (is_new) ++size_;
  row->second.Merge(scorecard);
}

absl::Status DaySums::AddChanges(std::string_view record) {
  return ParseChanges(record, [&](Dimension dimension, std::string_view value, int32_t day,
                                  const Scorecard& change) { Add(dimension, value, day, change); });
}

void DaySums::Clear() {
  for (auto& values : values_) values.clear();
  size_ = 0;
}

void DaySums::Visit(
    const ScorecardRange& range,
    absl::FunctionRef<void(const std::string&, int32_t, const Scorecard&)> visit) const {
  if (range.dimension < 0 || range.dimension >= kDimensions) return;
  const auto& values = values_[static_cast<size_t>(range.dimension)];
  const auto visit_days = [&](const std::string& value, const Days& days) {
    for (auto row = days.lower_bound(range.begin_day);
         row != days.end() && row->first < range.end_day; ++row) {
      visit(value, row->first, row->second);
    }
  };
  if (range.first_value == range.last_value) {
    const auto days = values.find(range.first_value);
    if (days != values.end()) visit_days(days->first, days->second);
    return;
  }
  for (const auto& [value, days] : values) {
    if (value >= range.first_value && value <= range.last_value) visit_days(value, days);
  }
}

void DaySums::VisitAll(
    absl::FunctionRef<void(Dimension, const std::string&, int32_t, const Scorecard&)> visit) const {
  for (int d = 0; d < kDimensions; ++d) {
    for (const auto& [value, days] : values_[static_cast<size_t>(d)]) {
      for (const auto& [day, scorecard] : days) {
        visit(static_cast<Dimension>(d), value, day, scorecard);
      }
    }
  }
}

absl::Status FoldInto(ParcelTransaction& tx, int bucket, const DaySums& sums, bool mends) {
  std::vector<ScorecardRow> rows;
  std::vector<const Scorecard*> additions;
  rows.reserve(sums.size());
  additions.reserve(sums.size());
  sums.VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& scorecard) {
        if (scorecard.empty()) return;
        rows.push_back({static_cast<int>(dimension), value, day, ""});
        additions.push_back(&scorecard);
      });
  const absl::StatusOr<std::vector<std::optional<std::string>>> stored =
      tx.GetScorecards(bucket, rows);
  if (!stored.ok()) return stored.status();
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::optional<std::string>& row = (*stored)[i];
    absl::StatusOr<Scorecard> scorecard = row ? Scorecard::Parse(*row) : Scorecard();
    if (!scorecard.ok() && !mends) return scorecard.status();
    if (!scorecard.ok()) scorecard = Scorecard();
    scorecard->Merge(*additions[i]);
    rows[i].record = scorecard->Serialize();
  }
  tx.Fold(bucket, std::move(rows));
  return absl::OkStatus();
}

ScorecardBook::ScorecardBook(ParcelStore& store, Limits limits)
    : store_(store), limits_(limits), buckets_(static_cast<size_t>(store.buckets())) {}

void ScorecardBook::Committed(int bucket, int64_t sequence, const DayChanges& changes) {
  absl::MutexLock lock(&mutex_);
  Bucket& known = buckets_[static_cast<size_t>(bucket)];
  // Where there is a gap, another process has written: a reader fetches it with this.
  // Where it is known, a reader has fetched it already.
  if (known.state.sequence + 1 != sequence) return;
  known.state.sequence = sequence;
  for (const ScorecardChanges::Row& row : changes) {
    known.sums.Add(row.dimension, row.value, DayNumberOf(row.begin), row.change);
  }
}

absl::StatusOr<bool> ScorecardBook::Take(int bucket, int64_t seen,
                                         const ParcelStore::BucketScorecards& stored) {
  Bucket& known = buckets_[static_cast<size_t>(bucket)];
  if (known.state.folded > stored.state.folded) return false;  // it is older
  if (known.state.folded < stored.state.folded) {
    known.sums.Clear();
    known.state = {stored.state.folded, stored.state.folded};
  }
  // What was not asked for, and is no longer known.
  if (known.state.sequence < seen) return false;
  for (const SequencedRecord& change : stored.changes) {
    if (change.sequence <= known.state.sequence) continue;
    if (absl::Status status = known.sums.AddChanges(change.record); !status.ok()) {
      // Half a record may be in the sums: all of it is read again.
      known = {};
      return status;
    }
    known.state.sequence = change.sequence;
  }
  known.state.sequence = std::max(known.state.sequence, stored.state.sequence);
  return true;
}

absl::StatusOr<ScorecardBook::Sums> ScorecardBook::Read(const ScorecardRange& range) {
  for (int read = 0; read < kMaxReads; ++read) {
    std::vector<int64_t> seen;
    {
      absl::MutexLock lock(&mutex_);
      seen.reserve(buckets_.size());
      for (const Bucket& bucket : buckets_) seen.push_back(bucket.state.sequence);
    }
    absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> stored =
        store_.ReadScorecards(range, seen);
    if (!stored.ok()) return stored.status();

    Sums sums;
    std::map<std::pair<std::string, int32_t>, Scorecard> rows;
    bool current = true;
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < buckets_.size(); ++i) {
      ParcelStore::BucketScorecards& from = (*stored)[i];
      const absl::StatusOr<bool> taken = Take(static_cast<int>(i), seen[i], from);
      if (!taken.ok()) return taken.status();
      current = current && *taken;
      if (!current) continue;
      sums.sequence += buckets_[i].state.sequence;
      for (ScorecardRow& row : from.rows) {
        absl::StatusOr<Scorecard> scorecard = Scorecard::Parse(row.record);
        if (!scorecard.ok()) return scorecard.status();
        rows[{std::move(row.value), row.day}].Merge(*scorecard);
      }
      buckets_[i].sums.Visit(range,
                             [&](const std::string& value, int32_t day, const Scorecard& change) {
                               rows[{value, day}].Merge(change);
                             });
    }
    if (!current) continue;
    for (auto& [key, scorecard] : rows) {
      if (!scorecard.empty()) sums.rows.push_back({key.first, key.second, std::move(scorecard)});
    }
    return sums;
  }
  return api::Error(absl::StatusCode::kUnavailable, "SCORECARDS_BUSY",
                    "the scorecards are being rewritten; try again");
}

bool ScorecardBook::IsFull(int bucket) const {
  absl::MutexLock lock(&mutex_);
  const Bucket& known = buckets_[static_cast<size_t>(bucket)];
  return known.sums.size() > limits_.rows / buckets_.size() ||
         known.state.sequence - known.state.folded > limits_.commits;
}

absl::Status ScorecardBook::Fold(int bucket) {
  BucketState folded;
  const auto fold = [&](ParcelTransaction& tx) -> absl::Status {
    folded = tx.state(bucket);
    DaySums fetched;
    const DaySums* sums = &fetched;
    {
      // Of a bucket that is locked nobody adds to sums that are complete.
      absl::MutexLock lock(&mutex_);
      const Bucket& known = buckets_[static_cast<size_t>(bucket)];
      if (known.state == folded) sums = &known.sums;
    }
    if (sums == &fetched) {
      absl::StatusOr<std::vector<SequencedRecord>> changes = tx.GetChanges(bucket);
      if (!changes.ok()) return changes.status();
      for (const SequencedRecord& change : *changes) {
        if (absl::Status status = fetched.AddChanges(change.record); !status.ok()) return status;
      }
    }
    return FoldInto(tx, bucket, *sums, false);
  };
  if (absl::Status status = store_.Write({&bucket, 1}, fold); !status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  Bucket& known = buckets_[static_cast<size_t>(bucket)];
  folded.folded = folded.sequence;
  if (known.state.folded < folded.folded) {
    known.sums.Clear();
    known.state = folded;
  }
  return absl::OkStatus();
}

}  // namespace caravan::logistics
