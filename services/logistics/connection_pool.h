// Connections that threads take turns with.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace caravan::logistics {

// Opens up to `size` of them, as they are needed; who finds all in use waits. One that
// is no longer usable() is closed, and another opened in its place.
template <typename Connection>
class ConnectionPool {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<Connection>>()>;

  ConnectionPool(int size, Open open) : open_(std::move(open)), free_(size) {}

  // A connection, until this goes.
  class Lease {
   public:
    Lease(ConnectionPool* pool, std::unique_ptr<Connection> connection)
        : pool_(pool), connection_(std::move(connection)) {}
    Lease(Lease&& other) = default;
    ~Lease() {
      if (connection_ != nullptr) pool_->Return(std::move(connection_));
    }
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  absl::StatusOr<Lease> Take() {
    {
      absl::MutexLock lock(&mutex_);
      auto available = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return free_ > 0; };
      mutex_.Await(absl::Condition(&available));
      --free_;
      if (!idle_.empty()) {
        std::unique_ptr<Connection> connection = std::move(idle_.back());
        idle_.pop_back();
        return Lease(this, std::move(connection));
      }
    }
    absl::StatusOr<std::unique_ptr<Connection>> connection = open_();
    if (connection.ok()) return Lease(this, *std::move(connection));
    absl::MutexLock lock(&mutex_);
    ++free_;
    return connection.status();
  }

  // Closes those that nobody uses.
  void CloseIdle() {
    std::vector<std::unique_ptr<Connection>> closed;
    absl::MutexLock lock(&mutex_);
    closed.swap(idle_);
  }

 private:
  void Return(std::unique_ptr<Connection> connection) {
    if (!connection->usable()) connection.reset();
    absl::MutexLock lock(&mutex_);
    ++free_;
    if (connection != nullptr) idle_.push_back(std::move(connection));
  }

  const Open open_;
  absl::Mutex mutex_;
  int free_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Connection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::logistics
