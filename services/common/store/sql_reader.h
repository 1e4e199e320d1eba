// Reads through a connection: the Reader of both engines.
#pragma once

#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"
#include "services/common/store/store.h"

namespace caravan::store {

class SqlReader : public Reader {
 public:
  // Reads one state, not older than `revision`, which it begins with the first
  // read and ends with this object.
  SqlReader(const Catalog* catalog, Connection* connection, int64_t revision)
      : catalog_(catalog), connection_(connection), revision_(revision), owns_snapshot_(true) {}

  // Reads within the transaction of a writer.
  SqlReader(const Catalog* catalog, WriterConnection* writer, const Meta& meta)
      : catalog_(catalog), connection_(writer), revision_(meta.revision), begun_(true) {}

  ~SqlReader() override;
  SqlReader(const SqlReader&) = delete;

  int64_t revision() const override { return revision_; }
  absl::StatusOr<std::optional<Row>> Get(TableId table, std::string_view key) override;
  absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId table, absl::Span<const std::string> keys) override;
  absl::Status Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) override;
  absl::Status ScanChanges(const ChangeScan& spec,
                           absl::FunctionRef<bool(Change& change)> visit) override;

 private:
  absl::Status Begin();
  absl::Status CheckScan(const ScanSpec& spec) const;
  // The layout epoch of this state, where the columns that a scan uses are ready
  // in it.
  absl::StatusOr<int64_t> CheckLayout(const ScanSpec& spec);
  // Rows or changes to fetch next: PostgreSQL sends all that a statement yields.
  int64_t NextChunk(int64_t fetched, int64_t limit) const;

  const Catalog* const catalog_;
  Connection* const connection_;
  const int64_t revision_;
  const bool owns_snapshot_ = false;
  bool begun_ = false;
};

}  // namespace caravan::store
