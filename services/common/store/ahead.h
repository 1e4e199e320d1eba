// Runs the bodies of transactions ahead of the committer, on a shared database,
// where every read is a round trip: what the bodies that wait want to read is
// fetched together.
//
// A body is run on the rows that were fetched for it. Where it reads another,
// the read fails, and the body is run again once the row has been fetched
// together with those that the others want. A body that scans, or reads on and
// on, is run on a snapshot of its own instead, by threads that may wait.
//
// While no other process commits, rows that this one has read or written lately
// are not fetched, nor are those that a body expects to be absent and then writes.
// That is a guess, so such a body is only run for what it commits: where it comes
// to something else, it is run again on what is fetched.
//
// Rows that were fetched one after the other, or guessed, are not of one state.
// The committer checks that every row is still as it was read, so whatever is
// committed, or answered, was decided on one state. Scans are not checked: a guard
// row, which is read from the same snapshot and has not changed since, says that
// the set has not, either.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "services/common/store/callbacks.h"
#include "services/common/store/catalog.h"
#include "services/common/store/committer.h"
#include "services/common/store/connection.h"
#include "services/common/store/store.h"

namespace caravan::store {

class AheadRunner {
 public:
  // What it works with; all outlives it.
  struct Context {
    const Catalog* catalog;
    Engine* engine;
    Committer* committer;
    Callbacks* callbacks;
    // Every change up to this revision is visible from now on.
    std::function<int64_t()> revision;
    // Connections for snapshots.
    std::function<absl::StatusOr<std::unique_ptr<Connection>>()> take;
    std::function<void(std::unique_ptr<Connection>)> give_back;
  };

  explicit AheadRunner(Context context);
  ~AheadRunner() { Close(); }

  // Runs a body, and gives it to the committer. Any thread.
  void Submit(WriteBody body, WriteDone done);

  // Runs what waits. What comes later goes to the committer as it is.
  void Close();

 private:
  struct Item {
    WriteBody body;
    WriteDone done;
    int64_t revision = 0;
    int64_t since = 0;  // what it reads has every write up to this version
    // The rows that were fetched so far, and how often something was.
    absl::flat_hash_map<TableId, absl::flat_hash_map<std::string, std::optional<Row>>> rows = {};
    int fetches = 0;
    std::vector<RowKey> wanted = {};
    // Whether it may be run on a guess, whether it was, and on which absent rows.
    bool guesses = true;
    bool guessed = false;
    std::vector<RowKey> absent = {};
  };
  class FetchedReader;

  void RunLoop();
  void SnapshotLoop();
  // Runs items on what was fetched for them; returns those that want more.
  std::vector<Item> RunOnFetched(std::vector<Item> items);
  void RunOnSnapshot(Item item);
  // Fetches what items want; those that can't have it go to the committer, which
  // knows how to wait for the database.
  void Fetch(std::vector<Item>* items);
  absl::Status Fetch(absl::Span<const RowKey> keys, std::vector<std::optional<Row>>* rows);
  // Whether the commit finds out where a guess was wrong on which a body has run.
  static bool IsChecked(const Item& item, const BufferedTransaction& transaction);
  // What is to become of an item whose body has run: it is answered, where the
  // answer needs no check, or goes among `submissions`.
  void Finish(Item item, std::unique_ptr<BufferedTransaction> transaction, bool one_state,
              std::vector<Committer::Submission>* submissions);

  const Context context_;
  std::unique_ptr<Connection> connection_;  // of Fetch

  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool fetching_ ABSL_GUARDED_BY(mutex_) = true;  // RunLoop still runs
  std::deque<Item> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<Item> for_snapshots_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace caravan::store
