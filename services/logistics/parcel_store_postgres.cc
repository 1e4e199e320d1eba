#include "services/logistics/parcel_store_postgres.h"

#include <stdio.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_errors.h"
#include "services/logistics/connection_pool.h"
#include "services/logistics/parcel_statements.h"
#include "services/logistics/parcel_writes.h"
#include "services/logistics/postgres_pipeline.h"

namespace caravan::logistics {
namespace {

using Pool = ConnectionPool<PostgresPipeline>;
using Records = std::vector<std::optional<std::string>>;
using Results = std::vector<PostgresRows>;

constexpr int kDefaultBuckets = 16;
// How often something is begun again on a new connection, where the old one broke.
constexpr int kAttempts = 3;

const ParcelStatements& Sql() { return ParcelStatements::Get(); }

const ParcelStatements::Table& Sql(ParcelTable table) {
  return Sql().tables[static_cast<size_t>(table)];
}

// Keys by their buckets, so that one statement reads those of each.
class KeysByBucket {
 public:
  explicit KeysByBucket(absl::Span<const BucketKey> keys) : keys_(keys) {
    for (size_t i = 0; i < keys.size(); ++i) order_.push_back(i);
    std::sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
      return std::tie(keys[a].bucket, keys[a].key) < std::tie(keys[b].bucket, keys[b].key);
    });
  }

  void Send(PostgresPipeline& pipeline, const ParcelStatement& get) const {
    for (size_t begin = 0; begin < order_.size();) {
      const int bucket = At(begin).bucket;
      std::vector<std::string_view> keys;
      size_t end = begin;
      for (; end < order_.size() && At(end).bucket == bucket; ++end) {
        if (keys.empty() || keys.back() != At(end).key) keys.push_back(At(end).key);
      }
      pipeline.Send(get, PostgresParams().Int4(bucket).Byteas(keys));
      begin = end;
    }
  }

  // Both the keys and the rows of a bucket ascend.
  Records Take(const Results& results) const {
    Records records(keys_.size());
    size_t at = 0;
    for (const PostgresRows& rows : results) {
      const int bucket = At(at).bucket;
      int row = 0;
      for (; at < order_.size() && At(at).bucket == bucket; ++at) {
        while (row < rows.size() && rows.Bytes(row, 0) < At(at).key) ++row;
        if (row < rows.size() && rows.Bytes(row, 0) == At(at).key) {
          records[order_[at]] = std::string(rows.Bytes(row, 1));
        }
      }
    }
    return records;
  }

 private:
  const BucketKey& At(size_t i) const { return keys_[order_[i]]; }

  const absl::Span<const BucketKey> keys_;
  std::vector<size_t> order_;
};

std::vector<SequencedRecord> Sequenced(const PostgresRows& rows) {
  std::vector<SequencedRecord> records;
  for (int row = 0; row < rows.size(); ++row) {
    records.push_back({rows.Integer(row, 0), std::string(rows.Bytes(row, 1))});
  }
  return records;
}

class PostgresTransaction : public GatheringTransaction {
 public:
  PostgresTransaction(PostgresPipeline* pipeline, absl::Span<const int> buckets,
                      absl::Span<const BucketState> states)
      : GatheringTransaction(buckets, states), pipeline_(*pipeline) {}

  absl::StatusOr<Records> Get(ParcelTable table, absl::Span<const BucketKey> keys) override {
    if (absl::Status status = CheckLocked(keys); !status.ok()) return status;
    const KeysByBucket by_bucket(keys);
    by_bucket.Send(pipeline_, Sql(table).get);
    absl::StatusOr<Results> results = pipeline_.Sync();
    if (!results.ok()) return results.status();
    Records records = by_bucket.Take(*results);
    for (size_t i = 0; i < keys.size(); ++i) {
      if (records[i].has_value()) present_[static_cast<size_t>(table)].insert(keys[i]);
    }
    return records;
  }

  absl::StatusOr<std::vector<SequencedRecord>> GetChanges(int bucket) override {
    if (absl::Status status = CheckLocked(bucket); !status.ok()) return status;
    pipeline_.Send(Sql().read_changes, PostgresParams().Int4(bucket).Int8(state(bucket).folded));
    absl::StatusOr<Results> results = pipeline_.Sync();
    if (!results.ok()) return results.status();
    return Sequenced(results->back());
  }

