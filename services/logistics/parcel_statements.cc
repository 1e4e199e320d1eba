#include "services/logistics/parcel_statements.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace caravan::logistics {
namespace {

using Kind = ParcelStatement::Kind;

// Tables that are spread by bucket; `buckets` comes first, the others lie beside it.
constexpr std::string_view kSpread[] = {"buckets", "parcels", "numbers", "cursors",
                                        "timers",  "journal", "changes", "scorecards"};

std::string ReadScorecardsSql() {
  std::string sql =
      "SELECT -1, sequence, folded, ''::bytea, ''::bytea FROM buckets WHERE bucket = $1 UNION ALL "
      "SELECT -2, sequence, 0, ''::bytea, record FROM changes WHERE bucket = $1 AND sequence > $2";
  int next = 5;
  for (size_t range = 0; range < ParcelStore::kMostRanges; ++range, next += 3) {
    absl::StrAppend(&sql, " UNION ALL SELECT ", range,
                    ", day, 0, value, record FROM scorecards WHERE bucket = $1 AND dimension = $",
                    next, " AND value >= $3 AND value <= $4 AND day >= $", next + 1, " AND day < $",
                    next + 2);
  }
  return sql;
}

int DayOfMonth(absl::CivilMonth month) {
  return static_cast<int>(absl::CivilDay(month) - absl::CivilDay(1970, 1, 1));
}

}  // namespace

SizedStatement::Chosen SizedStatement::For(size_t rows) const {
  size_t i = 0;
  while (kSizes[i] > rows) ++i;
  return {*by_size_[i], kSizes[i]};
}

const ParcelStatements& ParcelStatements::Get() {
  static const auto& statements = *new ParcelStatements;
  return statements;
}

const ParcelStatement& ParcelStatements::Add(Kind kind, std::string sql) {
  return all_.emplace_back(ParcelStatement{static_cast<int>(all_.size()), kind, std::move(sql)});
}

const ParcelStatement& ParcelStatements::AddWithArrays(std::string sql) {
  return all_.emplace_back(
      ParcelStatement{static_cast<int>(all_.size()), Kind::kBucket, std::move(sql), true});
}

SizedStatement ParcelStatements::AddSized(std::string_view before, int columns,
                                          std::string_view after) {
  SizedStatement sized;
  for (size_t i = 0; i < SizedStatement::kSizes.size(); ++i) {
    std::string sql = absl::StrCat(before, " VALUES ");
    int next = 2;
    for (size_t row = 0; row < SizedStatement::kSizes[i]; ++row) {
      absl::StrAppend(&sql, row == 0 ? "" : ", ", "($1");
      for (int column = 0; column < columns; ++column) absl::StrAppend(&sql, ", $", next++);
      sql += ')';
    }
    sized.by_size_[i] = &Add(Kind::kBucket, absl::StrCat(sql, " ", after));
  }
  return sized;
}

ParcelStatements::Table ParcelStatements::MakeTable(std::string_view name) {
  return {
      // Key by key, along the index: of a table that is new, the planner believes that a
      // bucket has few rows, and would read all of them.
      .get = AddWithArrays(absl::StrCat(
          "SELECT found.key, found.record FROM unnest($2::bytea[]) AS wanted (key) CROSS JOIN "
          "LATERAL (SELECT key, record FROM ",
          name, " WHERE bucket = $1 AND key = wanted.key LIMIT 1) AS found")),
      .scan =
          Add(Kind::kBucket, absl::StrCat("SELECT key, record FROM ", name,
                                          " WHERE bucket = $1 AND key > $2 ORDER BY key LIMIT $3")),
      .remove =
          AddWithArrays(absl::StrCat("DELETE FROM ", name, " WHERE bucket = $1 AND key = ANY($2)")),
      .put = AddSized(absl::StrCat("INSERT INTO ", name, " (bucket, key, record)"), 2,
                      "ON CONFLICT (bucket, key) DO UPDATE SET record = EXCLUDED.record"),
  };
}

