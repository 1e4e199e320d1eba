#include "services/common/store/postgres_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/store/sql.h"
#include "services/common/store/store_errors.h"

namespace caravan::store {
namespace {

// Scans with all their terms and orders have many texts; past this number the
// statements are prepared anew.
constexpr size_t kMaxStatements = 500;

// A row that is inserted exists already.
constexpr std::string_view kUniqueViolation = "23505";

// Types, as pg_type numbers them.
constexpr Oid kBytea = 17, kInt8 = 20, kByteaArray = 1001, kInt8Array = 1016;

uint64_t LoadBigEndian(const char* bytes, int size) {
  uint64_t value = 0;
  for (int i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void AppendBigEndian(std::string* out, uint64_t value, int size) {
  for (int i = size - 1; i >= 0; --i) out->push_back(static_cast<char>(value >> (8 * i)));
}

class PostgresRow : public ResultRow {
 public:
  PostgresRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool IsNull(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
  int64_t Integer(int column) const override {
    return static_cast<int64_t>(
        LoadBigEndian(PQgetvalue(result_, row_, column), PQgetlength(result_, row_, column)));
  }
  std::string_view Bytes(int column) const override {
    return {PQgetvalue(result_, row_, column),
            static_cast<size_t>(PQgetlength(result_, row_, column))};
  }

 private:
  const PGresult* result_;
  int row_;
};

// Parameters in PostgreSQL's binary form.
class Parameters {
 public:
  explicit Parameters(absl::Span<const Param> params) {
    // The views into storage_ stay, as it never grows past its room.
    storage_.reserve(params.size());
    for (const Param& param : params) Add(param);
  }

  int size() const { return static_cast<int>(types_.size()); }
  const Oid* types() const { return types_.data(); }
  const char* const* values() const { return values_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }

 private:
  void Add(const Param& param) {
    if (const int64_t* integer = std::get_if<int64_t>(&param)) {
      std::string& bytes = storage_.emplace_back();
      AppendBigEndian(&bytes, static_cast<uint64_t>(*integer), 8);
      AddBytes(kInt8, bytes);
    } else if (const std::string_view* text = std::get_if<std::string_view>(&param)) {
      AddBytes(kBytea, *text);
    } else if (const auto* integers = std::get_if<absl::Span<const int64_t>>(&param)) {
      std::string& bytes = AddArray(kInt8, integers->size());
      for (int64_t integer : *integers) {
        AppendBigEndian(&bytes, 8, 4);
        AppendBigEndian(&bytes, static_cast<uint64_t>(integer), 8);
      }
      AddBytes(kInt8Array, bytes);
    } else {
      const auto& texts = std::get<absl::Span<const std::string_view>>(param);
      std::string& bytes = AddArray(kBytea, texts.size());
      for (std::string_view text : texts) {
        AppendBigEndian(&bytes, text.size(), 4);
        bytes.append(text);
      }
      AddBytes(kByteaArray, bytes);
    }
  }

  // Begins an array: dimensions, whether there are nulls, type, size, first index.
  std::string& AddArray(Oid type, size_t size) {
    std::string& bytes = storage_.emplace_back();
    AppendBigEndian(&bytes, 1, 4);
    AppendBigEndian(&bytes, 0, 4);
    AppendBigEndian(&bytes, type, 4);
    AppendBigEndian(&bytes, size, 4);
    AppendBigEndian(&bytes, 1, 4);
    return bytes;
  }

  void AddBytes(Oid type, std::string_view bytes) {
    types_.push_back(type);
    // A null pointer would be NULL.
    values_.push_back(bytes.data() == nullptr ? "" : bytes.data());
    lengths_.push_back(static_cast<int>(bytes.size()));
    formats_.push_back(1);
  }

  std::vector<std::string> storage_;
  std::vector<Oid> types_;
  std::vector<const char*> values_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

// The columns of rows, as one array each.
class ColumnArrays {
 public:
  ColumnArrays(const Table& table, absl::Span<const RowWrite* const> rows) {
    integers_.resize(table.columns.size());
    texts_.resize(table.columns.size());
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const bool text = table.columns[i].type == Column::Type::kText;
      is_text_.push_back(text);
      for (const RowWrite* row : rows) {
        if (text) {
          texts_[i].push_back(std::get<std::string>(row->columns[i]));
        } else {
          integers_[i].push_back(std::get<int64_t>(row->columns[i]));
        }
      }
    }
  }

  void AppendTo(std::vector<Param>* params) const {
    for (size_t i = 0; i < is_text_.size(); ++i) {
      if (is_text_[i]) {
        params->push_back(absl::MakeConstSpan(texts_[i]));
      } else {
        params->push_back(absl::MakeConstSpan(integers_[i]));
      }
    }
  }

 private:
  std::vector<bool> is_text_;
  std::vector<std::vector<int64_t>> integers_;
  std::vector<std::vector<std::string_view>> texts_;
};

const std::string& WriteMetaAt() {
  static const auto& text = *new std::string(sql::WriteMetaAt());
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PostgresConnection>> PostgresConnection::Open(
    const PostgresSettings& settings, const Catalog* catalog) {
  auto connection = std::unique_ptr<PostgresConnection>(new PostgresConnection(settings, catalog));
  if (absl::Status status = connection->Connect(); !status.ok()) return status;
  return connection;
}

PostgresConnection::~PostgresConnection() { PQfinish(connection_); }

bool PostgresConnection::usable() const {
  return !broken_ && connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK;
}

absl::Status PostgresConnection::Connect() {
  PQfinish(connection_);
  prepared_.clear();
  expected_.clear();
  broken_ = in_transaction_ = fresh_snapshot_ = false;
  // What the connection string says comes last, so it counts.
  const char* keywords[] = {"connect_timeout",  "tcp_user_timeout", "keepalives_idle",
                            "application_name", "dbname",           nullptr};
  const char* values[] = {"5", "10000", "10", "caravan", settings_.conninfo.c_str(), nullptr};
  connection_ = PQconnectdbParams(keywords, values, 1);
  if (PQstatus(connection_) != CONNECTION_OK) return Error(nullptr, "connect");
  PQsetNoticeReceiver(
      connection_, [](void*, const PGresult*) {}, nullptr);
  // Scans go along an index, always: how long they take must not depend on what
  // the planner guesses of a table's size.
  const std::string settings =
      absl::StrCat("SET search_path = ", sql::Quoted(settings_.schema),
                   "; SET synchronous_commit = on; SET jit = off; SET enable_seqscan = off; "
                   "SET enable_bitmapscan = off; SET plan_cache_mode = ",
                   settings_.plan_once ? "force_generic_plan" : "auto",
                   "; SET idle_in_transaction_session_timeout = ",
                   absl::ToInt64Milliseconds(settings_.idle_timeout));
  const Result result(PQexec(connection_, settings.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) return Error(result.get(), "set up");
  PQenterPipelineMode(connection_);
  return absl::OkStatus();
}

absl::Status PostgresConnection::Error(const PGresult* result, std::string_view doing) {
  const char* field = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view state = field == nullptr ? "" : field;
  refuted_ = at_once_ &&
             ((state == sql::kNotAtVersion && doing == WriteMetaAt()) || state == kUniqueViolation);
  if (refuted_) return StatementError();
  if (settings_.log) {
    settings_.log(absl::StrCat(
        "postgresql: ", doing, ": ",
        result == nullptr ? PQerrorMessage(connection_) : PQresultErrorMessage(result)));
  }
  if (state == "53100") return FullError();
  // The connection, resources, intervention of an operator, a read-only server,
  // deadlocks and locks.
  for (std::string_view retryable : {"08", "53", "57", "25006", "40", "55P03"}) {
    if (absl::StartsWith(state, retryable)) {
      if (retryable != "40" && retryable != "55P03") broken_ = true;
      return UnavailableError();
    }
  }
  if (state.empty() || PQstatus(connection_) != CONNECTION_OK) {
    broken_ = true;
    return UnavailableError();
  }
  return StatementError();
}

void PostgresConnection::Send(const std::string& sql, absl::Span<const Param> params) {
  const Parameters parameters(params);
  auto it = prepared_.find(sql);
  if (it == prepared_.end()) {
    const std::string name = absl::StrCat("s", next_name_++);
    if (PQsendPrepare(connection_, name.c_str(), sql.c_str(), parameters.size(),
                      parameters.types()) != 1) {
      broken_ = true;
      return;
    }
    expected_.push_back({Expected::Kind::kPrepare, sql});
    it = prepared_.emplace(sql, name).first;
  }
  if (PQsendQueryPrepared(connection_, it->second.c_str(), parameters.size(), parameters.values(),
                          parameters.lengths(), parameters.formats(), 1) != 1) {
    broken_ = true;
    return;
  }
  expected_.push_back({Expected::Kind::kStatement, sql});
}

absl::StatusOr<std::vector<PostgresConnection::Result>> PostgresConnection::Sync() {
  if (broken_ || PQpipelineSync(connection_) != 1) {
    broken_ = true;
    return UnavailableError();
  }
  expected_.push_back({Expected::Kind::kSync, ""});
  return Drain();
}

absl::StatusOr<std::vector<PostgresConnection::Result>> PostgresConnection::Drain() {
  std::vector<Result> results;
  absl::Status status;
  while (!expected_.empty()) {
    const Expected expected = std::move(expected_.front());
    expected_.pop_front();
    Result result(PQgetResult(connection_));
    if (result == nullptr) return Error(nullptr, "read");
    switch (PQresultStatus(result.get())) {
      case PGRES_PIPELINE_SYNC:
        // What an earlier use of the connection left behind is of no interest.
        if (!expected_.empty()) {
          results.clear();
          status = absl::OkStatus();
        }
        continue;
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
        if (expected.kind == Expected::Kind::kStatement) results.push_back(std::move(result));
        break;
      case PGRES_PIPELINE_ABORTED:
        if (expected.kind == Expected::Kind::kPrepare) prepared_.erase(expected.sql);
        break;
      default:
        if (expected.kind == Expected::Kind::kPrepare) prepared_.erase(expected.sql);
        if (status.ok()) status = Error(result.get(), expected.sql);
        if (broken_) return status;
    }
    // The null that ends the results of a statement.
    while (Result rest{PQgetResult(connection_)}) {
    }
  }
  if (!status.ok()) return status;
  return results;
}

absl::StatusOr<std::vector<PostgresConnection::Result>> PostgresConnection::RunAll(
    absl::FunctionRef<void()> send) {
  const bool fresh = fresh_snapshot_;
  fresh_snapshot_ = false;
  send();
  absl::StatusOr<std::vector<Result>> results = Sync();
  if (!results.ok() && fresh && !usable()) {
    // The connection broke while it was idle; nothing was read on it yet.
    if (absl::Status status = Connect(); !status.ok()) return status;
    if (absl::Status status = BeginSnapshot(); !status.ok()) return status;
    fresh_snapshot_ = false;
    send();
    results = Sync();
  }
  return results;
}

absl::StatusOr<PostgresConnection::Result> PostgresConnection::Run(const std::string& sql,
                                                                   absl::Span<const Param> params) {
  absl::StatusOr<std::vector<Result>> results = RunAll([&] { Send(sql, params); });
  if (!results.ok()) return results.status();
  return std::move(results->back());
}

absl::Status PostgresConnection::GetRows(absl::Span<const RowKey> keys,
                                         std::vector<std::optional<Row>>* rows) {
  absl::flat_hash_map<TableId, std::vector<std::string_view>> by_table;
  for (const RowKey& key : keys) by_table[key.table].push_back(key.key);
  std::vector<TableId> tables;
  for (const auto& [table, wanted] : by_table) tables.push_back(table);
  absl::StatusOr<std::vector<Result>> results = RunAll([&] {
    for (TableId table : tables) {
      Send(catalog_->table(table).sql.get_many, {absl::MakeConstSpan(by_table[table])});
    }
  });
  if (!results.ok()) return results.status();
  // Before them there may be that of BEGIN.
  const size_t first = results->size() - tables.size();
  absl::flat_hash_map<std::pair<TableId, std::string_view>, Row> found;
  for (size_t i = 0; i < tables.size(); ++i) {
    const PGresult* result = (*results)[first + i].get();
    for (int n = 0; n < PQntuples(result); ++n) {
      const PostgresRow row(result, n);
      found[{tables[i], row.Bytes(0)}] =
          Row{std::string(row.Bytes(0)), row.Integer(1), std::string(row.Bytes(2))};
    }
  }
  for (const RowKey& key : keys) {
    auto it = found.find({key.table, key.key});
    rows->push_back(it == found.end() ? std::nullopt : std::optional<Row>(it->second));
  }
  return absl::OkStatus();
}

absl::Status PostgresConnection::Query(const std::string& sql, absl::Span<const Param> params,
                                       absl::FunctionRef<bool(const ResultRow& row)> visit) {
  const absl::StatusOr<Result> result = Run(sql, params);
  if (!result.ok()) return result.status();
  const int rows = PQntuples(result->get());
  for (int i = 0; i < rows; ++i) {
    if (!visit(PostgresRow(result->get(), i))) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PostgresConnection::Execute(const std::string& sql,
                                                    absl::Span<const Param> params) {
  const absl::StatusOr<Result> result = Run(sql, params);
  if (!result.ok()) return result.status();
  int64_t rows = 0;
  // Empty where the statement changes no rows.
  if (!absl::SimpleAtoi(PQcmdTuples(result->get()), &rows)) return 0;
  return rows;
}

absl::Status PostgresConnection::BeginSnapshot() {
  if (prepared_.size() > kMaxStatements) {
    if (absl::Status status = Execute("DEALLOCATE ALL", {}).status(); !status.ok()) return status;
    prepared_.clear();
  }
  Send("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", {});
  fresh_snapshot_ = true;
  return absl::OkStatus();
}

void PostgresConnection::EndSnapshot() {
  fresh_snapshot_ = false;
  if (!usable()) return;
  // Its result is read with that of the next statement.
  Send("COMMIT", {});
  if (PQpipelineSync(connection_) != 1) {
    broken_ = true;
    return;
  }
  expected_.push_back({Expected::Kind::kSync, ""});
}

absl::StatusOr<Meta> PostgresConnection::Begin(absl::Span<const RowKey> rows,
                                               std::vector<int64_t>* versions) {
  absl::flat_hash_map<TableId, std::vector<std::string_view>> keys;
  for (const RowKey& row : rows) keys[row.table].push_back(row.key);
  Send("BEGIN ISOLATION LEVEL READ COMMITTED", {});
  in_transaction_ = true;
  Send(sql::LockMeta(), {});
  std::vector<TableId> tables;
  for (const auto& [table, all] : keys) {
    tables.push_back(table);
    Send(catalog_->table(table).sql.versions, {Param(absl::MakeConstSpan(all))});
  }
  absl::StatusOr<std::vector<Result>> results = Sync();
  if (!results.ok()) return results.status();
  if (results->size() != 2 + tables.size() || PQntuples((*results)[1].get()) != 1) {
    return StatementError();
  }
  if (!rows.empty()) {
    absl::flat_hash_map<std::pair<TableId, std::string_view>, int64_t> found;
    for (size_t i = 0; i < tables.size(); ++i) {
      const PGresult* result = (*results)[2 + i].get();
      for (int row = 0; row < PQntuples(result); ++row) {
        const PostgresRow values(result, row);
        found[{tables[i], values.Bytes(0)}] = values.Integer(1);
      }
    }
    for (const RowKey& row : rows) {
      auto it = found.find({row.table, row.key});
      versions->push_back(it == found.end() ? 0 : it->second);
    }
  }
  const PostgresRow meta((*results)[1].get(), 0);
  return Meta{meta.Integer(0), meta.Integer(1), meta.Integer(2),
              meta.Integer(3), meta.Integer(4), meta.Integer(5)};
}

absl::Status PostgresConnection::Apply(absl::Span<const RowWrite* const> rows,
                                       absl::Span<const Change> changes) {
  // What is done with rows of a table: an upsert costs more than either half.
  enum Action { kUpsert, kUpdate, kInsert, kRemove };
  constexpr std::string TableSql::*kStatements[] = {&TableSql::upsert_many, &TableSql::update_many,
                                                    &TableSql::insert_many, &TableSql::remove_many};
  absl::flat_hash_map<std::pair<TableId, Action>, std::vector<const RowWrite*>> writes;
  for (const RowWrite* row : rows) {
    const Action action = row->version == 0                           ? kRemove
                          : row->before == RowWrite::Before::kPresent ? kUpdate
                          : row->before == RowWrite::Before::kAbsent  ? kInsert
                                                                      : kUpsert;
    writes[{row->table, action}].push_back(row);
  }
  for (const auto& [what, its] : writes) {
    const auto& [id, action] = what;
    const TableInfo& table = catalog_->table(id);
    std::vector<std::string_view> keys, data;
    std::vector<int64_t> versions;
    for (const RowWrite* row : its) {
      keys.push_back(row->key);
      versions.push_back(row->version);
      data.push_back(row->data);
    }
    std::vector<Param> params = {absl::MakeConstSpan(keys)};
    const ColumnArrays columns(table.table, action == kRemove ? absl::Span<const RowWrite* const>()
                                                              : absl::MakeConstSpan(its));
    if (action != kRemove) {
      params.insert(params.end(),
                    {absl::MakeConstSpan(versions), catalog_->layout(), absl::MakeConstSpan(data)});
      columns.AppendTo(&params);
    }
    Send(table.sql.*kStatements[action], params);
  }
  if (changes.empty()) return absl::OkStatus();
  std::vector<int64_t> revisions, ends, times;
  std::vector<std::string_view> resources, records, befores, afters;
  for (const Change& change : changes) {
    revisions.push_back(change.revision);
    ends.push_back(change.transaction_end_revision);
    times.push_back(absl::ToUnixMicros(change.commit_time));
    resources.push_back(change.resource);
    records.push_back(change.record);
    befores.push_back(change.before);
    afters.push_back(change.after);
  }
  Send(sql::InsertChanges(),
       {absl::MakeConstSpan(revisions), absl::MakeConstSpan(ends), absl::MakeConstSpan(times),
        absl::MakeConstSpan(resources), absl::MakeConstSpan(records), absl::MakeConstSpan(befores),
        absl::MakeConstSpan(afters)});
  return absl::OkStatus();
}

absl::Status PostgresConnection::Fill(TableId id, absl::Span<const RowWrite> rows) {
  if (rows.empty()) return absl::OkStatus();
  const TableInfo& table = catalog_->table(id);
  std::vector<const RowWrite*> all;
  std::vector<std::string_view> keys;
  for (const RowWrite& row : rows) {
    all.push_back(&row);
    keys.push_back(row.key);
  }
  const ColumnArrays columns(table.table, all);
  std::vector<Param> params = {absl::MakeConstSpan(keys), catalog_->layout()};
  columns.AppendTo(&params);
  return Execute(table.sql.fill_many, params).status();
}

absl::StatusOr<bool> PostgresConnection::CommitAt(const Meta& before, const Meta& after,
                                                  absl::Span<const RowWrite* const> rows,
                                                  absl::Span<const Change> changes) {
  Send("BEGIN ISOLATION LEVEL READ COMMITTED", {});
  in_transaction_ = true;
  // First, for it locks the meta row; where it fails, the rest is skipped.
  Send(WriteMetaAt(),
       {after.revision, after.version, after.commit_time, before.version, before.layout_epoch});
  absl::Status status = Apply(rows, changes);
  refuted_ = false;
  at_once_ = true;
  if (status.ok()) status = SendCommit(after);
  at_once_ = false;
  if (status.ok()) return true;
  if (refuted_) {
    Rollback();
    return false;
  }
  return status;
}

absl::Status PostgresConnection::Commit(const Meta& meta) {
  Send(sql::WriteMeta(), {meta.revision, meta.version, meta.commit_time, meta.oldest,
                          meta.oldest_with_images, meta.layout_epoch});
  return SendCommit(meta);
}

absl::Status PostgresConnection::SendCommit(const Meta& meta) {
  Send(sql::RecordCommit(), {std::string_view(settings_.writer), next_commit_(), meta.commit_time});
  Send("COMMIT", {});
  absl::Status status = Sync().status();
  if (status.ok()) in_transaction_ = false;
  return IsDatabaseAway(status) && !usable() ? CommitUnknownError() : status;
}

void PostgresConnection::Rollback() {
  if (!in_transaction_ || !usable()) return;
  in_transaction_ = false;
  // After an error, this has to lie behind a Sync, or it would be skipped.
  if (!expected_.empty()) Sync().IgnoreError();
  if (usable()) Execute("ROLLBACK", {}).IgnoreError();
}

}  // namespace caravan::store