  absl::StatusOr<Records> GetScorecards(int bucket, absl::Span<const ScorecardRow> keys) override {
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
    absl::StatusOr<Results> results = pipeline_.Sync();
    if (!results.ok()) return results.status();
    const PostgresRows& rows = results->back();
    absl::flat_hash_map<std::tuple<int64_t, std::string_view, int64_t>, int> found;
    for (int row = 0; row < rows.size(); ++row) {
      found[{rows.Integer(row, 0), rows.Bytes(row, 1), rows.Integer(row, 2)}] = row;
    }
    Records records(keys.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      auto it = found.find({keys[i].dimension, keys[i].value, keys[i].day});
      if (it != found.end()) records[i] = std::string(rows.Bytes(it->second, 3));
    }
    return records;
  }

  // Whether a key was read in this transaction, and there: the lock of its bucket
  // keeps it there.
  bool IsPresent(size_t table, int bucket, const std::string& key) const {
    return !present_[table].empty() && present_[table].contains(BucketKey{bucket, key});
  }

 private:
  PostgresPipeline& pipeline_;
  std::array<absl::flat_hash_set<BucketKey>, kParcelTables> present_;
};

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

void SendRows(PostgresPipeline& pipeline, const PostgresTransaction& tx, size_t table,
              absl::Span<const ParcelWrites::Row> rows) {
  const ParcelStatements::Table& sql = Sql().tables[table];
  const int bucket = rows.front().bucket;
  std::vector<std::string_view> removed, updated, records;
  std::vector<const ParcelWrites::Row*> put;
  for (const ParcelWrites::Row& row : rows) {
    if (!row.record.has_value()) {
      removed.push_back(row.key);
    } else if (tx.IsPresent(table, bucket, row.key)) {
      // An update costs less than an upsert.
      updated.push_back(row.key);
      records.push_back(*row.record);
    } else {
      put.push_back(&row);
    }
  }
  if (!removed.empty()) pipeline.Send(sql.remove, PostgresParams().Int4(bucket).Byteas(removed));
  if (!updated.empty()) {
    pipeline.Send(sql.update, PostgresParams().Int4(bucket).Byteas(updated).Byteas(records));
  }
  SendSized(pipeline, sql.put, bucket, absl::MakeConstSpan(put),
            [](const ParcelWrites::Row* row, PostgresParams& params) {
              params.Bytes(row->key).Bytes(*row->record);
            });
}

void SendTimers(PostgresPipeline& pipeline, absl::Span<const ParcelWrites::Timer> timers) {
  const int bucket = timers.front().bucket;
  std::vector<int64_t> times;
  std::vector<std::string_view> parcels;
  std::vector<const ParcelWrites::Timer*> added;
  for (const ParcelWrites::Timer& timer : timers) {
    if (timer.add) {
      added.push_back(&timer);
    } else {
      times.push_back(timer.time);
      parcels.push_back(timer.parcel);
    }
  }
  if (!times.empty()) {
    pipeline.Send(Sql().remove_timers, PostgresParams().Int4(bucket).Int8s(times).Byteas(parcels));
  }
  SendSized(pipeline, Sql().add_timers, bucket, absl::MakeConstSpan(added),
            [](const ParcelWrites::Timer* timer, PostgresParams& params) {
              params.Int8(timer->time).Bytes(timer->parcel);
            });
}

void SendBucket(PostgresPipeline& pipeline, const ParcelWrites::Bucket& written, int32_t day) {
  if (written.before == written.after && !written.folds) return;
  const int bucket = written.bucket;
  const int64_t sequence = written.after.sequence;
  if (!written.journal.empty()) {
    pipeline.Send(Sql().append_journal,
                  PostgresParams().Int4(bucket).Int8(sequence).Int4(day).Bytes(written.journal));
  }
  if (!written.changes.empty()) {
    pipeline.Send(Sql().append_changes,
                  PostgresParams().Int4(bucket).Int8(sequence).Bytes(written.changes));
  }
  if (written.folds) pipeline.Send(Sql().remove_changes, PostgresParams().Int4(bucket));
  SendSized(pipeline, Sql().put_scorecards, bucket, absl::MakeConstSpan(written.scorecards),
            [](const ScorecardRow& row, PostgresParams& params) {
              params.Int4(row.dimension).Bytes(row.value).Int4(row.day).Bytes(row.record);
            });
  pipeline.Send(Sql().set_state,
                PostgresParams().Int4(bucket).Int8(sequence).Int8(written.after.folded));
}

