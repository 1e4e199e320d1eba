// Citus is not at hand to test with, so what it refuses, and what it accepts and does
// wrong, is looked for in every statement that the store of parcels sends, and in the
// tables that it makes:
//
//   - a statement names one bucket, or reads a little of all of them;
//   - no time, random number or sequence comes from a server: they differ by machine;
//   - rows are locked in one bucket only; no advisory lock, which is of one machine,
//     but where the tables are made;
//   - no unique index without the bucket, and nothing changes a row's bucket;
//   - no triggers, foreign keys, MERGE, recursive queries, grouping sets;
//   - nothing that INSERT ... SELECT would carry through the coordinator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <stdlib.h>

#include <algorithm>
#include <cctype>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "services/logistics/parcel_statements.h"
#include "services/logistics/testing/parcel_stores.h"

namespace caravan::logistics {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Kind = ParcelStatement::Kind;

constexpr std::string_view kSpread[] = {"buckets", "parcels", "numbers", "cursors",
                                        "timers",  "journal", "changes", "scorecards"};

// Words and signs, in small letters, with one space between: "a = any ( $2 )".
std::string Words(std::string_view sql) {
  std::vector<std::string> words;
  for (size_t i = 0; i < sql.size();) {
    const auto is_word = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '.';
    };
    size_t end = i;
    if (sql[i] == '\'') {
      end = std::min(sql.find('\'', i + 1), sql.size() - 1) + 1;
    } else if (is_word(sql[i])) {
      while (end < sql.size() && is_word(sql[end])) ++end;
    } else {
      end = i + 1;
    }
    if (!std::isspace(static_cast<unsigned char>(sql[i]))) {
      words.push_back(absl::AsciiStrToLower(sql.substr(i, end - i)));
    }
    i = end;
  }
  return absl::StrCat(" ", absl::StrJoin(words, " "), " ");
}

bool Has(std::string_view words, std::string_view what) {
  return absl::StrContains(words, absl::StrCat(" ", what, " "));
}

// The parts of a query that UNION ALL joins.
std::vector<std::string> Parts(std::string_view words) {
  std::vector<std::string> parts = {""};
  constexpr std::string_view kUnion = " union all ";
  while (true) {
    const size_t at = words.find(kUnion);
    parts.back() = absl::StrCat(words.substr(0, at), " ");
    if (at == std::string_view::npos) return parts;
    words.remove_prefix(at + kUnion.size() - 1);
    parts.emplace_back();
  }
}

bool NamesSpreadTable(std::string_view words) {
  for (std::string_view table : kSpread) {
    if (Has(words, table)) return true;
  }
  return false;
}

