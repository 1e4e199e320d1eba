#include "services/logistics/scorecard_book.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "services/common/api/errors.h"
#include "services/logistics/varint.h"

namespace caravan::logistics {
namespace {

constexpr absl::CivilDay kFirstDay(1970, 1, 1);
constexpr char kVersion = 1;
// A read that meets a fold begins anew; folds are seldom.
constexpr int kMaxReads = 100;

// What is to be read of a range: the months that lie in it as a whole, where periods are
// made of months, and days for the rest.
std::vector<ScorecardRange> RowsOf(const ScorecardRange& range, std::optional<Granularity> by) {
  if (by && *by != Granularity::kMonth) return {range};
  // Far beyond all months that there are, and not at the end of the numbers.
  constexpr int32_t kFar = 100'000'000;
  const int32_t begin = std::clamp(range.begin_day, -kFar, kFar);
  const int32_t last = MonthOfDay(std::clamp(range.end_day, -kFar, kFar));
  int32_t first = MonthOfDay(begin);
  if (first < range.begin_day) first = MonthOfDay(first + 31);
  if (first >= last) return {range};
  std::vector<ScorecardRange> ranges(3, range);
  ranges[0].end_day = first;
  ranges[1].dimension = MonthsOf(range.dimension);
  ranges[1].begin_day = first;
  ranges[1].end_day = last;
  ranges[2].begin_day = last;
  std::erase_if(ranges, [](const ScorecardRange& part) { return part.begin_day >= part.end_day; });
  return ranges;
}

// What a sum is made of: the record of a scorecard, or one in memory.
struct Part {
  std::string_view value;
  int32_t day = 0;  // the first of its period
  std::string_view record = {};
  const Scorecard* scorecard = nullptr;
};

absl::StatusOr<std::vector<ScorecardBook::Row>> SumOf(std::vector<Part> parts) {
  const auto key = [](const Part& part) { return std::tie(part.value, part.day); };
  const auto before = [&](const Part& a, const Part& b) { return key(a) < key(b); };
  // Those of one bucket come sorted.
  if (!std::is_sorted(parts.begin(), parts.end(), before)) {
    std::sort(parts.begin(), parts.end(), before);
  }
  std::vector<ScorecardBook::Row> rows;
  ScorecardSum sum;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].scorecard != nullptr) {
      sum.Add(*parts[i].scorecard);
    } else if (absl::Status status = sum.AddSerialized(parts[i].record); !status.ok()) {
      return status;
    }
    if (i + 1 < parts.size() && key(parts[i]) == key(parts[i + 1])) continue;
    Scorecard scorecard = sum.Take();
    if (scorecard.empty()) continue;
    rows.push_back({std::string(parts[i].value), parts[i].day, std::move(scorecard)});
  }
  return rows;
}

absl::Status Malformed() {
  return api::Error(absl::StatusCode::kDataLoss, "CHANGES_MALFORMED",
                    "stored changes of scorecards are damaged, or of a newer version");
}

}  // namespace

int32_t DayNumberOf(absl::CivilDay day) { return static_cast<int32_t>(day - kFirstDay); }

int32_t MonthOfDay(int32_t day) {
  const absl::civil_diff_t first = absl::CivilDay(absl::CivilMonth(kFirstDay + day)) - kFirstDay;
  return static_cast<int32_t>(std::max<absl::civil_diff_t>(first, INT32_MIN));
}

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

DaySums DaySums::ByMonth() const {
  DaySums months;
  VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& scorecard) {
        months.Add(dimension, value, MonthOfDay(day), scorecard);
      });
  return months;
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

absl::Status FoldInto(ParcelTransaction& tx, int bucket, const DaySums& days, const DaySums& months,
                      bool mends) {
  std::vector<ScorecardRow> rows;
  std::vector<const Scorecard*> additions;
  rows.reserve(days.size() + months.size());
  additions.reserve(days.size() + months.size());
  const auto add = [&](int dimension, const std::string& value, int32_t day,
                       const Scorecard& scorecard) {
    if (scorecard.empty() && !mends) return;
    rows.push_back({dimension, value, day, ""});
    additions.push_back(&scorecard);
  };
  days.VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& scorecard) {
        add(static_cast<int>(dimension), value, day, scorecard);
      });
  months.VisitAll(
      [&](Dimension dimension, const std::string& value, int32_t day, const Scorecard& scorecard) {
        add(MonthsOf(static_cast<int>(dimension)), value, day, scorecard);
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

absl::StatusOr<ScorecardBook::Sums> ScorecardBook::Read(const ScorecardRange& range,
                                                        std::optional<Granularity> by) {
  const std::vector<ScorecardRange> ranges = RowsOf(range, by);
  const auto period_of = [&](int32_t day) {
    if (!by) return range.begin_day;
    return *by == Granularity::kDay ? day : DayNumberOf(PeriodOf(kFirstDay + day, *by));
  };
  for (int read = 0; read < kMaxReads; ++read) {
    std::vector<int64_t> seen;
    {
      absl::MutexLock lock(&mutex_);
      seen.reserve(buckets_.size());
      for (const Bucket& bucket : buckets_) seen.push_back(bucket.state.sequence);
    }
    const absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> stored =
        store_.ReadScorecards(ranges, seen);
    if (!stored.ok()) return stored.status();

    Sums sums;
    bool current = true;
    absl::StatusOr<std::vector<Row>> waiting;
    {
      absl::MutexLock lock(&mutex_);
      std::vector<Part> parts;
      for (size_t i = 0; i < buckets_.size(); ++i) {
        const absl::StatusOr<bool> taken = Take(static_cast<int>(i), seen[i], (*stored)[i]);
        if (!taken.ok()) return taken.status();
        current = current && *taken;
        if (!current) continue;
        sums.sequence += buckets_[i].state.sequence;
        buckets_[i].sums.Visit(
            range, [&](const std::string& value, int32_t day, const Scorecard& change) {
              parts.push_back({.value = value, .day = period_of(day), .scorecard = &change});
            });
      }
      if (!current) continue;
      waiting = SumOf(std::move(parts));
    }
    if (!waiting.ok()) return waiting.status();

    std::vector<Part> parts;
    for (const ParcelStore::BucketScorecards& bucket : *stored) {
      for (const ScorecardRow& row : bucket.rows) {
        parts.push_back({.value = row.value, .day = period_of(row.day), .record = row.record});
      }
    }
    for (const Row& row : *waiting) {
      parts.push_back({.value = row.value, .day = row.day, .scorecard = &row.scorecard});
    }
    absl::StatusOr<std::vector<Row>> rows = SumOf(std::move(parts));
    if (!rows.ok()) return rows.status();
    sums.rows = *std::move(rows);
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
    return FoldInto(tx, bucket, *sums, sums->ByMonth(), false);
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