void SendWrites(PostgresPipeline& pipeline, const PostgresTransaction& tx,
                const ParcelWrites& writes, int32_t day) {
  for (size_t table = 0; table < writes.rows.size(); ++table) {
    absl::Span<const ParcelWrites::Row> rows = writes.rows[table];
    while (!rows.empty()) SendRows(pipeline, tx, table, TakeBucket(&rows));
  }
  absl::Span<const ParcelWrites::Timer> timers = writes.timers;
  while (!timers.empty()) SendTimers(pipeline, TakeBucket(&timers));
  for (const ParcelWrites::Bucket& bucket : writes.buckets) SendBucket(pipeline, bucket, day);
}

class PostgresParcelStore : public ParcelStore {
 public:
  PostgresParcelStore(const std::string& connection, const PostgresParcelOptions& options)
      : options_(options),
        settings_({.connection = connection,
                   .schema = options.schema,
                   .idle_timeout = options.idle_timeout,
                   .log = options.log}),
        readers_(std::max(options.readers, 1),
                 [this] { return PostgresPipeline::Open(settings_); }),
        writers_(std::max(options.writers, 1),
                 [this] { return PostgresPipeline::Open(settings_); }) {}

  // Makes the tables where there are none.
  absl::Status Start();

  int buckets() const override { return buckets_; }

  absl::Status Write(absl::Span<const int> buckets,
                     absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) override;

  absl::StatusOr<Records> Get(ParcelTable table, absl::Span<const BucketKey> keys) override;
  absl::Status Scan(
      ParcelTable table, int bucket, std::string_view after, int64_t limit,
      absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) override;
  absl::StatusOr<std::vector<ParcelTimer>> DueTimers(absl::Time now, int64_t limit) override;
  absl::StatusOr<JournalPage> ReadJournal(int bucket, int64_t after, int64_t limit) override;
  absl::StatusOr<std::vector<BucketScorecards>> ReadScorecards(
      const ScorecardRange& range, absl::Span<const int64_t> seen) override;
  absl::StatusOr<std::vector<BucketState>> ReadStates() override;
  absl::Status ExpireJournal(absl::Time before) override;
  absl::Status Healthy() override;

 private:
  // Sends statements on a connection of a pool, and waits for their results; on a new
  // connection where the old one had broken.
  absl::StatusOr<Results> Run(Pool& pool, absl::FunctionRef<void(PostgresPipeline&)> send);
  // One attempt at a transaction. `again` says that the connection broke before the
  // commit.
  absl::Status TryWrite(absl::Span<const int> buckets, int32_t day,
                        absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body, bool* again);
  absl::Status CreateTables(PostgresPipeline& pipeline);
  // Makes the partition for a time, and the one after it, so that it is there in time.
  absl::Status EnsurePartitions(absl::Time now);

  const PostgresParcelOptions options_;
  const PostgresPipelineSettings settings_;
  int buckets_ = 0;
  Pool readers_;
  Pool writers_;
  absl::Mutex partitions_mutex_;
  std::set<absl::CivilMonth> partitions_ ABSL_GUARDED_BY(partitions_mutex_);
};

absl::StatusOr<Results> PostgresParcelStore::Run(Pool& pool,
                                                 absl::FunctionRef<void(PostgresPipeline&)> send) {
  absl::StatusOr<Results> results;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto pipeline = pool.Take();
    if (!pipeline.ok()) return pipeline.status();
    send(**pipeline);
    results = (*pipeline)->Sync();
    if (results.ok() || (*pipeline)->usable()) break;
    // As this one broke, so have the others, most likely.
    pool.CloseIdle();
  }
  return results;
}

absl::Status PostgresParcelStore::CreateTables(PostgresPipeline& pipeline) {
  absl::StatusOr<int> buckets = BucketsToMake(options_, kDefaultBuckets);
  if (!buckets.ok()) return buckets.status();
  pipeline.Send(Sql().begin);
  pipeline.SendOnce(LockSchemaSql());
  for (const std::string& sql : CreateTablesSql(options_.schema)) pipeline.SendOnce(sql);
  pipeline.Send(Sql().read_meta);
  absl::StatusOr<Results> results = pipeline.Sync();
  if (!results.ok()) return results.status();
  int64_t format = kParcelFormat, count = *buckets;
  if (results->back().size() == 1) {
    count = results->back().Integer(0, 0);
    format = results->back().Integer(0, 1);
  } else {
    if (options_.citus) {
      for (const std::string& sql : DistributeTablesSql()) pipeline.SendOnce(sql);
    }
    for (int bucket = 0; bucket < count; ++bucket) {
      pipeline.Send(Sql().make_bucket, PostgresParams().Int4(bucket));
    }
    pipeline.Send(Sql().write_meta,
                  PostgresParams().Int4(static_cast<int32_t>(count)).Int8(kParcelFormat));
  }
  pipeline.Send(Sql().commit);
  if (absl::Status status = pipeline.Sync().status(); !status.ok()) return status;
  buckets_ = static_cast<int>(count);
  return CheckFormat(format, count);
}

