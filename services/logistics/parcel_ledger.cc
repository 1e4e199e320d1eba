#include "services/logistics/parcel_ledger.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

// Merges are followed so far; nobody merges so often.
constexpr int kMaxMerges = 10;

// After so many rows, a database that works by itself may begin with them.
constexpr size_t kSentAhead = 256;

bool Before(const BucketKey& a, const BucketKey& b) {
  return std::tie(a.bucket, a.key) < std::tie(b.bucket, b.key);
}

// Calls `visit(line_haul_company, courier)` once. Texts last as long as the call.
template <class Visit>
void VisitCompanies(const ParcelRecord& record, Registers& registers, Visit visit) {
  if (record.partnership.empty()) {
    visit("", record.numbers.empty() ? "" : std::string_view(record.numbers.back().carrier));
    return;
  }
  const auto partnership = registers.FindPartnership(record.partnership);
  if (!partnership.ok()) return visit("", "");
  visit((*partnership)->line_haul_company, (*partnership)->courier);
}

// Calls `visit(dimension, value)` for each dimension that is set, not derived.
template <class Visit>
void VisitDimensions(const ParcelRecord& record, Registers& registers, Visit visit) {
  visit(Dimension::kPartnership, record.partnership);
  VisitCompanies(record, registers,
                 [&](std::string_view line_haul_company, std::string_view courier) {
                   visit(Dimension::kLineHaulCompany, line_haul_company);
                   visit(Dimension::kCourier, courier);
                 });
  visit(Dimension::kLane, record.lane);
  std::string destination;
  if (!record.lane.empty()) {
    if (const auto lane = registers.FindLane(record.lane); lane.ok()) {
      destination = absl::StrCat("countries/", (*lane)->destination);
    }
  }
  visit(Dimension::kDestination, destination);
  visit(Dimension::kOriginZone, record.origin_zone);
  visit(Dimension::kSeller, record.seller);
  visit(Dimension::kPlatform, record.platform);
}

// Whether these are DimensionsOf() the record; asked for each event, so without making them.
bool IsCountedBy(const Dimensions& dimensions, const ParcelRecord& record, Registers& registers) {
  bool same = true;
  VisitDimensions(record, registers, [&](Dimension dimension, std::string_view value) {
    same = same && dimensions.at(dimension) == value;
  });
  return same;
}

absl::StatusOr<std::optional<ParcelRecord>> ParseRow(std::string_view id,
                                                     const std::optional<std::string>& row) {
  if (!row) return std::nullopt;
  absl::StatusOr<ParcelRecord> record = ParcelRecord::Parse(*row);
  if (!record.ok()) return DamagedParcel(id);
  return *std::move(record);
}

}  // namespace

absl::Status DamagedParcel(std::string_view id) {
  return api::Error(
      absl::StatusCode::kDataLoss, "PARCEL_MALFORMED",
      absl::StrCat("the stored record of parcels/", id, " is damaged, or of a newer version"));
}

void SortKeys(std::vector<BucketKey>* keys) {
  std::sort(keys->begin(), keys->end(), Before);
  keys->erase(std::unique(keys->begin(), keys->end()), keys->end());
}

ParcelView ViewOf(const ParcelRecord& record, Registers& registers, absl::Time now) {
  ParcelView view;
  view.agreed = registers.TermsOf(record.partnership, record.lane, record.postal_code,
                                  record.announced.value_or(absl::InfinitePast()));
  view.terms = view.agreed->terms;
  view.terms.begin = record.Begin();
  view.course = TrackCourse(record.events, view.terms, now);
  return view;
}

Companies CompaniesOf(const ParcelRecord& record, Registers& registers) {
  Companies companies;
  VisitCompanies(record, registers,
                 [&](std::string_view line_haul_company, std::string_view courier) {
                   companies = {std::string(line_haul_company), std::string(courier)};
                 });
  return companies;
}

Dimensions DimensionsOf(const ParcelRecord& record, Registers& registers) {
  Dimensions dimensions;
  VisitDimensions(record, registers, [&](Dimension dimension, std::string_view value) {
    dimensions.Set(dimension, std::string(value));
  });
  return dimensions;
}