// Why Citus must not be given a statement; nothing where it may.
std::optional<std::string> Objection(const ParcelStatement& statement) {
  const std::string words = Words(statement.sql);
  for (const char* word : {"now",
                           "current_timestamp",
                           "current_date",
                           "clock_timestamp",
                           "transaction_timestamp",
                           "localtimestamp",
                           "nextval",
                           "currval",
                           "setval",
                           "lastval",
                           "random",
                           "gen_random_uuid",
                           "uuid_generate_v4",
                           "txid_current",
                           "pg_current_xact_id",
                           "pg_backend_pid",
                           "merge",
                           "recursive",
                           "rollup",
                           "cube",
                           "notify",
                           "listen",
                           "copy",
                           "truncate",
                           "savepoint",
                           "temp",
                           "temporary",
                           "returning"}) {
    if (Has(words, word)) return absl::StrCat("it has ", word);
  }
  for (const char* phrase : {"grouping sets", "for share", "for no key update", "for key share",
                             "skip locked", "nowait", "set bucket", ", bucket =", "lock table"}) {
    if (Has(words, phrase)) return absl::StrCat("it has ", phrase);
  }
  const bool first_time = statement.kind == Kind::kSchema;
  if (absl::StrContains(words, "advisory") && !first_time) return "it has an advisory lock";
  for (const char* word : {"trigger", "foreign", "references", "serial", "bigserial", "identity",
                           "sequence_name", "rule", "default"}) {
    if (Has(words, word)) return absl::StrCat("it has ", word);
  }
  if (Has(words, "create sequence")) return "it makes a sequence";
  switch (statement.kind) {
    case Kind::kSession:
      if (NamesSpreadTable(words)) return "it names a table";
      return std::nullopt;
    case Kind::kMeta: {
      // Which has a column of the name of a table.
      const std::string tables =
          absl::StrReplaceAll(words, {{" ( buckets , ", " "}, {" select buckets , ", " "}});
      if (NamesSpreadTable(tables)) return "it names a table that is spread";
      return std::nullopt;
    }
    case Kind::kSchema:
      if (Has(words, "create unique index") || Has(words, "unique")) {
        return "a unique index would have to have the bucket";
      }
      if (absl::StartsWith(words, " create table ") && !Has(words, "partition of") &&
          !Has(words, "meta") && !absl::StrContains(words, " primary key ( bucket ") &&
          !absl::StrContains(words, "( bucket integer not null primary key ,")) {
        return "the bucket does not lead its primary key";
      }
      return std::nullopt;
    case Kind::kBuckets:
      // A plain read, without locks and joins, whose rows say whose they are.
      if (!absl::StartsWith(words, " select bucket , ")) return "its bucket does not lead";
      if (Has(words, "for update") || Has(words, "join") || Has(words, "union")) {
        return "it does more than to read of every bucket";
      }
      return std::nullopt;
    case Kind::kBucket:
      break;
  }
  if (absl::StartsWith(words, " insert into ")) {
    if (!absl::StrContains(words, " ( bucket , ")) return "the bucket is not its first column";
    const size_t values = words.find(" values ");
    if (values == std::string::npos || Has(words, "select")) {
      return "what it writes are not values";
    }
    // Every row is of the one bucket.
    const size_t end = std::min(words.find(" on conflict "), words.size());
    for (size_t row = words.find(" ( ", values); row < end; row = words.find(" ( ", row + 2)) {
      if (words.compare(row, 8, " ( $1 , ") != 0) return "a row of it is of another bucket";
    }
    if (Has(words, "on conflict") && !absl::StrContains(words, " on conflict ( bucket ")) {
      return "what is in conflict does not name the bucket";
    }
    return std::nullopt;
  }
  // Each part is of the one bucket, in the place where all must hold.
  for (const std::string& part : Parts(words)) {
    if (!Has(part, "bucket = $1") && !absl::StrContains(part, ".bucket = $1 ")) {
      return "it does not name one bucket";
    }
    const size_t where = std::min(part.find(" where "), part.find(" on "));
    if (where != std::string::npos && Has(part.substr(where), "or")) {
      return "another bucket may come by its OR";
    }
    if (Has(part, "not bucket")) return "it is of other buckets";
  }
  return std::nullopt;
}

std::optional<std::string> Objection(Kind kind, std::string sql) {
  return Objection(ParcelStatement{0, kind, std::move(sql)});
}

TEST(CitusTest, EveryStatementMayBeGivenToCitus) {
  EXPECT_GT(ParcelStatements::Get().all().size(), 40);
  for (const ParcelStatement& statement : ParcelStatements::Get().all()) {
    EXPECT_EQ(Objection(statement), std::nullopt) << statement.sql;
  }
  const absl::CivilMonth month(2026, 3);
  for (const std::string& sql : CreateTablesSql("parcels")) {
    EXPECT_EQ(Objection(Kind::kSchema, sql), std::nullopt) << sql;
  }
  for (const std::string& sql : {LockSchemaSql(), CreatePartitionSql(month),
                                 DropPartitionSql(PartitionName(month)), ListPartitionsSql()}) {
    EXPECT_EQ(Objection(Kind::kSchema, sql), std::nullopt) << sql;
  }
}

TEST(CitusTest, EveryTableIsSpreadBesideTheFirst) {
  const std::vector<std::string> spread = DistributeTablesSql();
  ASSERT_THAT(spread, SizeIs(std::size(kSpread)));
  for (size_t i = 0; i < spread.size(); ++i) {
    EXPECT_EQ(spread[i],
              absl::StrCat("SELECT create_distributed_table('", kSpread[i],
                           "', 'bucket', colocate_with => '", i == 0 ? "none" : "buckets", "')"));
  }
}

