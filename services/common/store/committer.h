// Commits waiting transactions in groups, one database commit a group.
//
// On a store of its own process (SQLite), bodies run here, one after the other,
// each on top of what those before it wrote; there are no conflicts. On a shared
// one (PostgreSQL), they have run ahead, at the same time, on readers: what they
// read is checked here under the lock of the meta row, and those that read
// something else than there is now run again, under that lock, so once. While no
// other process commits, what this one has read and written lately says as much
// without the lock; the commit is then one round trip, which fails where that was
// wrong.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/store/callbacks.h"
#include "services/common/store/catalog.h"
#include "services/common/store/connection.h"
#include "services/common/store/recent_rows.h"
#include "services/common/store/store.h"
#include "services/common/store/transaction.h"

namespace caravan::store {

class Committer {
 public:
  struct Hooks {
    // The database was changed by commits up to here.
    std::function<void(const Meta& meta)> committed;
    // The meta row names another layout epoch than the catalog: reads what has
    // changed, within the transaction. May change `meta`, and then returns true.
    std::function<absl::StatusOr<bool>(WriterConnection& writer, Meta* meta)> layout_changed;
  };

  // A job has the writer for itself, in a transaction that it may use as it
  // likes and which is committed with `meta` where it returns OK. May be run
  // again.
  using Job = std::function<absl::Status(WriterConnection& writer, Meta* meta)>;

  // How long a transaction waits for a database that is away.
  Committer(Engine* engine, Catalog* catalog, const StoreOptions& options, absl::Duration patience,
            Callbacks* callbacks, Hooks hooks, std::unique_ptr<WriterConnection> writer);
  ~Committer() { Close(); }

  // Commits what waits. What comes later is refused with UNAVAILABLE.
  void Close();

  // A transaction: Store::Write. One that has run ahead comes with what it has
  // buffered.
  struct Submission {
    WriteBody body;
    WriteDone done;
    std::unique_ptr<BufferedTransaction> prepared = {};
  };
  void Submit(Submission submission);
  // The same at once, so that one group has them all.
  void SubmitAll(std::vector<Submission> submissions);

  // Every write up to this version of the store is visible from now on.
  int64_t version() const { return version_; }

  // Of a shared database: nobody else has written for long, and what this process
  // took for granted was so. Then `recent` is worth asking.
  bool alone() const;
  RecentRows& recent() { return recent_; }

  // When it last committed something; long ago where it has not.
  absl::Time last_commit() const { return absl::FromUnixNanos(last_commit_); }

  // Runs a job, and waits for it.
  absl::Status Run(Job job);

 private:
  struct Member {
    WriteBody body = {};
    WriteDone done = {};
    std::unique_ptr<BufferedTransaction> prepared = {};
    Job job = {};  // instead of a body
    absl::Time submitted;
    absl::StatusOr<Committed> result = Committed{};
    std::vector<std::function<void()>> after_commit = {};  // where the result is OK
  };

  void Add(std::vector<Member> members);
  void Loop();
  std::vector<Member> Take();
  // Commits members, and fills their results in.
  void Commit(absl::Span<Member> members);
  // One attempt: OK, or why none of them was committed.
  absl::Status TryCommit(absl::Span<Member> members);
  // One attempt without the lock, of members that have all run ahead; false: there
  // has to be one with it.
  absl::StatusOr<bool> TryCommitAtOnce(absl::Span<Member> members);
  absl::Status RunMembers(absl::Span<Member> members, absl::Span<const int64_t> versions,
                          Group& group);
  absl::Status RunJob(Member& member);
  // What comes of a body that has run.
  void Settle(const BufferedTransaction& transaction, Group& group, Member& member);
  // After a commit of which it is not known whether it took place. OK: it did.
  absl::Status Resolve();
  // Opens the writer where it is closed; waits where that fails, up to a time.
  absl::Status Reconnect(absl::Time deadline);
  void Deliver(std::vector<Member> members);

  // The meta row, as it was found under the lock.
  void NoteMeta(const Meta& meta);
  void NoteCommit(const Meta& meta);

  Engine* const engine_;
  Catalog* const catalog_;
  const StoreOptions options_;
  const absl::Duration patience_;
  Callbacks* const callbacks_;
  const Hooks hooks_;
  std::unique_ptr<WriterConnection> writer_;
  std::atomic<int64_t> last_commit_ = 0;  // nanoseconds since 1970
  std::atomic<int64_t> version_ = 0;

  // Of a shared database: the meta row as it was last seen, how often in a row it
  // was as this process had left it, and what this process wrote since.
  Meta known_;
  std::atomic<int> alone_ = 0;
  RecentRows recent_;

  absl::Mutex mutex_;
  std::deque<Member> queue_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  // How many there were in the last groups, and how long the last one took.
  size_t usual_group_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration commit_duration_;
  std::thread thread_;
};

}  // namespace caravan::store