// What a transaction has done, until it is committed.
struct ParcelLedger::Work {
  struct Row {
    size_t key = 0;
    std::string record;  // empty: there is none
    bool written = false;
  };
  struct Bucket {
    int bucket = 0;
    int64_t sequence = 0;  // before
    bool appended = false;
    bool has_journal = false;
    DayChanges changes;
  };
  std::vector<Row> rows;
  std::vector<Bucket> buckets;
  std::vector<Count> counts;
  std::vector<size_t> damaged;
};

ParcelLedger::ParcelLedger(ParcelStore& store, Registers& registers, ScorecardBook& book,
                           size_t cache_bytes, std::function<void(const KeeperChange&)> listener)
    : store_(store),
      registers_(registers),
      book_(book),
      cache_(store.buckets(), cache_bytes),
      sequences_(static_cast<size_t>(store.buckets()), -1),
      interruptions_(static_cast<size_t>(store.buckets())),
      listener_(std::move(listener)) {}

BucketKey ParcelLedger::KeyOf(std::string_view id) const {
  return {store_.buckets() == 1 ? 0 : store_.BucketOf(id), std::string(id)};
}

absl::StatusOr<std::vector<absl::StatusOr<std::optional<ParcelRecord>>>> ParcelLedger::ReadEach(
    absl::Span<const std::string> ids) const {
  std::vector<BucketKey> keys;
  keys.reserve(ids.size());
  for (const std::string& id : ids) keys.push_back(KeyOf(id));
  const auto rows = store_.Get(ParcelTable::kParcels, keys);
  if (!rows.ok()) return rows.status();
  std::vector<absl::StatusOr<std::optional<ParcelRecord>>> records;
  records.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) records.push_back(ParseRow(ids[i], (*rows)[i]));
  return records;
}

absl::StatusOr<std::vector<std::optional<ParcelRecord>>> ParcelLedger::Read(
    absl::Span<const std::string> ids) const {
  auto each = ReadEach(ids);
  if (!each.ok()) return each.status();
  std::vector<std::optional<ParcelRecord>> records;
  records.reserve(ids.size());
  for (absl::StatusOr<std::optional<ParcelRecord>>& record : *each) {
    if (!record.ok()) return record.status();
    records.push_back(*std::move(record));
  }
  return records;
}

absl::StatusOr<std::optional<ParcelRecord>> ParcelLedger::Read(const std::string& id) const {
  absl::StatusOr<std::vector<std::optional<ParcelRecord>>> records = Read({&id, 1});
  if (!records.ok()) return records.status();
  return std::move(records->front());
}

absl::StatusOr<std::optional<ParcelRecord>> ParcelLedger::Follow(std::string* id) const {
  for (int i = 0;; ++i) {
    absl::StatusOr<std::optional<ParcelRecord>> record = Read(*id);
    if (!record.ok() || !*record || (*record)->merged_into.empty() || i == kMaxMerges) {
      return record;
    }
    *id = (*record)->merged_into;
  }
}

absl::Status ParcelLedger::Settle(const BucketKey& key, size_t index, absl::Time now,
                                  ParcelRecord& record, ParcelTransaction& tx, Work& work,
                                  ScorecardChanges& changes) {
  absl::Time next = absl::InfiniteFuture();
  Contribution contribution;
  if (record.merged_into.empty()) {
    const ParcelView view = ViewOf(record, registers_, now);
    contribution = Contribution::Of(view.course, view.terms.zone);
    record.terms = view.agreed->fingerprint;
    // What a crash may cut short is looked at as soon as may be.
    next = record.adopting.empty() ? view.course.next_change : now;
  }
  std::string kept = contribution.Serialize();
  const auto count = [&](const Dimensions& by, Contribution change) {
    if (change.empty()) return;
    changes.Add(by, change);
    if (count_listener_) work.counts.push_back({index, by, std::move(change)});
  };
  // Where nothing is counted, there are none.
  const bool same_dimensions = contribution.empty()
                                   ? record.kept.empty()
                                   : IsCountedBy(record.kept_dimensions, record, registers_);
  if (!same_dimensions || kept != record.kept) {
    const absl::StatusOr<Contribution> before = Contribution::Parse(record.kept);
    if (!before.ok()) return before.status();
    if (same_dimensions) {
      count(record.kept_dimensions, Contribution::Change(*before, contribution));
    } else {
      count(record.kept_dimensions, Contribution::Change(*before, {}));
      record.kept_dimensions =
          contribution.empty() ? Dimensions() : DimensionsOf(record, registers_);
      count(record.kept_dimensions, std::move(contribution));
    }
    record.kept = std::move(kept);
  }
  // One that is due has been looked at now. One that comes too early finds nothing to do.
  if (next < record.timer || record.timer <= now || !record.merged_into.empty()) {
    if (record.timer != absl::InfiniteFuture()) {
      tx.RemoveTimer(key.bucket, {record.timer, key.key});
    }
    record.timer = next;
    if (next != absl::InfiniteFuture()) tx.AddTimer(key.bucket, {next, key.key});
  }
  return absl::OkStatus();
}

