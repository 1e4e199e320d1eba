// Kills the service, or its database, at random moments under load: what was
// acknowledged is there afterwards, whole and once.
#include <memory>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "services/common/testing/temporary_folder.h"
#include "tests/fault/history.h"
#include "tests/fault/kills.h"
#include "tests/fault/postgres_server.h"
#include "tests/fault/service_process.h"
#include "tests/fault/workload.h"

namespace caravan::fault {
namespace {

constexpr int kClients = 8;
constexpr size_t kRepeats = 100;

class CrashTest : public ::testing::Test {
 protected:
  // Kills again and again, and looks after each time whether every promise was
  // kept. `kill` leaves a service behind that comes back.
  template <class Kill>
  void KillAgainAndAgain(ServiceProcess& zones, Kill kill) {
    std::mt19937_64 random{std::random_device()()};
    zones.Start();
    const auto channel = zones.Connect();
    Crowd crowd({channel, zones.Connect()}, kClients);
    LoadZones(channel);
    Follower follower(zones.Connect());
    for (int i = 0; i < Kills(); ++i) {
      SCOPED_TRACE(i);
      crowd.Start();
      crowd.AwaitAnswers(1 + static_cast<int64_t>(random() % 600));
      kill();
      crowd.Finish();
      for (const auto& client : crowd.clients()) {
        ExpectPromisesKept(channel, client->promises(), kRepeats / kClients);
        client->ForgetPromises();
      }
      const std::vector<api::v1::Change> changes = ListAllChanges(channel);
      ExpectConsistent(changes);
      ExpectKept(channel, crowd.known(), changes);
      ExpectSame(follower.Await(static_cast<int64_t>(changes.size())), changes);
      if (HasFailure()) return;
    }
    ExpectReferencesKept(channel, crowd.known());
  }

  testing::TemporaryFolder folder_;
};

TEST_F(CrashTest, KilledOnSqlite) {
  ServiceProcess zones({.folder = folder_.path(), .store = "sqlite:" + folder_.Path("zones.db")});
  KillAgainAndAgain(zones, [&zones] {
    zones.Kill();
    zones.Start();
  });
}

TEST_F(CrashTest, KilledOnSqliteThatForgetsWhatWasNotSynced) {
  ServiceProcess zones({.folder = folder_.path(),
                        .store = "sqlite:" + folder_.Path("zones.db"),
                        .program = "caravan-zones-unsynced"});
  KillAgainAndAgain(zones, [&zones] {
    zones.Kill();
    zones.Start();
  });
}

TEST_F(CrashTest, KilledOnPostgres) {
  PostgresServer postgres;
  ServiceProcess zones({.folder = folder_.path(), .store = postgres.url()});
  KillAgainAndAgain(zones, [&zones] {
    zones.Kill();
    zones.Start();
  });
}

TEST_F(CrashTest, PostgresCrashes) {
  PostgresServer postgres;
  ServiceProcess zones({.folder = folder_.path(), .store = postgres.url()});
  KillAgainAndAgain(zones, [&postgres] { postgres.CrashAndRestart(); });
}

TEST_F(CrashTest, PostgresBreaksItsConnections) {
  PostgresServer postgres;
  ServiceProcess zones({.folder = folder_.path(), .store = postgres.url()});
  KillAgainAndAgain(zones, [&postgres] { postgres.TerminateBackends(); });
}

}  // namespace
}  // namespace caravan::fault