ParcelStatements::ParcelStatements()
    : begin(Add(Kind::kSession, "BEGIN ISOLATION LEVEL READ COMMITTED")),
      commit(Add(Kind::kSession, "COMMIT")),
      rollback(Add(Kind::kSession, "ROLLBACK")),

      read_meta(Add(Kind::kMeta, "SELECT buckets, format FROM meta")),
      write_meta(
          Add(Kind::kMeta, "INSERT INTO meta (buckets, format, checked) VALUES ($1, $2, 0)")),
      check(Add(Kind::kMeta, "UPDATE meta SET checked = 1 - checked")),
      make_bucket(Add(Kind::kBucket,
                      "INSERT INTO buckets (bucket, sequence, folded, oldest) VALUES ($1, 0, 0, 1) "
                      "ON CONFLICT (bucket) DO NOTHING")),

      lock(Add(Kind::kBucket, "SELECT sequence, folded FROM buckets WHERE bucket = $1 FOR UPDATE")),
      states(Add(Kind::kBuckets, "SELECT bucket, sequence, folded FROM buckets ORDER BY bucket")),
      set_state(
          Add(Kind::kBucket, "UPDATE buckets SET sequence = $2, folded = $3 WHERE bucket = $1")),

      tables({MakeTable("parcels"), MakeTable("numbers"), MakeTable("cursors")}),

      add_timers(AddSized("INSERT INTO timers (bucket, time, parcel)", 2,
                          "ON CONFLICT (bucket, time, parcel) DO NOTHING")),
      // One by one: of a table that is new, the planner believes that a bucket has few rows,
      // and would go through all of them to find some.
      remove_timer(
          Add(Kind::kBucket, "DELETE FROM timers WHERE bucket = $1 AND time = $2 AND parcel = $3")),
      due_timers(Add(Kind::kBucket,
                     "SELECT time, parcel FROM timers WHERE bucket = $1 AND time <= $2 ORDER BY "
                     "time, parcel LIMIT $3")),

      append_journal(Add(Kind::kBucket,
                         "INSERT INTO journal (bucket, sequence, day, record) VALUES ($1, $2, $3, "
                         "$4)")),
      read_journal(Add(Kind::kBucket,
                       "SELECT sequence, record FROM journal WHERE bucket = $1 AND sequence > $2 "
                       "ORDER BY sequence LIMIT $3")),
      oldest(Add(Kind::kBucket, "SELECT oldest FROM buckets WHERE bucket = $1")),
      set_oldest(Add(Kind::kBucket,
                     "UPDATE buckets SET oldest = greatest(oldest, 1 + (SELECT max(sequence) FROM "
                     "journal WHERE bucket = $1 AND day < $2)) WHERE bucket = $1")),

      append_changes(
          Add(Kind::kBucket, "INSERT INTO changes (bucket, sequence, record) VALUES ($1, $2, $3)")),
      read_changes(Add(Kind::kBucket,
                       "SELECT sequence, record FROM changes WHERE bucket = $1 AND sequence > $2 "
                       "ORDER BY sequence")),
      remove_changes(Add(Kind::kBucket, "DELETE FROM changes WHERE bucket = $1")),

      get_scorecards(
          AddWithArrays("SELECT s.dimension, s.value, s.day, s.record FROM unnest($2::integer[], "
                        "$3::bytea[], $4::integer[]) AS k (dimension, value, day) CROSS JOIN "
                        "LATERAL (SELECT dimension, value, day, record FROM scorecards WHERE "
                        "bucket = $1 AND dimension = k.dimension AND value = k.value AND day = "
                        "k.day LIMIT 1) AS s")),
      put_scorecards(AddSized("INSERT INTO scorecards (bucket, dimension, value, day, record)", 4,
                              "ON CONFLICT (bucket, dimension, value, day) DO UPDATE SET record = "
                              "EXCLUDED.record")),
      read_scorecards(Add(Kind::kBucket, ReadScorecardsSql())) {}

