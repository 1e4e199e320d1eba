#include "tests/fault/postgres_server.h"

#include <libpq-fe.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace caravan::fault {
namespace {

constexpr char kPrograms[] = "/usr/lib/postgresql/15/bin/";

// PostgreSQL refuses to run as root. The paths have no characters that a shell
// would not leave alone.
bool RunAsPostgres(const std::string& command) {
  const std::string line = absl::StrCat(getuid() == 0 ? "runuser -u postgres -- " : "", kPrograms,
                                        command, " >/dev/null 2>&1");
  return std::system(line.c_str()) == 0;
}

}  // namespace

PostgresServer::PostgresServer() {
  if (getuid() == 0) {
    EXPECT_EQ(std::system(absl::StrCat("chown postgres: ", folder_.path()).c_str()), 0);
  }
  EXPECT_TRUE(RunAsPostgres(absl::StrCat("initdb --pgdata=", folder_.path(),
                                         "/data --username=postgres --auth=trust --encoding=UTF8 "
                                         "--locale=C.UTF-8 --no-instructions")));
  std::ofstream(folder_.path() + "/data/postgresql.conf", std::ios::app)
      << "listen_addresses = ''\nunix_socket_directories = '" << folder_.path() << "'\n";
  EXPECT_TRUE(RunAsPostgres(absl::StrCat("pg_ctl --pgdata=", folder_.path(), "/data --log=",
                                         folder_.path(), "/log --wait --silent start")));
}

PostgresServer::~PostgresServer() {
  RunAsPostgres(
      absl::StrCat("pg_ctl --pgdata=", folder_.path(), "/data --mode=immediate --wait stop"));
}

std::string PostgresServer::conninfo() const {
  return absl::StrCat("host=", folder_.path(), " user=postgres dbname=postgres");
}

std::string PostgresServer::url() const { return absl::StrCat("postgresql:", conninfo()); }

void PostgresServer::CrashAndRestart() {
  EXPECT_TRUE(
      RunAsPostgres(absl::StrCat("pg_ctl --pgdata=", folder_.path(), "/data --log=", folder_.path(),
                                 "/log --mode=immediate --wait --silent restart")));
}

void PostgresServer::TerminateBackends() {
  PGconn* connection = PQconnectdb(conninfo().c_str());
  PGresult* result = PQexec(connection,
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
  EXPECT_EQ(PQresultStatus(result), PGRES_TUPLES_OK) << PQerrorMessage(connection);
  EXPECT_GT(PQntuples(result), 0) << "the service had no connection";
  PQclear(result);
  PQfinish(connection);
}

}  // namespace caravan::fault
