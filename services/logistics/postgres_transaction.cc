#include "services/logistics/postgres_transaction.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace caravan::logistics {
namespace {

const ParcelStatements& Sql() { return ParcelStatements::Get(); }

// Sends rows of one bucket by statements of many rows each.
template <typename Row, typename AddRow>
void SendSized(PostgresPipeline& pipeline, const SizedStatement& statement, int bucket,
               absl::Span<const Row> rows, AddRow add) {
  while (!rows.empty()) {
    const SizedStatement::Chosen chosen = statement.For(rows.size());
    PostgresParams params;
    params.Int4(bucket);
    for (const Row& row : rows.first(chosen.rows)) add(row, params);
    pipeline.Send(chosen.statement, params);
    rows.remove_prefix(chosen.rows);
  }
}

// The next of rows that are of one bucket.
template <typename Row>
absl::Span<const Row> TakeBucket(absl::Span<const Row>* rows) {
  size_t size = 0;
  while (size < rows->size() && (*rows)[size].bucket == rows->front().bucket) ++size;
  const absl::Span<const Row> taken = rows->first(size);
  rows->remove_prefix(size);
  return taken;
}

}  // namespace

KeysByBucket::KeysByBucket(absl::Span<const BucketKey> keys) : keys_(keys) {
  for (size_t i = 0; i < keys.size(); ++i) order_.push_back(i);
  std::sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
    return std::tie(keys[a].bucket, keys[a].key) < std::tie(keys[b].bucket, keys[b].key);
  });
}

size_t KeysByBucket::Send(PostgresPipeline& pipeline, const ParcelStatement& get) const {
  size_t sent = 0;
  for (size_t begin = 0; begin < order_.size();) {
    const int bucket = At(begin).bucket;
    std::vector<std::string_view> keys;
    size_t end = begin;
    for (; end < order_.size() && At(end).bucket == bucket; ++end) {
      if (keys.empty() || keys.back() != At(end).key) keys.push_back(At(end).key);
    }
    pipeline.Send(get, PostgresParams().Int4(bucket).Byteas(keys));
    ++sent;
    begin = end;
  }
  return sent;
}

PostgresRecords KeysByBucket::Take(absl::Span<const PostgresRows> results) const {
  PostgresRecords records(keys_.size());
  size_t at = 0;
  for (const PostgresRows& rows : results) {
    const int bucket = At(at).bucket;
    // They come in the order in which they were asked for, so there is nothing to sort, most
    // likely.
    std::vector<int> by_key(rows.size());
    std::iota(by_key.begin(), by_key.end(), 0);
    const auto ascending = [&](int a, int b) { return rows.Bytes(a, 0) < rows.Bytes(b, 0); };
    if (!std::is_sorted(by_key.begin(), by_key.end(), ascending)) {
      std::sort(by_key.begin(), by_key.end(), ascending);
    }
    auto row = by_key.begin();
    for (; at < order_.size() && At(at).bucket == bucket; ++at) {
      while (row != by_key.end() && rows.Bytes(*row, 0) < At(at).key) ++row;
      if (row != by_key.end() && rows.Bytes(*row, 0) == At(at).key) {
        records[order_[at]] = std::string(rows.Bytes(*row, 1));
      }
    }
  }
  return records;
}

std::vector<SequencedRecord> ToSequencedRecords(const PostgresRows& rows) {
  std::vector<SequencedRecord> records;
  for (int row = 0; row < rows.size(); ++row) {
    records.push_back({rows.Integer(row, 0), std::string(rows.Bytes(row, 1))});
  }
  return records;
}

absl::StatusOr<PostgresRecords> PostgresTransaction::Get(ParcelTable table,
                                                         absl::Span<const BucketKey> keys) {
  if (absl::Status status = CheckLocked(keys); !status.ok()) return status;
  const KeysByBucket by_bucket(keys);
  const size_t sent = by_bucket.Send(pipeline_, Sql().tables[static_cast<size_t>(table)].get);
  absl::StatusOr<PostgresResults> results = pipeline_.Sync();
  if (!results.ok()) return results.status();
  // Before these come the results of what was sent ahead.
  return by_bucket.Take(absl::MakeConstSpan(*results).last(sent));
}

absl::StatusOr<std::vector<SequencedRecord>> PostgresTransaction::GetChanges(int bucket) {
  if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
  pipeline_.Send(Sql().read_changes, PostgresParams().Int4(bucket).Int8(state(bucket).folded));
  absl::StatusOr<PostgresResults> results = pipeline_.Sync();
  if (!results.ok()) return results.status();
  return ToSequencedRecords(results->back());
}

