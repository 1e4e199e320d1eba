#include "services/logistics/postgres_pipeline.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/common/store/store_errors.h"

namespace caravan::logistics {
namespace {

// Types, as pg_type numbers them.
constexpr Oid kBytea = 17, kInt8 = 20, kInt4 = 23;
constexpr Oid kByteaArray = 1001, kInt4Array = 1007;

void AppendInt4(std::string* out, int32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out->push_back(static_cast<char>(static_cast<uint32_t>(value) >> shift));
  }
}

void AppendInt8(std::string* out, int64_t value) {
  AppendInt4(out, static_cast<int32_t>(value >> 32));
  AppendInt4(out, static_cast<int32_t>(value));
}

}  // namespace

void PostgresParams::AddBuffered(Oid type, size_t offset) {
  params_.push_back({type, nullptr, offset, static_cast<int>(buffer_.size() - offset)});
}

PostgresParams& PostgresParams::Int4(int32_t value) {
  const size_t offset = buffer_.size();
  AppendInt4(&buffer_, value);
  AddBuffered(kInt4, offset);
  return *this;
}

PostgresParams& PostgresParams::Int8(int64_t value) {
  const size_t offset = buffer_.size();
  AppendInt8(&buffer_, value);
  AddBuffered(kInt8, offset);
  return *this;
}

PostgresParams& PostgresParams::Bytes(std::string_view value) {
  // A null pointer would be NULL.
  params_.push_back(
      {kBytea, value.data() == nullptr ? "" : value.data(), 0, static_cast<int>(value.size())});
  return *this;
}

// Dimensions, whether there are nulls, type, size, first index.
void PostgresParams::BeginArray(Oid type, size_t size) {
  for (int32_t value : {1, 0, static_cast<int32_t>(type), static_cast<int32_t>(size), 1}) {
    AppendInt4(&buffer_, value);
  }
}

PostgresParams& PostgresParams::Int4s(absl::Span<const int32_t> values) {
  const size_t offset = buffer_.size();
  BeginArray(kInt4, values.size());
  for (int32_t value : values) {
    AppendInt4(&buffer_, 4);
    AppendInt4(&buffer_, value);
  }
  AddBuffered(kInt4Array, offset);
  return *this;
}

PostgresParams& PostgresParams::Byteas(absl::Span<const std::string_view> values) {
  const size_t offset = buffer_.size();
  BeginArray(kBytea, values.size());
  for (std::string_view value : values) {
    AppendInt4(&buffer_, static_cast<int32_t>(value.size()));
    buffer_.append(value);
  }
  AddBuffered(kByteaArray, offset);
  return *this;
}

int64_t PostgresRows::Integer(int row, int column) const {
  const std::string_view bytes = Bytes(row, column);
  // A number of 4 bytes keeps its sign.
  int64_t value = !bytes.empty() && static_cast<signed char>(bytes[0]) < 0 ? -1 : 0;
  for (unsigned char byte : bytes) {
    value = static_cast<int64_t>(static_cast<uint64_t>(value) << 8 | byte);
  }
  return value;
}

absl::StatusOr<std::unique_ptr<PostgresPipeline>> PostgresPipeline::Open(
    const PostgresPipelineSettings& settings) {
  auto pipeline = std::unique_ptr<PostgresPipeline>(new PostgresPipeline(settings));
  if (absl::Status status = pipeline->Connect(); !status.ok()) return status;
  return pipeline;
}

PostgresPipeline::~PostgresPipeline() { PQfinish(connection_); }

bool PostgresPipeline::usable() const { return !broken_ && PQstatus(connection_) == CONNECTION_OK; }

absl::Status PostgresPipeline::Connect() {
  // What the connection string says comes last, so it counts.
  const char* keywords[] = {"connect_timeout",  "tcp_user_timeout", "keepalives_idle",
                            "application_name", "dbname",           nullptr};
  const char* values[] = {"5",    "10000", "10", "caravan-logistics", settings_.connection.c_str(),
                          nullptr};
  connection_ = PQconnectdbParams(keywords, values, 1);
  if (PQstatus(connection_) != CONNECTION_OK) return Error(nullptr, "connect");
  PQsetNoticeReceiver(
      connection_, [](void*, const PGresult*) {}, nullptr);
  // All goes along an index, always: how long a statement takes must not depend on what
  // the planner guesses of a table's size.
  // The journal's rows are of megabytes: where the server has LZ4, they are compressed with
  // a tenth of the work. What was written otherwise is read as before.
  const std::string setup = absl::StrCat(
      "SELECT set_config(name, 'lz4', false) FROM pg_settings WHERE name = "
      "'default_toast_compression' AND 'lz4' = ANY (enumvals); SET search_path = \"",
      settings_.schema,
      "\"; SET synchronous_commit = on; SET jit = off; SET enable_seqscan = off; "
      "SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; "
      "SET idle_in_transaction_session_timeout = ",
      absl::ToInt64Milliseconds(settings_.idle_timeout));
  const PostgresRows result(PQexec(connection_, setup.c_str()));
  if (result.status() != PGRES_COMMAND_OK) return Error(result.get(), "set up");
  PQenterPipelineMode(connection_);
  prepared_.assign(ParcelStatements::Get().all().size(), false);
  return absl::OkStatus();
}