TEST(CitusTest, WhatCitusRefusesOrDoesWrongIsFound) {
  for (const char* sql : {
           // Not of one bucket.
           "SELECT record FROM parcels WHERE key = $1",
           "SELECT record FROM parcels WHERE bucket = ANY($1)",
           "SELECT record FROM parcels WHERE bucket = $1 OR key = $2",
           "SELECT record FROM parcels WHERE bucket >= $1",
           "SELECT record FROM parcels WHERE NOT bucket = $1",
           "UPDATE parcels SET record = $2 WHERE key = $1",
           "DELETE FROM timers WHERE time < $1",
           "SELECT sequence FROM buckets WHERE bucket IN ($1, $2) FOR UPDATE",
           "SELECT sequence FROM buckets FOR UPDATE",
           "SELECT 1 FROM buckets WHERE bucket = $1 UNION ALL SELECT 2 FROM changes",
           "SELECT 1 FROM changes UNION ALL SELECT 2 FROM buckets WHERE bucket = $1",
           "INSERT INTO parcels (bucket, key, record) VALUES ($1, $2, $3), ($4, $5, $6)",
           "INSERT INTO parcels (key, bucket, record) VALUES ($1, $2, $3)",
           "INSERT INTO parcels (bucket, key, record) SELECT $1, key, record FROM unnest($2)",
           // From a server.
           "UPDATE buckets SET sequence = nextval('s') WHERE bucket = $1",
           "INSERT INTO changes (bucket, sequence, record) VALUES ($1, nextval('s'), $2)",
           "SELECT record FROM journal WHERE bucket = $1 AND day < extract(epoch FROM now())",
           "SELECT record FROM journal WHERE bucket = $1 AND day < current_date",
           "SELECT record FROM parcels WHERE bucket = $1 ORDER BY random()",
           "INSERT INTO parcels (bucket, key, record) VALUES ($1, gen_random_uuid(), $2)",
           "SELECT record FROM parcels WHERE bucket = $1 AND pg_advisory_xact_lock($2) IS NULL",
           // Changes the bucket, or is in conflict without it.
           "UPDATE parcels SET bucket = $2 WHERE bucket = $1",
           "UPDATE parcels SET record = $2, bucket = $3 WHERE bucket = $1",
           "INSERT INTO parcels (bucket, key, record) VALUES ($1, $2, $3) ON CONFLICT (bucket, "
           "key) DO UPDATE SET bucket = EXCLUDED.bucket",
           "INSERT INTO parcels (bucket, key, record) VALUES ($1, $2, $3) ON CONFLICT (key) DO "
           "NOTHING",
           "INSERT INTO parcels (bucket, key, record) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
           // Locks that it does not know, and queries.
           "SELECT sequence FROM buckets WHERE bucket = $1 FOR SHARE",
           "SELECT sequence FROM buckets WHERE bucket = $1 FOR UPDATE SKIP LOCKED",
           "WITH RECURSIVE v AS (SELECT 1) SELECT 1 FROM parcels WHERE bucket = $1",
           "MERGE INTO parcels USING v ON bucket = $1 WHEN MATCHED THEN DELETE",
           "SELECT count(*) FROM scorecards WHERE bucket = $1 GROUP BY GROUPING SETS ((day))",
       }) {
    EXPECT_NE(Objection(Kind::kBucket, sql), std::nullopt) << sql;
  }
  for (const char* sql : {
           "SELECT sequence, folded FROM buckets ORDER BY bucket",
           "SELECT bucket, sequence FROM buckets FOR UPDATE",
           "SELECT bucket, record FROM parcels JOIN numbers USING (key)",
           "UPDATE buckets SET folded = 0",
       }) {
    EXPECT_NE(Objection(Kind::kBuckets, sql), std::nullopt) << sql;
  }
  EXPECT_NE(Objection(Kind::kMeta, "SELECT 1 FROM meta, parcels"), std::nullopt);
  EXPECT_NE(Objection(Kind::kMeta, "UPDATE buckets SET folded = 0"), std::nullopt);
  EXPECT_NE(Objection(Kind::kSession, "DELETE FROM parcels"), std::nullopt);
  for (const char* sql : {
           "CREATE TABLE t (bucket INTEGER NOT NULL, key BYTEA NOT NULL, PRIMARY KEY (key))",
           "CREATE TABLE t (bucket INTEGER NOT NULL, key BYTEA, PRIMARY KEY (key, bucket))",
           "CREATE TABLE t (bucket INTEGER NOT NULL, key BYTEA NOT NULL PRIMARY KEY)",
           "CREATE TABLE t (bucket INTEGER, key BYTEA UNIQUE, PRIMARY KEY (bucket, key))",
           "CREATE TABLE t (bucket INTEGER, n BIGSERIAL, PRIMARY KEY (bucket, n))",
           "CREATE TABLE t (bucket INTEGER, key BYTEA REFERENCES parcels, PRIMARY KEY (bucket))",
           "CREATE TABLE t (bucket INTEGER, at BIGINT DEFAULT 0, PRIMARY KEY (bucket, at))",
           "CREATE UNIQUE INDEX i ON parcels (key)",
           "CREATE SEQUENCE s",
           "CREATE TRIGGER t AFTER INSERT ON parcels EXECUTE FUNCTION f()",
       }) {
    EXPECT_NE(Objection(Kind::kSchema, sql), std::nullopt) << sql;
  }
}

