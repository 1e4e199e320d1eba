// Connections to PostgreSQL. Everything goes through libpq's pipeline: statements
// are sent, and their results are read where one is needed.
#pragma once

#include <libpq-fe.h>

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"

namespace caravan::store {

struct PostgresSettings {
  std::string conninfo;
  std::string schema;
  // Unique to the store object, and the number of its last commit: how it finds
  // out, after a connection broke, whether that took place.
  std::string writer;
  // After how long without a statement the server ends a transaction.
  absl::Duration idle_timeout = absl::Minutes(5);
  // Statements are planned once, not anew for each number of keys: not for those
  // that choose among indexes.
  bool plan_once = false;
  std::function<void(std::string_view)> log;
};

class PostgresConnection : public WriterConnection {
 public:
  static absl::StatusOr<std::unique_ptr<PostgresConnection>> Open(const PostgresSettings& settings,
                                                                  const Catalog* catalog);
  ~PostgresConnection() override;

  absl::Status BeginSnapshot() override;
  void EndSnapshot() override;
  absl::Status Query(const std::string& sql, absl::Span<const Param> params,
                     absl::FunctionRef<bool(const ResultRow& row)> visit) override;
  absl::StatusOr<int64_t> Execute(const std::string& sql, absl::Span<const Param> params) override;
  absl::Status GetRows(absl::Span<const RowKey> keys,
                       std::vector<std::optional<Row>>* rows) override;
  bool usable() const override;

  absl::StatusOr<Meta> Begin(absl::Span<const RowKey> rows,
                             std::vector<int64_t>* versions) override;
  absl::Status Apply(absl::Span<const RowWrite* const> rows,
                     absl::Span<const Change> changes) override;
  absl::StatusOr<bool> CommitAt(const Meta& before, const Meta& after,
                                absl::Span<const RowWrite* const> rows,
                                absl::Span<const Change> changes) override;
  absl::Status Fill(TableId table, absl::Span<const RowWrite> rows) override;
  absl::Status Commit(const Meta& meta) override;
  void Rollback() override;

  // Says with what number the next Commit is to be recorded.
  void set_commit_number(std::function<int64_t()> next) { next_commit_ = std::move(next); }

 private:
  struct ResultDeleter {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  using Result = std::unique_ptr<PGresult, ResultDeleter>;

  // What has been sent, and whose result is to be read.
  struct Expected {
    enum class Kind { kPrepare, kStatement, kSync };
    Kind kind;
    std::string sql;
  };

  PostgresConnection(const PostgresSettings& settings, const Catalog* catalog)
      : settings_(settings), catalog_(catalog) {}

  absl::Status Connect();
  void Send(const std::string& sql, absl::Span<const Param> params);
  // Reads the results of all that was sent; gives those of the statements since
  // the last time.
  absl::StatusOr<std::vector<Result>> Sync();
  absl::StatusOr<std::vector<Result>> Drain();
  // The results of what `send` sends.
  absl::StatusOr<std::vector<Result>> RunAll(absl::FunctionRef<void()> send);
  // Sends one statement, and reads its result.
  absl::StatusOr<Result> Run(const std::string& sql, absl::Span<const Param> params);
  // Ends the transaction.
  absl::Status SendCommit(const Meta& meta);
  absl::Status Error(const PGresult* result, std::string_view doing);

  const PostgresSettings settings_;
  const Catalog* const catalog_;
  std::function<int64_t()> next_commit_;
  PGconn* connection_ = nullptr;
  bool broken_ = false;
  // BEGIN was sent, but nothing was read in this snapshot yet.
  bool fresh_snapshot_ = false;
  bool in_transaction_ = false;
  bool at_once_ = false;  // within CommitAt
  bool refuted_ = false;  // the last error says that the database is not as was taken for granted
  int64_t next_name_ = 0;
  absl::flat_hash_map<std::string, std::string> prepared_;  // name by text
  std::deque<Expected> expected_;
};

}  // namespace caravan::store
