// A connection to PostgreSQL for the store of parcels: statements are sent one after
// another, and their results read in one round trip.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/logistics/parcel_statements.h"

namespace caravan::logistics {

// Parameters in PostgreSQL's binary form. Views are to stay until they were sent.
class PostgresParams {
 public:
  PostgresParams& Int4(int32_t value);
  PostgresParams& Int8(int64_t value);
  PostgresParams& Bytes(std::string_view value);
  PostgresParams& Int4s(absl::Span<const int32_t> values);
  PostgresParams& Byteas(absl::Span<const std::string_view> values);

 private:
  friend class PostgresPipeline;
  struct Param {
    Oid type;
    const char* data;  // null: in buffer_, at `offset`
    size_t offset;
    int length;
  };
  void AddBuffered(Oid type, size_t offset);
  void BeginArray(Oid type, size_t size);

  std::vector<Param> params_;
  std::string buffer_;
};

// The rows that a statement gave.
class PostgresRows {
 public:
  explicit PostgresRows(PGresult* result) : result_(result) {}
  const PGresult* get() const { return result_.get(); }
  ExecStatusType status() const { return PQresultStatus(result_.get()); }
  int size() const { return PQntuples(result_.get()); }
  int64_t Integer(int row, int column) const;  // of 4 or 8 bytes
  std::string_view Bytes(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<size_t>(PQgetlength(result_.get(), row, column))};
  }

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

struct PostgresPipelineSettings {
  std::string connection;
  std::string schema;
  // After how long without a statement the server ends a transaction.
  absl::Duration idle_timeout = absl::Minutes(1);
  std::function<void(std::string_view)> log;
};

// Of one thread at a time.
class PostgresPipeline {
 public:
  static absl::StatusOr<std::unique_ptr<PostgresPipeline>> Open(
      const PostgresPipelineSettings& settings);
  ~PostgresPipeline();

  // The connection still works.
  bool usable() const;

  void Send(const ParcelStatement& statement, const PostgresParams& params = {});
  // The same for what makes the tables, which is not kept prepared.
  void SendOnce(std::string_view sql);
  // Has the server begin with what was sent.
  void Flush();
  // Whether anything was sent for which nobody has waited.
  bool has_sent() const { return !expected_.empty(); }
  // Waits for what was sent. Outside a transaction, all of it is one. After an error
  // the rest was skipped.
  absl::StatusOr<std::vector<PostgresRows>> Sync();

 private:
  explicit PostgresPipeline(const PostgresPipelineSettings& settings) : settings_(settings) {}

  absl::Status Connect();
  absl::Status Error(const PGresult* result, std::string_view doing);
  // What was sent, and whose result is to be read.
  struct Expected {
    const ParcelStatement* prepares;  // null: it does not prepare
    std::string_view sql;
  };

  const PostgresPipelineSettings settings_;
  PGconn* connection_ = nullptr;
  bool broken_ = false;
  std::vector<bool> prepared_;  // by number of the statement
  std::vector<Expected> expected_;
  std::deque<std::string> once_;  // texts that `expected_` refers to
};

}  // namespace caravan::logistics