// What a PostgreSQL says of the tables that the store has made.
class CatalogueTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (getenv("CARAVAN_TEST_NO_POSTGRES") != nullptr) {
      GTEST_SKIP() << "CARAVAN_TEST_NO_POSTGRES is set";
    }
    database_ = TestParcelStore{TestParcelStore::Engine::kPostgres}.Create();
    store_ = database_->OpenOrDie();
    connection_ = PQconnectdb(getenv("CARAVAN_TEST_POSTGRES"));
    ASSERT_EQ(PQstatus(connection_), CONNECTION_OK) << PQerrorMessage(connection_);
  }
  ~CatalogueTest() override { PQfinish(connection_); }

  // The rows of a query with the schema as $1, their columns joined by spaces.
  std::vector<std::string> Query(const char* sql) {
    const std::string schema = database_->schema();
    const char* values[] = {schema.c_str()};
    PGresult* result = PQexecParams(connection_, sql, 1, nullptr, values, nullptr, nullptr, 0);
    EXPECT_EQ(PQresultStatus(result), PGRES_TUPLES_OK) << PQerrorMessage(connection_);
    std::vector<std::string> rows;
    for (int row = 0; row < PQntuples(result); ++row) {
      std::vector<std::string> columns;
      for (int column = 0; column < PQnfields(result); ++column) {
        columns.push_back(PQgetvalue(result, row, column));
      }
      rows.push_back(absl::StrJoin(columns, " "));
    }
    PQclear(result);
    return rows;
  }

  // Tables whose unique indexes do not all begin with the bucket.
  std::vector<std::string> IndexesWithoutBucket() {
    return Query(
        "SELECT c.relname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid "
        "LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE c.relnamespace = $1::regnamespace AND a.attname IS DISTINCT FROM 'bucket' "
        "ORDER BY 1");
  }
  std::vector<std::string> TriggersAndForeignKeys() {
    return Query(
        "SELECT t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE "
        "c.relnamespace = $1::regnamespace UNION ALL SELECT conname FROM pg_constraint WHERE "
        "connamespace = $1::regnamespace AND contype NOT IN ('p', 'c') ORDER BY 1");
  }
  // Sequences, views, and whatever else is neither a table nor its index.
  std::vector<std::string> OtherThings() {
    return Query(
        "SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind NOT IN "
        "('r', 'p', 'i', 'I') UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = "
        "$1::regnamespace UNION ALL SELECT a.attname FROM pg_attrdef AS d JOIN pg_class AS c ON "
        "c.oid = d.adrelid JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.adnum "
        "WHERE c.relnamespace = $1::regnamespace ORDER BY 1");
  }

  void Run(const std::string& sql) {
    PGresult* result = PQexec(
        connection_, absl::StrCat("SET search_path = ", database_->schema(), "; ", sql).c_str());
    EXPECT_EQ(PQresultStatus(result), PGRES_COMMAND_OK) << PQerrorMessage(connection_);
    PQclear(result);
  }

  // The plan of a statement for some values.
  std::string Plan(const ParcelStatement& statement) {
    const std::string name = absl::StrCat("s", statement.number);
    Run(absl::StrCat("PREPARE ", name, " AS ", statement.sql));
    PGresult* described = PQdescribePrepared(connection_, name.c_str());
    std::vector<std::string> values;
    for (int i = 0; i < PQnparams(described); ++i) {
      switch (PQparamtype(described, i)) {
        case 17:
          values.push_back("'\\x00000007'");
          break;
        case 1001:
          values.push_back("'{\"\\\\x00000007\",\"\\\\x00000008\"}'");
          break;
        case 1007:
        case 1016:
          values.push_back("'{1,7}'");
          break;
        default:
          values.push_back("1");
      }
    }
    PQclear(described);
    PGresult* explained = PQexec(
        connection_,
        absl::StrCat("EXPLAIN EXECUTE ", name, " (", absl::StrJoin(values, ", "), ")").c_str());
    EXPECT_EQ(PQresultStatus(explained), PGRES_TUPLES_OK) << PQerrorMessage(connection_);
    std::string plan;
    for (int row = 0; row < PQntuples(explained); ++row) {
      absl::StrAppend(&plan, PQgetvalue(explained, row, 0), "\n");
    }
    PQclear(explained);
    return plan;
  }

  std::unique_ptr<TestParcelDatabase> database_;
  std::unique_ptr<ParcelStore> store_;
  PGconn* connection_ = nullptr;
};