absl::Status PostgresParcelStore::Start() {
  absl::StatusOr<std::unique_ptr<PostgresPipeline>> pipeline = PostgresPipeline::Open(settings_);
  if (!pipeline.ok()) return pipeline.status();
  if (absl::Status status = CreateTables(**pipeline); !status.ok()) return status;
  return EnsurePartitions(options_.clock());
}

absl::Status PostgresParcelStore::EnsurePartitions(absl::Time now) {
  const absl::CivilMonth month(absl::ToCivilDay(now, absl::UTCTimeZone()));
  absl::MutexLock lock(&partitions_mutex_);
  if (partitions_.contains(month) && partitions_.contains(month + 1)) return absl::OkStatus();
  const absl::Status status = Run(writers_, [&](PostgresPipeline& pipeline) {
                                pipeline.SendOnce(LockSchemaSql());
                                pipeline.SendOnce(CreatePartitionSql(month));
                                pipeline.SendOnce(CreatePartitionSql(month + 1));
                              }).status();
  if (!status.ok()) return status;
  partitions_.insert({month, month + 1});
  return absl::OkStatus();
}

absl::Status PostgresParcelStore::TryWrite(
    absl::Span<const int> buckets, int32_t day,
    absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body, bool* again) {
  *again = false;
  auto lease = writers_.Take();
  if (!lease.ok()) return lease.status();
  PostgresPipeline& pipeline = **lease;
  pipeline.Send(Sql().begin);
  for (int bucket : buckets) pipeline.Send(Sql().lock, PostgresParams().Int4(bucket));
  absl::StatusOr<Results> results = pipeline.Sync();
  absl::Status status = results.status();
  std::vector<BucketState> states;
  if (status.ok()) {
    for (size_t i = 0; i < buckets.size(); ++i) {
      const PostgresRows& rows = (*results)[i + 1];
      if (rows.size() != 1) status = store::StatementError();
      if (status.ok()) states.push_back({rows.Integer(0, 0), rows.Integer(0, 1)});
    }
  }
  bool committing = false;
  if (status.ok()) {
    PostgresTransaction tx(&pipeline, buckets, states);
    status = body(tx);
    absl::StatusOr<ParcelWrites> writes;
    if (status.ok()) writes = tx.Finish();
    if (status.ok()) status = writes.status();
    if (status.ok() && !writes->empty()) {
      SendWrites(pipeline, tx, *writes, day);
      pipeline.Send(Sql().commit);
      committing = true;
      status = pipeline.Sync().status();
      if (status.ok()) return status;
    }
  }
  if (pipeline.usable()) {
    // After an error, this lies behind a Sync, or it would be skipped.
    pipeline.Send(Sql().rollback);
    pipeline.Sync().IgnoreError();
    return status;
  }
  if (!store::IsDatabaseAway(status)) return status;
  writers_.CloseIdle();
  if (committing) return store::CommitUnknownError();
  *again = true;
  return status;
}

absl::Status PostgresParcelStore::Write(
    absl::Span<const int> buckets, absl::FunctionRef<absl::Status(ParcelTransaction& tx)> body) {
  if (absl::Status status = CheckBuckets(buckets, buckets_); !status.ok()) return status;
  const absl::Time now = options_.clock();
  if (absl::Status status = EnsurePartitions(now); !status.ok()) return status;
  absl::Status status;
  bool again = true;
  for (int attempt = 0; attempt < kAttempts && again; ++attempt) {
    status = TryWrite(buckets, DayOf(now), body, &again);
  }
  return status;
}

