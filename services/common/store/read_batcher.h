// Reads by key for bodies that run ahead of the committer, at the same time:
// what several of them want is fetched in one round trip.
//
// Such reads are not of one state. The committer checks that every row is still
// as it was read, so whatever is committed, or answered, was decided on one
// state. Scans are not checked; from the first scan on, everything is read from
// one snapshot: a guard row that is read before the scan and has not changed
// since says that the set has not, either, and one that is read after it is of
// the same state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"
#include "services/common/store/sql_reader.h"
#include "services/common/store/store.h"

namespace caravan::store {

class ReadBatcher {
 public:
  explicit ReadBatcher(Engine* engine) : engine_(engine) {}

  // The rows of keys; waits for the round trip. Any thread.
  absl::Status GetRows(absl::Span<const RowKey> keys, std::vector<std::optional<Row>>* rows);

 private:
  struct Request {
    absl::Span<const RowKey> keys;
    std::vector<std::optional<Row>>* rows;
    absl::Status status = {};
    bool done = false;
  };

  // Fetches for all requests; whoever finds nobody doing that does it.
  void Fetch(const std::vector<Request*>& requests);

  Engine* const engine_;
  absl::Mutex mutex_;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Request*> waiting_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Connection> connection_;  // of who is busy
};

// What a body that runs ahead reads.
class AheadReader : public Reader {
 public:
  using Connections = std::function<absl::StatusOr<std::unique_ptr<Connection>>()>;

  // `take` gives a connection for the snapshot, where there are scans.
  AheadReader(const Catalog* catalog, ReadBatcher* batcher, int64_t revision, Connections take)
      : catalog_(catalog), batcher_(batcher), revision_(revision), take_(std::move(take)) {}

  int64_t revision() const override { return revision_; }
  absl::StatusOr<std::optional<Row>> Get(TableId table, std::string_view key) override;
  absl::StatusOr<std::vector<std::optional<Row>>> GetMany(
      TableId table, absl::Span<const std::string> keys) override;
  absl::Status Scan(const ScanSpec& spec, absl::FunctionRef<bool(Row& row)> visit) override;
  absl::Status ScanChanges(const ChangeScan& spec,
                           absl::FunctionRef<bool(Change& change)> visit) override;

  // Everything was read at one time, so the answer needs no check.
  bool one_state() const { return reads_ <= 1; }
  // A read failed because the database is away.
  bool away() const { return away_; }
  // Ends the snapshot, and gives the connection back, where there was one.
  std::unique_ptr<Connection> Finish();

 private:
  absl::Status BeginSnapshot();
  absl::Status Note(absl::Status status);

  const Catalog* const catalog_;
  ReadBatcher* const batcher_;
  const int64_t revision_;
  const Connections take_;
  int reads_ = 0;
  bool away_ = false;
  std::unique_ptr<Connection> connection_;
  std::optional<SqlReader> snapshot_;
};

}  // namespace caravan::store