TEST_F(CatalogueTest, TheTablesAreThoseThatAreSpread) {
  EXPECT_THAT(Query("SELECT relname FROM pg_class WHERE relnamespace = $1::regnamespace AND "
                    "relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1"),
              ElementsAre("buckets", "changes", "cursors", "journal", "meta", "numbers", "parcels",
                          "scorecards", "timers"));
}

TEST_F(CatalogueTest, EveryPrimaryKeyBeginsWithTheBucket) {
  EXPECT_THAT(Query("SELECT c.relname, string_agg(a.attname, ' ' ORDER BY k.n) FROM pg_index AS i "
                    "JOIN pg_class AS c ON c.oid = i.indrelid CROSS JOIN LATERAL "
                    "unnest(i.indkey::int[]) WITH ORDINALITY AS k (attnum, n) JOIN pg_attribute AS "
                    "a ON a.attrelid = c.oid AND a.attnum = k.attnum WHERE c.relnamespace = "
                    "$1::regnamespace AND i.indisprimary AND NOT c.relispartition GROUP BY 1 "
                    "ORDER BY 1"),
              ElementsAre("buckets bucket", "changes bucket sequence", "cursors bucket key",
                          "journal bucket sequence day", "numbers bucket key", "parcels bucket key",
                          "scorecards bucket dimension value day", "timers bucket time parcel"));
  EXPECT_THAT(IndexesWithoutBucket(), IsEmpty());
  Run("CREATE UNIQUE INDEX by_key ON parcels (key)");
  EXPECT_THAT(IndexesWithoutBucket(), ElementsAre("parcels"));
}

TEST_F(CatalogueTest, ThereIsNothingThatCitusWouldRefuse) {
  EXPECT_THAT(TriggersAndForeignKeys(), IsEmpty());
  EXPECT_THAT(OtherThings(), IsEmpty());
  Run("CREATE SEQUENCE s; ALTER TABLE changes ADD COLUMN n BIGINT DEFAULT nextval('s');"
      "ALTER TABLE timers ADD CONSTRAINT of_bucket FOREIGN KEY (bucket) REFERENCES buckets");
  EXPECT_THAT(TriggersAndForeignKeys(), ::testing::Contains("of_bucket"));
  EXPECT_THAT(OtherThings(), ElementsAre("n", "s"));
}

// Where tables are large, each statement finds its rows by their keys, and reads
// neither a table nor a bucket for them.
TEST_F(CatalogueTest, StatementsGoAlongTheirIndex) {
  Run("INSERT INTO parcels SELECT b, int4send(i), '' FROM generate_series(0, 3) AS b, "
      "generate_series(1, 5000) AS i; INSERT INTO numbers SELECT * FROM parcels; "
      "INSERT INTO cursors SELECT * FROM parcels;"
      "INSERT INTO timers SELECT bucket, 7, key FROM parcels;"
      "INSERT INTO scorecards SELECT bucket, 1, key, 1, '' FROM parcels;"
      "INSERT INTO changes SELECT b, i, '' FROM generate_series(0, 3) AS b, "
      "generate_series(1, 5000) AS i");
  Run("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET "
      "enable_mergejoin = off");
  int planned = 0;
  for (const ParcelStatement& statement : ParcelStatements::Get().all()) {
    if (statement.kind != Kind::kBucket || absl::StartsWith(statement.sql, "INSERT")) continue;
    const std::string plan = Plan(statement);
    EXPECT_FALSE(absl::StrContains(plan, "Seq Scan")) << statement.sql << "\n" << plan;
    EXPECT_FALSE(absl::StrContains(plan, "Sort  (cost")) << statement.sql << "\n" << plan;
    EXPECT_TRUE(absl::StrContains(
        plan, statement.with_arrays ? "Index Cond: ((bucket = 1) AND " : "(bucket = 1)"))
        << statement.sql << "\n"
        << plan;
    ++planned;
  }
  EXPECT_GE(planned, 20);
}

}  // namespace
}  // namespace caravan::logistics