absl::StatusOr<Records> PostgresParcelStore::Get(ParcelTable table,
                                                 absl::Span<const BucketKey> keys) {
  if (absl::Status status = CheckKeys(keys, buckets_); !status.ok()) return status;
  const KeysByBucket by_bucket(keys);
  absl::StatusOr<Results> results =
      Run(readers_, [&](PostgresPipeline& pipeline) { by_bucket.Send(pipeline, Sql(table).get); });
  if (!results.ok()) return results.status();
  return by_bucket.Take(*results);
}

absl::Status PostgresParcelStore::Scan(
    ParcelTable table, int bucket, std::string_view after, int64_t limit,
    absl::FunctionRef<bool(std::string_view key, std::string_view record)> visit) {
  if (absl::Status status = CheckBucket(bucket, buckets_); !status.ok()) return status;
  auto fetch = [&](std::string_view last, int64_t wanted) -> absl::StatusOr<ParcelPage> {
    absl::StatusOr<Results> results = Run(readers_, [&](PostgresPipeline& pipeline) {
      pipeline.Send(Sql(table).scan, PostgresParams().Int4(bucket).Bytes(last).Int8(wanted));
    });
    if (!results.ok()) return results.status();
    const PostgresRows& rows = results->back();
    ParcelPage page;
    for (int row = 0; row < rows.size(); ++row) {
      page.emplace_back(rows.Bytes(row, 0), rows.Bytes(row, 1));
    }
    return page;
  };
  return ScanByPages(after, limit, fetch, visit);
}

absl::StatusOr<std::vector<ParcelTimer>> PostgresParcelStore::DueTimers(absl::Time now,
                                                                        int64_t limit) {
  std::vector<ParcelTimer> timers;
  if (limit <= 0) return timers;
  absl::StatusOr<Results> results = Run(readers_, [&](PostgresPipeline& pipeline) {
    for (int bucket = 0; bucket < buckets_; ++bucket) {
      pipeline.Send(Sql().due_timers,
                    PostgresParams().Int4(bucket).Int8(absl::ToUnixMicros(now)).Int8(limit));
    }
  });
  if (!results.ok()) return results.status();
  for (const PostgresRows& rows : *results) {
    for (int row = 0; row < rows.size(); ++row) {
      timers.push_back(
          {absl::FromUnixMicros(rows.Integer(row, 0)), std::string(rows.Bytes(row, 1))});
    }
  }
  KeepEarliest(limit, &timers);
  return timers;
}

absl::StatusOr<ParcelStore::JournalPage> PostgresParcelStore::ReadJournal(int bucket, int64_t after,
                                                                          int64_t limit) {
  if (absl::Status status = CheckBucket(bucket, buckets_); !status.ok()) return status;
  absl::StatusOr<Results> results = Run(readers_, [&](PostgresPipeline& pipeline) {
    pipeline.Send(Sql().read_journal,
                  PostgresParams().Int4(bucket).Int8(after).Int8(std::max<int64_t>(limit, 0)));
    // Read last: what expires meanwhile is said to be gone.
    pipeline.Send(Sql().oldest, PostgresParams().Int4(bucket));
  });
  if (!results.ok()) return results.status();
  if (results->back().size() != 1) return store::StatementError();
  JournalPage page{Sequenced(results->front()), results->back().Integer(0, 0)};
  // What is about to be dropped.
  std::erase_if(page.rows, [&](const SequencedRecord& row) { return row.sequence < page.oldest; });
  return page;
}

absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> PostgresParcelStore::ReadScorecards(
    const ScorecardRange& range, absl::Span<const int64_t> seen) {
  if (absl::Status status = CheckSeen(seen, buckets_); !status.ok()) return status;
  absl::StatusOr<Results> results = Run(readers_, [&](PostgresPipeline& pipeline) {
    for (int bucket = 0; bucket < buckets_; ++bucket) {
      pipeline.Send(Sql().read_scorecards, PostgresParams()
                                               .Int4(bucket)
                                               .Int4(range.dimension)
                                               .Bytes(range.first_value)
                                               .Bytes(range.last_value)
                                               .Int4(range.begin_day)
                                               .Int4(range.end_day)
                                               .Int8(seen[bucket]));
    }
  });
  if (!results.ok()) return results.status();
  std::vector<BucketScorecards> all(buckets_);
  for (int bucket = 0; bucket < buckets_; ++bucket) {
    const PostgresRows& rows = (*results)[bucket];
    BucketScorecards& its = all[bucket];
    for (int row = 0; row < rows.size(); ++row) {
      const int64_t number = rows.Integer(row, 1);
      switch (rows.Integer(row, 0)) {
        case 0:
          its.state = {number, rows.Integer(row, 2)};
          break;
        case 1:
          its.rows.push_back({range.dimension, std::string(rows.Bytes(row, 3)),
                              static_cast<int32_t>(number), std::string(rows.Bytes(row, 4))});
          break;
        default:
          its.changes.push_back({number, std::string(rows.Bytes(row, 4))});
      }
    }
    // Where each part went along its index, this finds them sorted.
    const auto by_value = [](const ScorecardRow& a, const ScorecardRow& b) {
      return std::tie(a.value, a.day) < std::tie(b.value, b.day);
    };
    if (!std::is_sorted(its.rows.begin(), its.rows.end(), by_value)) {
      std::sort(its.rows.begin(), its.rows.end(), by_value);
    }
    std::sort(its.changes.begin(), its.changes.end(),
              [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
  }
  return all;
}

absl::StatusOr<std::vector<BucketState>> PostgresParcelStore::ReadStates() {
  absl::StatusOr<Results> results =
      Run(readers_, [&](PostgresPipeline& pipeline) { pipeline.Send(Sql().states); });
  if (!results.ok()) return results.status();
  const PostgresRows& rows = results->back();
  std::vector<BucketState> states(buckets_);
  for (int row = 0; row < rows.size(); ++row) {
    const int64_t bucket = rows.Integer(row, 0);
    if (bucket < buckets_) states[bucket] = {rows.Integer(row, 1), rows.Integer(row, 2)};
  }
  return states;
}

absl::Status PostgresParcelStore::ExpireJournal(absl::Time before) {
  absl::StatusOr<Results> listed =
      Run(readers_, [&](PostgresPipeline& pipeline) { pipeline.SendOnce(ListPartitionsSql()); });
  if (!listed.ok()) return listed.status();
  // The month of the last one goes by its first day.
  const int32_t day = DayOf(before);
  std::vector<std::string> gone;
  int32_t stays = std::numeric_limits<int32_t>::min();
  for (int row = 0; row < listed->back().size(); ++row) {
    const std::string name(listed->back().Bytes(row, 0));
    const std::optional<absl::CivilMonth> month = MonthOfPartition(name);
    if (!month.has_value()) continue;
    const int32_t end = DayOf(absl::FromCivil(*month + 1, absl::UTCTimeZone()));
    if (end > day) continue;
    gone.push_back(name);
    stays = std::max(stays, end);
  }
  if (gone.empty()) return absl::OkStatus();
  // First it is said, then done: a reader never finds rows missing that are not said
  // to be.
  for (int bucket = 0; bucket < buckets_; ++bucket) {
    absl::Status status =
        Run(writers_, [&](PostgresPipeline& pipeline) {
          pipeline.Send(Sql().set_oldest, PostgresParams().Int4(bucket).Int4(stays));
        }).status();
    if (!status.ok()) return status;
  }
  for (const std::string& name : gone) {
    {
      absl::MutexLock lock(&partitions_mutex_);
      partitions_.erase(*MonthOfPartition(name));
    }
    absl::Status status = Run(writers_, [&](PostgresPipeline& pipeline) {
                            pipeline.SendOnce(DropPartitionSql(name));
                          }).status();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PostgresParcelStore::Healthy() {
  return Run(writers_, [&](PostgresPipeline& pipeline) { pipeline.Send(Sql().check); }).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ParcelStore>> OpenPostgresParcelStoreWith(
    const std::string& connection, PostgresParcelOptions options) {
  if (!options.log) {
    options.log = [](std::string_view line) {
      fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    };
  }
  if (options.schema.empty() || absl::StrContains(options.schema, '"') ||
      options.schema.size() > 63) {
    return api::Error(absl::StatusCode::kInvalidArgument, "INVALID_STORE",
                      "the schema's name must have 1 to 63 bytes, without quotation marks");
  }
  auto store = std::make_unique<PostgresParcelStore>(connection, options);
  if (absl::Status status = store->Start(); !status.ok()) return status;
  return store;
}

absl::StatusOr<std::unique_ptr<ParcelStore>> OpenPostgresParcelStore(
    const std::string& connection, const ParcelStoreOptions& options) {
  PostgresParcelOptions all;
  static_cast<ParcelStoreOptions&>(all) = options;
  return OpenPostgresParcelStoreWith(connection, std::move(all));
}

}  // namespace caravan::logistics