absl::Status ParcelLedger::Run(absl::Span<const BucketKey> keys, absl::Time now, Visitor visitor,
                               bool leaves_damaged, ParcelTransaction& tx, Work& work) {
  work = {};
  work.rows.reserve(keys.size());
  // Those that are not in memory are read at once.
  std::vector<BucketKey> missing;
  std::vector<std::string_view> bytes(keys.size());
  std::vector<size_t> missing_at;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i == 0 || keys[i].bucket != keys[i - 1].bucket) {
      cache_.Validate(keys[i].bucket, tx.state(keys[i].bucket).sequence);
    }
    if (const std::string* record = cache_.Find(keys[i].bucket, keys[i].key)) {
      bytes[i] = *record;
    } else {
      missing.push_back(keys[i]);
      missing_at.push_back(i);
    }
  }
  std::vector<std::optional<std::string>> fetched;
  if (!missing.empty()) {
    absl::StatusOr<std::vector<std::optional<std::string>>> rows =
        tx.Get(ParcelTable::kParcels, missing);
    if (!rows.ok()) return rows.status();
    fetched = *std::move(rows);
    for (size_t i = 0; i < fetched.size(); ++i) {
      if (fetched[i]) bytes[missing_at[i]] = *fetched[i];
    }
  }
  for (size_t begin = 0; begin < keys.size();) {
    const int bucket = keys[begin].bucket;
    ScorecardChanges changes;
    std::string journal;
    bool changed = false;
    size_t i = begin;
    for (; i < keys.size() && keys[i].bucket == bucket; ++i) {
      ParcelRecord record;
      const bool exists = !bytes[i].empty();
      if (exists) {
        absl::StatusOr<ParcelRecord> parsed = ParcelRecord::Parse(bytes[i]);
        if (!parsed.ok()) {
          if (!leaves_damaged) return DamagedParcel(keys[i].key);
          work.damaged.push_back(i);
          continue;
        }
        record = *std::move(parsed);
      }
      const size_t journal_before = journal.size();
      Visit visit{keys[i].key, record, exists, tx, bucket, journal};
      const absl::StatusOr<Verdict> verdict = visitor(i, visit);
      if (!verdict.ok()) return verdict.status();
      if (*verdict == Verdict::kUnchanged) continue;
      if (*verdict == Verdict::kDeleted) {
        changed = true;
        if (record.timer != absl::InfiniteFuture()) {
          tx.RemoveTimer(bucket, {record.timer, keys[i].key});
        }
        tx.Delete(ParcelTable::kParcels, keys[i]);
        work.rows.push_back({i, "", true});
        continue;
      }
      // What it has added to scorecards may be damaged, too.
      absl::Status status = Settle(keys[i], i, now, record, tx, work, changes);
      if (absl::IsDataLoss(status)) {
        if (!leaves_damaged) return DamagedParcel(keys[i].key);
        journal.resize(journal_before);
        work.damaged.push_back(i);
        continue;
      }
      if (!status.ok()) return status;
      changed = true;
      std::string row = record.Serialize();
      work.rows.push_back({i, row, true});
      tx.Put(ParcelTable::kParcels, keys[i], std::move(row));
      if (work.rows.size() % kSentAhead == 0) tx.SendAhead();
    }
    begin = i;
    Work::Bucket& done = work.buckets.emplace_back();
    done.bucket = bucket;
    done.sequence = tx.state(bucket).sequence;
    if (!changed) continue;
    done.appended = true;
    done.has_journal = !journal.empty();
    done.changes = changes.TakeDays();
    tx.Append(bucket, std::move(journal), SerializeChanges(done.changes));
  }
  // What was read and stays as it is is worth keeping too.
  size_t written = 0;
  const size_t rows = work.rows.size();
  for (size_t i = 0; i < missing_at.size(); ++i) {
    while (written < rows && work.rows[written].key < missing_at[i]) ++written;
    if (written < rows && work.rows[written].key == missing_at[i]) continue;
    work.rows.push_back({missing_at[i], std::move(fetched[i]).value_or(""), false});
  }
  return absl::OkStatus();
}