std::string LockSchemaSql() { return "SELECT pg_advisory_xact_lock(4857194028)"; }

std::vector<std::string> CreateTablesSql(std::string_view schema) {
  // Rows that are updated find room in their page where it is not full; then no index
  // is written. Scorecards are read by the hundred, so they stay in their rows.
  const auto records = [](std::string_view name) {
    return absl::StrCat("CREATE TABLE IF NOT EXISTS ", name,
                        " (bucket INTEGER NOT NULL, key BYTEA NOT NULL, record BYTEA NOT NULL, "
                        "PRIMARY KEY (bucket, key)) WITH (fillfactor = 85)");
  };
  return {
      absl::StrCat("CREATE SCHEMA IF NOT EXISTS \"", schema, "\""),
      "CREATE TABLE IF NOT EXISTS meta (buckets INTEGER NOT NULL, format BIGINT NOT NULL, "
      "checked BIGINT NOT NULL)",
      "CREATE TABLE IF NOT EXISTS buckets (bucket INTEGER NOT NULL PRIMARY KEY, sequence BIGINT "
      "NOT NULL, folded BIGINT NOT NULL, oldest BIGINT NOT NULL) WITH (fillfactor = 20)",
      records("parcels"),
      records("numbers"),
      records("cursors"),
      "CREATE TABLE IF NOT EXISTS timers (bucket INTEGER NOT NULL, time BIGINT NOT NULL, parcel "
      "BYTEA NOT NULL, PRIMARY KEY (bucket, time, parcel))",
      "CREATE TABLE IF NOT EXISTS journal (bucket INTEGER NOT NULL, sequence BIGINT NOT NULL, day "
      "INTEGER NOT NULL, record BYTEA NOT NULL, PRIMARY KEY (bucket, sequence, day)) PARTITION BY "
      "RANGE (day)",
      "CREATE TABLE IF NOT EXISTS changes (bucket INTEGER NOT NULL, sequence BIGINT NOT NULL, "
      "record BYTEA NOT NULL, PRIMARY KEY (bucket, sequence))",
      "CREATE TABLE IF NOT EXISTS scorecards (bucket INTEGER NOT NULL, dimension INTEGER NOT NULL, "
      "value BYTEA NOT NULL, day INTEGER NOT NULL, record BYTEA NOT NULL, PRIMARY KEY (bucket, "
      "dimension, value, day)) WITH (fillfactor = 85, toast_tuple_target = 8160)",
  };
}

std::vector<std::string> DistributeTablesSql() {
  std::vector<std::string> all;
  for (std::string_view table : kSpread) {
    all.push_back(absl::StrCat("SELECT create_distributed_table('", table,
                               "', 'bucket', "
                               "colocate_with => '",
                               table == kSpread[0] ? "none" : kSpread[0], "')"));
  }
  return all;
}

std::string PartitionName(absl::CivilMonth month) {
  return absl::StrFormat("journal_%04d_%02d", month.year(), month.month());
}

std::optional<absl::CivilMonth> MonthOfPartition(std::string_view name) {
  int64_t year = 0;
  int month = 0;
  const std::vector<std::string_view> parts = absl::StrSplit(name, '_');
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[1], &year) ||
      !absl::SimpleAtoi(parts[2], &month)) {
    return std::nullopt;
  }
  const absl::CivilMonth found(year, month);
  if (PartitionName(found) != name) return std::nullopt;
  return found;
}

std::string CreatePartitionSql(absl::CivilMonth month) {
  return absl::StrCat("CREATE TABLE IF NOT EXISTS ", PartitionName(month),
                      " PARTITION OF journal FOR VALUES FROM (", DayOfMonth(month), ") TO (",
                      DayOfMonth(month + 1), ")");
}

std::string DropPartitionSql(std::string_view name) {
  return absl::StrCat("DROP TABLE IF EXISTS ", name);
}

std::string ListPartitionsSql() {
  return "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE "
         "i.inhparent = 'journal'::regclass";
}

}  // namespace caravan::logistics