absl::Status PostgresPipeline::Error(const PGresult* result, std::string_view doing) {
  const char* field = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field == nullptr ? "" : field;
  if (settings_.log) {
    settings_.log(absl::StrCat(
        "postgresql: ", doing.substr(0, 200), ": ",
        result == nullptr ? PQerrorMessage(connection_) : PQresultErrorMessage(result)));
  }
  if (state == "53100") return store::FullError();
  // The connection, resources, intervention of an operator, a read-only server: this
  // connection is of no more use.
  for (std::string_view lost : {"08", "53", "57", "25006"}) {
    if (absl::StartsWith(state, lost)) broken_ = true;
  }
  if (state.empty() || PQstatus(connection_) != CONNECTION_OK) broken_ = true;
  // Deadlocks and locks go by.
  if (broken_ || absl::StartsWith(state, "40") || state == "55P03") {
    return store::UnavailableError();
  }
  return store::StatementError();
}

void PostgresPipeline::Send(const ParcelStatement& statement, const PostgresParams& params) {
  if (broken_) return;
  std::vector<Oid> types;
  std::vector<const char*> values;
  std::vector<int> lengths;
  for (const PostgresParams::Param& param : params.params_) {
    types.push_back(param.type);
    values.push_back(param.data == nullptr ? params.buffer_.data() + param.offset : param.data);
    lengths.push_back(param.length);
  }
  const std::vector<int> formats(values.size(), 1);
  const int count = static_cast<int>(values.size());
  const std::string name = absl::StrCat("s", statement.number);
  bool sent = true;
  if (statement.with_arrays) {
    sent = PQsendQueryParams(connection_, statement.sql.c_str(), count, types.data(), values.data(),
                             lengths.data(), formats.data(), 1) == 1;
  } else {
    if (!prepared_[statement.number]) {
      sent =
          PQsendPrepare(connection_, name.c_str(), statement.sql.c_str(), count, types.data()) == 1;
      prepared_[statement.number] = sent;
      expected_.push_back({&statement, statement.sql});
    }
    sent = sent && PQsendQueryPrepared(connection_, name.c_str(), count, values.data(),
                                       lengths.data(), formats.data(), 1) == 1;
  }
  if (!sent) broken_ = true;
  expected_.push_back({nullptr, statement.sql});
}

void PostgresPipeline::SendOnce(std::string_view sql) {
  if (broken_) return;
  const std::string& text = once_.emplace_back(sql);
  if (PQsendQueryParams(connection_, text.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1) != 1) {
    broken_ = true;
    return;
  }
  expected_.push_back({nullptr, text});
}

void PostgresPipeline::Flush() {
  if (broken_) return;
  if (PQflush(connection_) != 0) broken_ = true;
}

absl::StatusOr<std::vector<PostgresRows>> PostgresPipeline::Sync() {
  if (broken_ || PQpipelineSync(connection_) != 1) {
    broken_ = true;
    return store::UnavailableError();
  }
  std::vector<PostgresRows> results;
  absl::Status status;
  for (const Expected& expected : expected_) {
    PostgresRows result(PQgetResult(connection_));
    if (result.get() == nullptr) return Error(nullptr, "read");
    const ExecStatusType got = result.status();
    if (got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK) {
      if (expected.prepares == nullptr) results.push_back(std::move(result));
    } else {
      if (expected.prepares != nullptr) prepared_[expected.prepares->number] = false;
      if (got != PGRES_PIPELINE_ABORTED && status.ok()) status = Error(result.get(), expected.sql);
      if (broken_) return status;
    }
    // The null that ends the results of a statement.
    while (PGresult* rest = PQgetResult(connection_)) PQclear(rest);
  }
  expected_.clear();
  once_.clear();
  const PostgresRows end(PQgetResult(connection_));
  if (end.get() == nullptr || end.status() != PGRES_PIPELINE_SYNC) {
    return Error(end.get(), "read");
  }
  if (!status.ok()) return status;
  return results;
}

}  // namespace caravan::logistics
