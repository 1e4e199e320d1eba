// Checks references to resources of other services, by the Get methods of their
// contracts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "services/common/api/resource.h"
#include "services/common/peers/peers.h"
#include "services/common/resources/inquiry.h"

namespace caravan::peers {

// How long at the most a resource that was seen is taken to exist.
inline constexpr absl::Duration kMemory = absl::Seconds(60);

// Names that were seen within kMemory, of bounded number. Thread-safe.
class SeenNames {
 public:
  explicit SeenNames(std::function<absl::Time()> clock, size_t most = 1 << 16);

  void Add(absl::flat_hash_set<std::string> names);
  bool Contains(std::string_view name);

 private:
  void Age() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<absl::Time()> clock_;
  const size_t most_;
  absl::Mutex mutex_;
  // What was seen since a time, and before that; the older half is forgotten at
  // once.
  absl::flat_hash_set<std::string> young_ ABSL_GUARDED_BY(mutex_), old_ ABSL_GUARDED_BY(mutex_);
  absl::Time young_since_ ABSL_GUARDED_BY(mutex_), old_since_ ABSL_GUARDED_BY(mutex_);
};

class ForeignCollections : public resources::ForeignResources {
 public:
  // `peers` must outlive it. INTERNAL where a contract makes no sense.
  static absl::StatusOr<std::unique_ptr<ForeignCollections>> Create(
      const Peers& peers, const std::vector<PeerContract>& contracts,
      std::function<absl::Time()> clock);
  ~ForeignCollections() override;

  bool Serves(const api::Reference& reference) const override;
  bool Seen(std::string_view name) override { return seen_.Contains(name); }
  absl::StatusOr<Answer> Ask(const std::vector<api::Reference>& references, absl::Time deadline,
                             const std::string& traceparent) override;

 private:
  struct Collection;

  explicit ForeignCollections(std::function<absl::Time()> clock);
  absl::Status Add(const Peer& peer, const google::protobuf::ServiceDescriptor& service);
  const Collection* Find(const api::Reference& reference) const;
  absl::Status AskBatch(const Collection& collection, absl::flat_hash_set<std::string> names,
                        absl::Time deadline, const std::string& traceparent, Answer& answer);
  absl::Status AskEach(const Collection& collection, const absl::flat_hash_set<std::string>& names,
                       absl::Time deadline, const std::string& traceparent, Answer& answer);

  std::vector<std::unique_ptr<Collection>> collections_;
  SeenNames seen_;
};

}  // namespace caravan::peers