void ParcelLedger::Committed(absl::Span<const BucketKey> keys, Work& work) {
  KeeperChange change;
  for (Work::Bucket& bucket : work.buckets) {
    const auto number = static_cast<size_t>(bucket.bucket);
    if (sequences_[number] != bucket.sequence) ++interruptions_[number];
    sequences_[number] = bucket.sequence + (bucket.appended ? 1 : 0);
    if (!bucket.appended) continue;
    cache_.Advance(bucket.bucket, bucket.sequence + 1);
    book_.Committed(bucket.bucket, bucket.sequence + 1, bucket.changes);
    if (!listener_) continue;
    if (bucket.has_journal) change.journals.emplace_back(bucket.bucket, bucket.sequence + 1);
    for (const ScorecardChanges::Row& row : bucket.changes) {
      // Rows of a value lie side by side.
      if (change.scorecards.empty() || change.scorecards.back().first != row.dimension ||
          change.scorecards.back().second != row.value) {
        change.scorecards.emplace_back(row.dimension, row.value);
      }
    }
  }
  for (Work::Row& row : work.rows) {
    if (listener_ && row.written) {
      change.parcels.push_back(absl::StrCat("parcels/", keys[row.key].key));
    }
    cache_.Put(keys[row.key].bucket, keys[row.key].key, std::move(row.record));
  }
  if (count_listener_) {
    for (const Count& count : work.counts) {
      count_listener_(keys[count.key].bucket, keys[count.key].key, count.dimensions, count.change);
    }
  }
  if (listener_ && !change.parcels.empty()) {
    if (work.buckets.size() > 1) {
      std::sort(change.scorecards.begin(), change.scorecards.end());
      change.scorecards.erase(std::unique(change.scorecards.begin(), change.scorecards.end()),
                              change.scorecards.end());
    }
    listener_(change);
  }
}

absl::Status ParcelLedger::Change(absl::Span<const BucketKey> keys, absl::Time now, Visitor visitor,
                                  std::vector<size_t>* damaged) {
  if (damaged != nullptr) damaged->clear();
  if (keys.empty()) return absl::OkStatus();
  std::vector<int> buckets;
  for (const BucketKey& key : keys) {
    if (buckets.empty() || buckets.back() != key.bucket) buckets.push_back(key.bucket);
  }
  Work work;
  absl::Status status =
      store_.Write(buckets, [&, leaves_damaged = damaged != nullptr](ParcelTransaction& tx) {
        return Run(keys, now, visitor, leaves_damaged, tx, work);
      });
  if (!status.ok()) {
    for (const int bucket : buckets) {
      cache_.Drop(bucket);
      sequences_[static_cast<size_t>(bucket)] = -1;
    }
    return status;
  }
  Committed(keys, work);
  if (damaged != nullptr) *damaged = std::move(work.damaged);
  for (const int bucket : buckets) {
    // One that fails is done by a later commit.
    if (book_.IsFull(bucket)) book_.Fold(bucket).IgnoreError();
  }
  return absl::OkStatus();
}

}  // namespace caravan::logistics
