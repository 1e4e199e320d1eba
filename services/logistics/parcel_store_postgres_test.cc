// What is particular to PostgreSQL as a store of parcels: connections that break,
// other replicas, partitions.
#include "services/logistics/parcel_store_postgres.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <stdlib.h>

#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "services/common/api/errors.h"

namespace caravan::logistics {
namespace {

using ::testing::ElementsAre;

class PostgresParcelStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (getenv("CARAVAN_TEST_NO_POSTGRES") != nullptr) {
      GTEST_SKIP() << "CARAVAN_TEST_NO_POSTGRES is set";
    }
    ASSERT_NE(getenv("CARAVAN_TEST_POSTGRES"), nullptr);
    std::random_device random;
    options_.schema = absl::StrCat("test_", random(), "_", random());
    options_.buckets = 4;
    options_.clock = [this] { return now_; };
    options_.log = [](std::string_view) {};
    // By its name the connections of this test are found.
    server_ = getenv("CARAVAN_TEST_POSTGRES");
    connection_ = absl::StrCat(server_, " application_name=", options_.schema);
    admin_ = PQconnectdb(server_.c_str());
    PQsetNoticeProcessor(
        admin_, [](void*, const char*) {}, nullptr);
    store_ = Open();
  }
  void TearDown() override {
    store_.reset();
    if (admin_ != nullptr) Admin(absl::StrCat("DROP SCHEMA ", options_.schema, " CASCADE"));
    PQfinish(admin_);
  }

  std::unique_ptr<ParcelStore> Open() {
    auto store = OpenPostgresParcelStoreWith(connection_, options_);
    EXPECT_EQ(store.status(), absl::OkStatus());
    return store.ok() ? *std::move(store) : nullptr;
  }

  // The first column of what a statement gives.
  std::vector<std::string> Admin(const std::string& sql) {
    PGresult* result = PQexec(admin_, sql.c_str());
    std::vector<std::string> values;
    for (int row = 0; row < PQntuples(result); ++row) values.push_back(PQgetvalue(result, row, 0));
    PQclear(result);
    return values;
  }

  // Breaks every connection of the stores, and waits until they are gone.
  void BreakConnections() {
    const std::string mine =
        absl::StrCat(" FROM pg_stat_activity WHERE application_name = '", options_.schema, "'");
    Admin(absl::StrCat("SELECT pg_terminate_backend(pid)", mine));
    while (!Admin(absl::StrCat("SELECT pid", mine)).empty()) {
    }
  }

  absl::Status Put(ParcelStore& store, int bucket, std::string key) {
    return store.Write({bucket}, [&](ParcelTransaction& tx) {
      tx.Put(ParcelTable::kParcels, {bucket, key}, "x");
      tx.Append(bucket, key, "c");
      return absl::OkStatus();
    });
  }

  bool Has(int bucket, std::string key) {
    auto records = store_->Get(ParcelTable::kParcels, {{bucket, std::move(key)}});
    EXPECT_EQ(records.status(), absl::OkStatus());
    return records.ok() && records->at(0).has_value();
  }

  std::vector<std::string> Partitions() {
    return Admin(absl::StrCat("SELECT relname FROM pg_class WHERE relnamespace = '",
                              options_.schema,
                              "'::regnamespace AND relispartition AND relkind = 'r' ORDER BY 1"));
  }

  absl::Time now_ = absl::FromCivil(absl::CivilDay(2026, 11, 20), absl::UTCTimeZone());
  std::string server_, connection_;
  PostgresParcelOptions options_;
  PGconn* admin_ = nullptr;
  std::unique_ptr<ParcelStore> store_;
};