absl::StatusOr<PostgresRecords> PostgresTransaction::GetScorecards(
    int bucket, absl::Span<const ScorecardRow> keys) {
  if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
  std::vector<int32_t> dimensions, days;
  std::vector<std::string_view> values;
  for (const ScorecardRow& key : keys) {
    dimensions.push_back(key.dimension);
    values.push_back(key.value);
    days.push_back(key.day);
  }
  pipeline_.Send(Sql().get_scorecards,
                 PostgresParams().Int4(bucket).Int4s(dimensions).Byteas(values).Int4s(days));
  absl::StatusOr<PostgresResults> results = pipeline_.Sync();
  if (!results.ok()) return results.status();
  const PostgresRows& rows = results->back();
  absl::flat_hash_map<std::tuple<int64_t, std::string_view, int64_t>, int> found;
  for (int row = 0; row < rows.size(); ++row) {
    found[{rows.Integer(row, 0), rows.Bytes(row, 1), rows.Integer(row, 2)}] = row;
  }
  PostgresRecords records(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    auto it = found.find({keys[i].dimension, keys[i].value, keys[i].day});
    if (it != found.end()) records[i] = std::string(rows.Bytes(it->second, 3));
  }
  return records;
}

void PostgresTransaction::SendRows(size_t table, absl::Span<const ParcelWrites::Row> rows) {
  const ParcelStatements::Table& sql = Sql().tables[table];
  const int bucket = rows.front().bucket;
  std::vector<std::string_view> removed;
  std::vector<const ParcelWrites::Row*> put;
  for (const ParcelWrites::Row& row : rows) {
    if (row.record.has_value()) {
      put.push_back(&row);
    } else {
      removed.push_back(row.key);
    }
  }
  if (!removed.empty()) pipeline_.Send(sql.remove, PostgresParams().Int4(bucket).Byteas(removed));
  SendSized(pipeline_, sql.put, bucket, absl::MakeConstSpan(put),
            [](const ParcelWrites::Row* row, PostgresParams& params) {
              params.Bytes(row->key).Bytes(*row->record);
            });
}

void PostgresTransaction::SendTimers(absl::Span<const ParcelWrites::Timer> timers) {
  const int bucket = timers.front().bucket;
  std::vector<const ParcelWrites::Timer*> added;
  for (const ParcelWrites::Timer& timer : timers) {
    if (timer.add) {
      added.push_back(&timer);
    } else {
      pipeline_.Send(Sql().remove_timer,
                     PostgresParams().Int4(bucket).Int8(timer.time).Bytes(timer.parcel));
    }
  }
  SendSized(pipeline_, Sql().add_timers, bucket, absl::MakeConstSpan(added),
            [](const ParcelWrites::Timer* timer, PostgresParams& params) {
              params.Int8(timer->time).Bytes(timer->parcel);
            });
}

void PostgresTransaction::SendBucket(const ParcelWrites::Bucket& written, int32_t day) {
  if (written.before == written.after && !written.folds) return;
  const int bucket = written.bucket;
  const int64_t sequence = written.after.sequence;
  if (!written.journal.empty()) {
    pipeline_.Send(Sql().append_journal,
                   PostgresParams().Int4(bucket).Int8(sequence).Int4(day).Bytes(written.journal));
  }
  if (!written.changes.empty()) {
    pipeline_.Send(Sql().append_changes,
                   PostgresParams().Int4(bucket).Int8(sequence).Bytes(written.changes));
  }
  if (written.folds) pipeline_.Send(Sql().remove_changes, PostgresParams().Int4(bucket));
  SendSized(pipeline_, Sql().put_scorecards, bucket, absl::MakeConstSpan(written.scorecards),
            [](const ScorecardRow& row, PostgresParams& params) {
              params.Int4(row.dimension).Bytes(row.value).Int4(row.day).Bytes(row.record);
            });
  pipeline_.Send(Sql().set_state,
                 PostgresParams().Int4(bucket).Int8(sequence).Int8(written.after.folded));
}

void PostgresTransaction::SendAhead() {
  const ParcelWrites writes = TakeRows();
  if (writes.empty()) return;
  SendWrites(writes, 0);
  pipeline_.Flush();
  sent_ahead_ = true;
}

void PostgresTransaction::SendWrites(const ParcelWrites& writes, int32_t day) {
  for (size_t table = 0; table < writes.rows.size(); ++table) {
    absl::Span<const ParcelWrites::Row> rows = writes.rows[table];
    while (!rows.empty()) SendRows(table, TakeBucket(&rows));
  }
  absl::Span<const ParcelWrites::Timer> timers = writes.timers;
  while (!timers.empty()) SendTimers(TakeBucket(&timers));
  for (const ParcelWrites::Bucket& bucket : writes.buckets) SendBucket(bucket, day);
}

}  // namespace caravan::logistics
