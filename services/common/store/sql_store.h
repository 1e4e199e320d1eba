// The Store over an Engine: what both engines share.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/common/store/ahead.h"
#include "services/common/store/callbacks.h"
#include "services/common/store/catalog.h"
#include "services/common/store/committer.h"
#include "services/common/store/connection.h"
#include "services/common/store/layout.h"
#include "services/common/store/revision_waiters.h"
#include "services/common/store/store.h"

namespace caravan::store {

struct SqlStoreOptions : StoreOptions {
  // How long a transaction waits for a database that is away.
  absl::Duration patience;
  // How often a shared database is asked for commits of others.
  absl::Duration poll_interval = absl::Milliseconds(50);
  absl::Duration replica_lease = absl::Seconds(30);
};

class SqlStore : public Store {
 public:
  static absl::StatusOr<std::unique_ptr<SqlStore>> Open(std::unique_ptr<Engine> engine,
                                                        std::unique_ptr<Catalog> catalog,
                                                        SqlStoreOptions options);
  ~SqlStore() override;

  void Write(WriteBody body, WriteDone done) override;
  absl::Status Read(ReadBody body) override;
  bool reads_inline() const override { return !engine_->shared(); }
  int64_t revision() const override { return waiters_.revision(); }
  void AwaitRevision(int64_t revision, absl::Time deadline,
                     absl::AnyInvocable<void(absl::Status)> done) override;
  absl::StatusOr<Retained> retained() override;
  absl::StatusOr<int64_t> Expire(absl::Time entries, absl::Time images) override;
  bool IndexReady(TableId table, int column) const override;
  absl::Status Healthy() override;

 private:
  class PooledReader;

  SqlStore(std::unique_ptr<Engine> engine, std::unique_ptr<Catalog> catalog,
           SqlStoreOptions options, std::string replica);

  // Opens a connection where it is not, or no longer.
  absl::Status Ensure(std::unique_ptr<Connection>* connection);
  // Of the pool that reads share.
  absl::StatusOr<std::unique_ptr<Connection>> TakeReader();
  void ReturnReader(std::unique_ptr<Connection> reader);

  // Follows what other replicas commit; renews this replica's lease.
  void FollowLoop();
  absl::Status Poll(std::unique_ptr<Connection>* connection);

  // Fills the indexes that are not ready.
  void FillLoop();
  absl::Status FillAll(bool* wait);
  absl::Status FillTable(const Layout::Work& work);
  // One job of the layout's.
  absl::Status RunLayout(absl::Status (Layout::*step)(WriterConnection&, Meta*));

  bool closing() ABSL_LOCKS_EXCLUDED(mutex_);
  // Waits; returns whether the store is being closed.
  bool WaitForClosing(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::unique_ptr<Engine> engine_;
  const std::unique_ptr<Catalog> catalog_;
  const SqlStoreOptions options_;
  Layout layout_;
  // Callbacks may write until the last has run, so these go after them.
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<AheadRunner> ahead_;  // of a shared database
  std::atomic<int> waiting_ = 0;
  Callbacks callbacks_;
  RevisionWaiters waiters_;

  absl::Mutex mutex_;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool poll_now_ ABSL_GUARDED_BY(mutex_) = false;

  absl::Mutex readers_mutex_;
  int readers_ ABSL_GUARDED_BY(readers_mutex_) = 0;
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(readers_mutex_);

  std::vector<std::thread> threads_;
};

}  // namespace caravan::store
