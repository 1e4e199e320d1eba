// A PostgreSQL server of a test's own, to be killed.
#pragma once

#include <string>

#include "services/common/testing/temporary_folder.h"

namespace caravan::fault {

class PostgresServer {
 public:
  // Runs when the constructor returns; fails the test where it can't.
  PostgresServer();
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The setting with which a service uses it.
  std::string url() const;

  // Ends all of its processes at once, as a crash would, and starts it anew.
  void CrashAndRestart();

  // Breaks the connections of all clients.
  void TerminateBackends();

 private:
  std::string conninfo() const;

  const testing::TemporaryFolder folder_;
};

}  // namespace caravan::fault