TEST_F(PostgresParcelStoreTest, ADatabaseThatIsAwayIsUnavailable) {
  std::string logged;
  options_.log = [&](std::string_view line) { absl::StrAppend(&logged, std::string(line)); };
  const absl::Status status =
      OpenPostgresParcelStoreWith("host=/nonexistent dbname=nothing", options_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(absl::StrContains(status.message(), "/nonexistent"));
  EXPECT_TRUE(absl::StrContains(logged, "/nonexistent"));
}

TEST_F(PostgresParcelStoreTest, ASchemaHasAName) {
  for (std::string schema : {std::string(), std::string("a\"b"), std::string(64, 'x')}) {
    PostgresParcelOptions options;
    options.schema = schema;
    EXPECT_EQ(api::ReasonOf(OpenPostgresParcelStoreWith(connection_, options).status()),
              "INVALID_STORE");
  }
}

TEST_F(PostgresParcelStoreTest, ItConnectsAgain) {
  ASSERT_EQ(Put(*store_, 1, "before"), absl::OkStatus());
  ASSERT_TRUE(Has(1, "before"));
  BreakConnections();
  EXPECT_TRUE(Has(1, "before"));
  BreakConnections();
  EXPECT_EQ(Put(*store_, 1, "after"), absl::OkStatus());
  BreakConnections();
  EXPECT_EQ(store_->Healthy(), absl::OkStatus());
  EXPECT_EQ(store_->ReadStates()->at(1).sequence, 2);
}

TEST_F(PostgresParcelStoreTest, ABodyIsRunAgainWhereTheConnectionBreaks) {
  int runs = 0;
  EXPECT_EQ(store_->Write({2},
                          [&](ParcelTransaction& tx) {
                            tx.Append(2, "j", "c");
                            if (++runs == 1) BreakConnections();
                            return tx.Get(ParcelTable::kParcels, {{2, "a"}}).status();
                          }),
            absl::OkStatus());
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(store_->ReadStates()->at(2).sequence, 1);
}

TEST_F(PostgresParcelStoreTest, WhatWasSentAheadIsSentAgainWhereTheConnectionBreaks) {
  int runs = 0;
  EXPECT_EQ(
      store_->Write({2},
                    [&](ParcelTransaction& tx) {
                      tx.Put(ParcelTable::kParcels, {2, absl::StrCat("of run ", ++runs)}, "x");
                      tx.SendAhead();
                      if (runs == 1) BreakConnections();
                      tx.SendAhead();
                      return tx.Get(ParcelTable::kNumbers, {{2, "a"}}).status();
                    }),
      absl::OkStatus());
  EXPECT_EQ(runs, 2);
  EXPECT_FALSE(Has(2, "of run 1"));
  EXPECT_TRUE(Has(2, "of run 2"));
}

// So that a body need not wait for what it has no use for.
TEST_F(PostgresParcelStoreTest, TheServerBeginsWithWhatIsSentAhead) {
  const std::string writes =
      absl::StrCat("SELECT pid FROM pg_stat_activity WHERE application_name = '", options_.schema,
                   "' AND backend_xid IS NOT NULL AND query LIKE '%parcels%'");
  EXPECT_EQ(store_->Write({2},
                          [&](ParcelTransaction& tx) {
                            tx.Put(ParcelTable::kParcels, {2, "a"}, "x");
                            EXPECT_THAT(Admin(writes), ElementsAre());
                            tx.SendAhead();
                            while (Admin(writes).empty()) {
                            }
                            return absl::OkStatus();
                          }),
            absl::OkStatus());
  EXPECT_TRUE(Has(2, "a"));
}

TEST_F(PostgresParcelStoreTest, ACommitWhoseAnswerDoesNotComeIsUnknown) {
  int runs = 0;
  const absl::Status status = store_->Write({2}, [&](ParcelTransaction& tx) {
    tx.Append(2, "j", "c");
    ++runs;
    BreakConnections();
    return absl::OkStatus();
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(api::ReasonOf(status), "COMMIT_UNKNOWN");
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(Put(*store_, 2, "again"), absl::OkStatus());
}

TEST_F(PostgresParcelStoreTest, ReplicasTakeTurnsInABucket) {
  auto other = Open();
  std::thread waiting;
  bool ran = false;
  ASSERT_EQ(
      store_->Write({1},
                    [&](ParcelTransaction& tx) {
                      tx.Append(1, "first", "");
                      // Elsewhere they don't wait.
                      EXPECT_EQ(Put(*other, 2, "beside"), absl::OkStatus());
                      waiting = std::thread([&] {
                        EXPECT_EQ(other->Write({1},
                                               [&](ParcelTransaction& later) {
                                                 ran = true;
                                                 EXPECT_EQ(later.state(1).sequence, 1);
                                                 later.Append(1, "second", "");
                                                 return absl::OkStatus();
                                               }),
                                  absl::OkStatus());
                      });
                      // Until it waits for the lock.
                      while (Admin(absl::StrCat("SELECT pid FROM pg_stat_activity WHERE "
                                                "application_name = '",
                                                options_.schema, "' AND wait_event_type = 'Lock'"))
                                 .empty()) {
                      }
                      EXPECT_FALSE(ran);
                      return absl::OkStatus();
                    }),
      absl::OkStatus());
  waiting.join();
  EXPECT_TRUE(ran);
  EXPECT_EQ(store_->ReadStates()->at(1).sequence, 2);
}

TEST_F(PostgresParcelStoreTest, ReplicasMakeTheTablesTogether) {
  options_.schema += "_b";
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      auto store = OpenPostgresParcelStoreWith(connection_, options_);
      EXPECT_EQ(store.status(), absl::OkStatus());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Open()->buckets(), 4);
  Admin(absl::StrCat("DROP SCHEMA ", options_.schema, " CASCADE"));
  options_.schema.resize(options_.schema.size() - 2);
}

TEST_F(PostgresParcelStoreTest, PartitionsAreMadeAheadAndDropped) {
  EXPECT_THAT(Partitions(), ElementsAre("journal_2026_11", "journal_2026_12"));
  ASSERT_EQ(Put(*store_, 1, "november"), absl::OkStatus());
  now_ += absl::Hours(24 * 20);
  ASSERT_EQ(Put(*store_, 1, "december"), absl::OkStatus());
  EXPECT_THAT(Partitions(), ElementsAre("journal_2026_11", "journal_2026_12", "journal_2027_01"));
  // A month stays until its last day has expired.
  const absl::Time december = absl::FromCivil(absl::CivilDay(2026, 12, 1), absl::UTCTimeZone());
  ASSERT_EQ(store_->ExpireJournal(december - absl::Hours(1)), absl::OkStatus());
  EXPECT_EQ(Partitions().size(), 3);
  ASSERT_EQ(store_->ExpireJournal(december), absl::OkStatus());
  EXPECT_THAT(Partitions(), ElementsAre("journal_2026_12", "journal_2027_01"));
  auto page = store_->ReadJournal(1, 0, 10);
  ASSERT_EQ(page.status(), absl::OkStatus());
  EXPECT_EQ(page->oldest, 2);
  ASSERT_EQ(page->rows.size(), 1);
  EXPECT_EQ(page->rows[0].record, "december");
}

// Another replica has dropped what this one takes to be there.
TEST_F(PostgresParcelStoreTest, APartitionThatIsGoneIsMadeAgain) {
  ASSERT_EQ(Put(*store_, 1, "a"), absl::OkStatus());
  Admin(absl::StrCat("DROP TABLE ", options_.schema, ".journal_2026_11"));
  EXPECT_FALSE(Put(*store_, 1, "b").ok());
  EXPECT_EQ(Put(*store_, 1, "c"), absl::OkStatus());
  EXPECT_TRUE(Has(1, "c"));
  EXPECT_FALSE(Has(1, "b"));
}

TEST_F(PostgresParcelStoreTest, CompressesTheJournalWithTheFastestThatTheServerHas) {
  const std::string journal(1 << 20, 'j');
  ASSERT_EQ(store_->Write({0},
                          [&](ParcelTransaction& tx) {
                            tx.Append(0, journal, "c");
                            return absl::OkStatus();
                          }),
            absl::OkStatus());
  const std::vector<std::string> best = Admin(
      "SELECT CASE WHEN 'lz4' = ANY (enumvals) THEN 'lz4' ELSE 'pglz' END FROM pg_settings WHERE "
      "name = 'default_toast_compression'");
  EXPECT_EQ(Admin(absl::StrCat("SELECT pg_column_compression(record) FROM ", options_.schema,
                               ".journal")),
            best);
  // What another version has compressed otherwise is read as well.
  Admin(absl::StrCat("SET default_toast_compression = pglz; INSERT INTO ", options_.schema,
                     ".journal SELECT bucket, 2, day, repeat('k', 1048576)::bytea FROM ",
                     options_.schema, ".journal"));
  const auto page = store_->ReadJournal(0, 0, 10);
  ASSERT_EQ(page.status(), absl::OkStatus());
  ASSERT_EQ(page->rows.size(), 2u);
  EXPECT_EQ(page->rows[0].record, journal);
  EXPECT_EQ(page->rows[1].record, std::string(1 << 20, 'k'));
}

}  // namespace
}  // namespace caravan::logistics
