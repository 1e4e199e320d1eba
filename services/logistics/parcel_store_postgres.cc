#include "services/logistics/parcel_store_postgres.h"

#include <stdio.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "services/common/api/errors.h"
#include "services/common/store/store_errors.h"
#include "services/logistics/connection_pool.h"
#include "services/logistics/parcel_statements.h"
#include "services/logistics/parcel_writes.h"
#include "services/logistics/postgres_pipeline.h"
#include "services/logistics/postgres_transaction.h"

namespace caravan::logistics {
namespace {

using Pool = ConnectionPool<PostgresPipeline>;
using Records = PostgresRecords;
using Results = PostgresResults;

// On one machine, one: a process writes with one thread, which locks all buckets that a
// batch is of, so that more of them are only more statements. Over the machines of Citus
// they are what the work is divided by.
constexpr int kDefaultBuckets = 1, kDefaultBucketsOfCitus = 256;
// How often something is begun again on a new connection, where the old one broke.
constexpr int kAttempts = 3;

const ParcelStatements& Sql() { return ParcelStatements::Get(); }

const ParcelStatements::Table& Sql(ParcelTable table) {
  return Sql().tables[static_cast<size_t>(table)];
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
      absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) override;
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
  absl::StatusOr<int> buckets =
      BucketsToMake(options_, options_.citus ? kDefaultBucketsOfCitus : kDefaultBuckets);
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
    if (status.ok() && (!writes->empty() || tx.sent_ahead())) {
      tx.SendWrites(*writes, day);
      pipeline.Send(Sql().commit);
      committing = true;
      status = pipeline.Sync().status();
      if (status.ok()) return status;
    }
  }
  if (pipeline.usable()) {
    // After an error, this lies behind a Sync, or it would be skipped.
    if (pipeline.has_sent()) pipeline.Sync().IgnoreError();
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
  if (store::IsStatementError(status)) {
    // Perhaps another replica, whose clock is ahead, has dropped the partition.
    absl::MutexLock lock(&partitions_mutex_);
    partitions_.clear();
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
  JournalPage page{ToSequencedRecords(results->front()), results->back().Integer(0, 0)};
  // What is about to be dropped.
  std::erase_if(page.rows, [&](const SequencedRecord& row) { return row.sequence < page.oldest; });
  return page;
}

absl::StatusOr<std::vector<ParcelStore::BucketScorecards>> PostgresParcelStore::ReadScorecards(
    absl::Span<const ScorecardRange> ranges, absl::Span<const int64_t> seen) {
  if (absl::Status status = CheckSeen(seen, buckets_); !status.ok()) return status;
  if (absl::Status status = CheckRanges(ranges); !status.ok()) return status;
  // Of this dimension there is none.
  ScorecardRange nothing;
  nothing.dimension = -1;
  const auto range_at = [&](size_t i) -> const ScorecardRange& {
    return i < ranges.size() ? ranges[i] : nothing;
  };
  absl::StatusOr<Results> results = Run(readers_, [&](PostgresPipeline& pipeline) {
    for (int bucket = 0; bucket < buckets_; ++bucket) {
      PostgresParams params;
      params.Int4(bucket)
          .Int8(seen[bucket])
          .Bytes(range_at(0).first_value)
          .Bytes(range_at(0).last_value);
      for (size_t i = 0; i < kMostRanges; ++i) {
        const ScorecardRange& range = range_at(i);
        params.Int4(range.dimension).Int4(range.begin_day).Int4(range.end_day);
      }
      pipeline.Send(Sql().read_scorecards, params);
    }
  });
  if (!results.ok()) return results.status();
  std::vector<BucketScorecards> all(buckets_);
  for (int bucket = 0; bucket < buckets_; ++bucket) {
    const PostgresRows& rows = (*results)[bucket];
    BucketScorecards& its = all[bucket];
    std::vector<std::vector<ScorecardRow>> by_range(kMostRanges);
    for (int row = 0; row < rows.size(); ++row) {
      const int64_t part = rows.Integer(row, 0), number = rows.Integer(row, 1);
      if (part == -1) {
        its.state = {number, rows.Integer(row, 2)};
      } else if (part == -2) {
        its.changes.push_back({number, std::string(rows.Bytes(row, 4))});
      } else {
        const auto range = static_cast<size_t>(part);
        by_range[range].push_back({ranges[range].dimension, std::string(rows.Bytes(row, 3)),
                                   static_cast<int32_t>(number), std::string(rows.Bytes(row, 4))});
      }
    }
    // Where each part went along its index, this finds them sorted.
    const auto by_value = [](const ScorecardRow& a, const ScorecardRow& b) {
      return std::tie(a.value, a.day) < std::tie(b.value, b.day);
    };
    for (std::vector<ScorecardRow>& range : by_range) {
      if (!std::is_sorted(range.begin(), range.end(), by_value)) {
        std::sort(range.begin(), range.end(), by_value);
      }
      its.rows.insert(its.rows.end(), std::make_move_iterator(range.begin()),
                      std::make_move_iterator(range.end()));
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
