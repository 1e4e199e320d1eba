// What must be true of the service's history, however it was interrupted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "caravan/api/v1/changes.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "tests/fault/workload.h"

namespace caravan::fault {

// Loads the zones in which enterprises are at home.
void LoadZones(const std::shared_ptr<grpc::Channel>& channel);

// All changes of the service, by ListChanges.
std::vector<api::v1::Change> ListAllChanges(const std::shared_ptr<grpc::Channel>& channel);

// Expects revisions without gap, transactions in one piece, and for every
// resource a chain of images in which each change begins where the last ended.
void ExpectConsistent(const std::vector<api::v1::Change>& changes);

// Expects two ways to the changes to have told the same.
void ExpectSame(const std::vector<api::v1::Change>& seen,
                const std::vector<api::v1::Change>& listed);

// Expects the enterprises to be as the clients know them, by Get, by List and in
// the history, with as many changes as were acknowledged.
void ExpectKept(const std::shared_ptr<grpc::Channel>& channel,
                const std::map<std::string, Known>& known,
                const std::vector<api::v1::Change>& changes);

// Expects that repeating requests gives the first answers and changes nothing.
void ExpectPromisesKept(const std::shared_ptr<grpc::Channel>& channel,
                        const std::vector<Promise>& promises, size_t most);

// Expects that a zone can't be deleted while one enterprise refers to it, and
// can once none does. Deletes the enterprises.
void ExpectReferencesKept(const std::shared_ptr<grpc::Channel>& channel,
                          const std::map<std::string, Known>& known);

// Follows the changes from the first on, and goes on where it was when the
// stream breaks.
class Follower {
 public:
  explicit Follower(std::shared_ptr<grpc::Channel> channel);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Waits until it has seen a revision, and returns all that it saw.
  std::vector<api::v1::Change> Await(int64_t revision);

 private:
  void Follow();
  absl::Status FollowOnce(grpc::ClientContext& context, int64_t start_revision);

  const std::shared_ptr<grpc::Channel> channel_;
  absl::Mutex mutex_;
  std::vector<api::v1::Change> seen_ ABSL_GUARDED_BY(mutex_);
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace caravan::fault
