#include <libpq-fe.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/load/raw_database.h"

namespace caravan::load {
namespace {

constexpr uint32_t kByteaOid = 17;
constexpr uint32_t kBigintOid = 20;

template <class Integer>
void Append(std::string& out, Integer value) {
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(static_cast<uint64_t>(value) >> shift);
  }
}

// PostgreSQL's binary form of an array of one dimension.
class Array {
 public:
  Array(uint32_t element_type, size_t size) {
    Append<uint32_t>(bytes_, 1);
    Append<uint32_t>(bytes_, 0);
    Append<uint32_t>(bytes_, element_type);
    Append<uint32_t>(bytes_, static_cast<uint32_t>(size));
    Append<uint32_t>(bytes_, 1);
  }
  void Add(int64_t value) {
    Append<uint32_t>(bytes_, sizeof(value));
    Append(bytes_, value);
  }
  void Add(const std::string& value) {
    Append<uint32_t>(bytes_, static_cast<uint32_t>(value.size()));
    bytes_ += value;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

std::string Bigint(int64_t value) {
  std::string bytes;
  Append(bytes, value);
  return bytes;
}

struct Statement {
  const char* name;
  const char* sql;
};
constexpr Statement kBegin = {"begin", "BEGIN"};
constexpr Statement kRows = {
    "rows",
    "UPDATE enterprises AS t SET version = u.version, data = u.data FROM "
    "unnest($1::bytea[], $2::bigint[], $3::bytea[]) AS u (key, version, data) "
    "WHERE t.key = u.key"};
constexpr Statement kChanges = {
    "changes",
    "INSERT INTO store_changes SELECT u.revision, u.revision, $2::bigint, u.key, $3::bytea, "
    "u.before, u.after FROM unnest($1::bigint[], $4::bytea[], $5::bytea[], $6::bytea[]) "
    "AS u (revision, key, before, after)"};
constexpr Statement kAnswers = {"answers",
                                "INSERT INTO requests (key, version, layout, data, c_expire_time) "
                                "SELECT u.key, u.version, 1, $3::bytea, $4::bigint FROM "
                                "unnest($1::bytea[], $2::bigint[]) AS u (key, version)"};
constexpr Statement kCounters = {
    "counters",
    "UPDATE store_meta SET revision = $1::bigint, version = $2::bigint, "
    "commit_time = $3::bigint"};
constexpr Statement kCommit = {"commit", "COMMIT"};

class RawPostgres final : public RawDatabase {
 public:
  explicit RawPostgres(PGconn* connection) : connection_(connection) {}
  ~RawPostgres() override { PQfinish(connection_); }

  absl::Status Start(const std::string& schema) {
    if (PQstatus(connection_) != CONNECTION_OK) return Error();
    if (!Execute(absl::StrCat("SET search_path TO ", schema))) return Error();
    for (const Statement& statement : {kBegin, kRows, kChanges, kAnswers, kCounters, kCommit}) {
      PGresult* result = PQprepare(connection_, statement.name, statement.sql, 0, nullptr);
      const bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
      PQclear(result);
      if (!ok) return Error();
    }
    PGresult* counters = PQexec(connection_, "SELECT revision, version FROM store_meta");
    const bool found = PQntuples(counters) == 1;
    if (found) {
      revision_ = std::stoll(PQgetvalue(counters, 0, 0));
      version_ = std::stoll(PQgetvalue(counters, 0, 1));
    }
    PQclear(counters);
    return found ? absl::OkStatus() : Error();
  }

  absl::StatusOr<std::vector<RawUpdate>> Read(const std::vector<std::string>& keys) override {
    Array array(kByteaOid, keys.size());
    for (const std::string& key : keys) array.Add(key);
    const char* value = array.bytes().data();
    const int length = static_cast<int>(array.bytes().size());
    const int binary = 1;
    PGresult* result =
        PQexecParams(connection_, "SELECT key, data FROM enterprises WHERE key = ANY($1::bytea[])",
                     1, nullptr, &value, &length, &binary, 1);
    std::vector<RawUpdate> rows;
    for (int i = 0; i < PQntuples(result); ++i) {
      rows.push_back({std::string(PQgetvalue(result, i, 0), PQgetlength(result, i, 0)),
                      std::string(PQgetvalue(result, i, 1), PQgetlength(result, i, 1))});
    }
    PQclear(result);
    return rows;
  }

  // One round trip.
  absl::Status Commit(const std::vector<const RawUpdate*>& updates) override {
    const size_t n = updates.size();
    Array keys(kByteaOid, n), befores(kByteaOid, n), afters(kByteaOid, n);
    Array request_keys(kByteaOid, n), revisions(kBigintOid, n), versions(kBigintOid, n);
    for (const RawUpdate* update : updates) {
      keys.Add(update->key);
      befores.Add(update->before);
      afters.Add(update->after);
      request_keys.Add(update->request_key);
      revisions.Add(++revision_);
      versions.Add(++version_);
    }
    const std::string now = Bigint(absl::ToUnixMicros(absl::Now()));
    if (PQenterPipelineMode(connection_) != 1) return Error();
    const bool sent =
        Send(kBegin, {}) && Send(kRows, {keys.bytes(), versions.bytes(), afters.bytes()}) &&
        Send(kChanges,
             {revisions.bytes(), now, record_, keys.bytes(), befores.bytes(), afters.bytes()}) &&
        Send(kAnswers, {request_keys.bytes(), versions.bytes(), kept_, now}) &&
        Send(kCounters, {Bigint(revision_), Bigint(version_), now}) && Send(kCommit, {}) &&
        PQpipelineSync(connection_) == 1;
    if (!sent) return Error();
    bool ok = true;
    for (bool synced = false; !synced;) {
      PGresult* result = PQgetResult(connection_);
      if (result == nullptr) continue;  // between two statements
      const ExecStatusType status = PQresultStatus(result);
      synced = status == PGRES_PIPELINE_SYNC || PQstatus(connection_) != CONNECTION_OK;
      ok = ok && (synced || status == PGRES_COMMAND_OK);
      PQclear(result);
    }
    return ok && PQexitPipelineMode(connection_) == 1 ? absl::OkStatus() : Error();
  }

 private:
  absl::Status Error() { return absl::InternalError(PQerrorMessage(connection_)); }

  bool Execute(const std::string& sql) {
    PGresult* result = PQexec(connection_, sql.c_str());
    const bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return ok;
  }

  bool Send(const Statement& statement, const std::vector<std::string>& parameters) {
    std::vector<const char*> values;
    std::vector<int> lengths;
    for (const std::string& parameter : parameters) {
      values.push_back(parameter.data());
      lengths.push_back(static_cast<int>(parameter.size()));
    }
    const std::vector<int> binary(parameters.size(), 1);
    return PQsendQueryPrepared(connection_, statement.name, static_cast<int>(parameters.size()),
                               values.data(), lengths.data(), binary.data(), 1) == 1;
  }

  PGconn* const connection_;
  int64_t revision_ = 0;
  int64_t version_ = 0;
  const std::string record_ = std::string(kRecordBytes, 'r');
  const std::string kept_ = std::string(kAnswerBytes, 'a');
};

}  // namespace

absl::StatusOr<std::unique_ptr<RawDatabase>> OpenRawPostgres(const std::string& conninfo,
                                                             const std::string& schema) {
  auto database = std::make_unique<RawPostgres>(PQconnectdb(conninfo.c_str()));
  if (absl::Status status = database->Start(schema); !status.ok()) return status;
  return database;
}

}  // namespace caravan::load
