#include "services/common/store/postgres_store.h"

#include <stdio.h>

#include <atomic>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/api/errors.h"
#include "services/common/store/postgres_connection.h"
#include "services/common/store/sql.h"
#include "services/common/store/sql_store.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

class PostgresEngine : public Engine {
 public:
  PostgresEngine(const PostgresOptions& options, const Catalog* catalog) : catalog_(catalog) {
    std::random_device random;
    settings_ = {.conninfo = options.conninfo,
                 .schema = options.schema,
                 .writer = absl::StrCat(options.replica, "/", random(), "-", random()),
                 .log = options.log};
  }

  // Creates what every store has.
  absl::Status Start() {
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
        PostgresConnection::Open(settings_, catalog_);
    if (!connection.ok()) return connection.status();
    // CREATE IF NOT EXISTS fails where another replica does the same meanwhile.
    absl::Status status = (*connection)->Execute("BEGIN", {}).status();
    if (status.ok()) status = (*connection)->Execute(sql::LockSchema(), {}).status();
    if (status.ok())
      status = (*connection)->Execute(sql::CreateSchema(settings_.schema), {}).status();
    for (const std::string& sql : sql::CreateSystemTables(Catalog::Dialect::kPostgres)) {
      if (status.ok()) status = (*connection)->Execute(sql, {}).status();
    }
    if (status.ok()) status = (*connection)->Execute("COMMIT", {}).status();
    return status;
  }

  absl::StatusOr<std::unique_ptr<Connection>> Connect() override {
    return PostgresConnection::Open(settings_, catalog_);
  }

  absl::StatusOr<std::unique_ptr<Connection>> ConnectForRows() override {
    PostgresSettings settings = settings_;
    settings.plan_once = true;
    return PostgresConnection::Open(settings, catalog_);
  }

  absl::StatusOr<std::unique_ptr<WriterConnection>> ConnectWriter() override {
    // A replica that hangs within a commit is not to keep the others waiting.
    PostgresSettings settings = settings_;
    settings.idle_timeout = absl::Seconds(15);
    settings.plan_once = true;
    absl::StatusOr<std::unique_ptr<PostgresConnection>> connection =
        PostgresConnection::Open(settings, catalog_);
    if (!connection.ok()) return connection.status();
    (*connection)->set_commit_number([this] { return ++commits_; });
    return connection;
  }

  absl::StatusOr<bool> HasCommitted(WriterConnection& writer) override {
    // The lock comes only once the broken connection's transaction has ended.
    absl::StatusOr<Meta> meta = writer.Begin({}, nullptr);
    int64_t last = 0;
    absl::Status status = meta.status();
    if (status.ok()) {
      status = writer.Query(sql::ReadCommit(), {std::string_view(settings_.writer)},
                            [&](const ResultRow& row) {
                              last = row.Integer(0);
                              return false;
                            });
    }
    writer.Rollback();
    if (!status.ok()) return status;
    return last == commits_;
  }

  bool shared() const override { return true; }

 private:
  PostgresSettings settings_;
  const Catalog* const catalog_;
  std::atomic<int64_t> commits_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenPostgresStore(PostgresOptions options,
                                                         std::vector<Table> tables) {
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
  absl::StatusOr<std::unique_ptr<Catalog>> catalog =
      Catalog::Create(Catalog::Dialect::kPostgres, std::move(tables));
  if (!catalog.ok()) return catalog.status();
  SqlStoreOptions store_options;
  static_cast<StoreOptions&>(store_options) = options;
  store_options.patience = options.patience;
  store_options.poll_interval = options.poll_interval;
  store_options.replica_lease = options.replica_lease;
  auto engine = std::make_unique<PostgresEngine>(options, catalog->get());
  if (absl::Status status = engine->Start(); !status.ok()) return status;
  return SqlStore::Open(std::move(engine), *std::move(catalog), std::move(store_options));
}

}  // namespace caravan::store
