// The service behind the proxies that are tested: calls whose every part the
// caller chooses, and a record of what arrived.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace caravan::conformance {

// Its methods are /caravan.probe.v1.Probe/<method>:
//
//   Echo      sends every message back as soon as it arrives, whatever kind of call the
//             client makes of it
//   Collect   reads to the end, then sends one message: how many messages and bytes there
//             were, `3 1024`
//   Produce   reads one message, `<count> <bytes>`, and sends so many of so many bytes,
//             each ending in its number
//   Hang      reads to the end and never answers
//   Stall     reads one message and no other, and never answers
//
// and request metadata says how a call goes:
//
//   reply-<name>: <value>     comes back as initial metadata <name>
//   trailer-<name>: <value>   comes back as trailing metadata <name>
//   fail-code, fail-message-bin, fail-details-bin: the status it ends with
//   fail-first: the status comes before any message
//   fail-after: the status comes when so many messages have been read
class ProbeService {
 public:
  ProbeService();
  ~ProbeService();

  // Serves on 127.0.0.1; port 0 takes a free one.
  void Start(int port = 0);
  // Reports NOT_SERVING for a moment, lets calls under way end, at most so long, and
  // stops; with no time, at once.
  void Stop(absl::Duration timeout);

  int port() const { return port_; }

  // What is known of the calls so far.
  struct Record {
    int64_t started = 0;
    int64_t cancelled = 0;
    int64_t active = 0;
    // Bytes of messages given to gRPC for sending by Produce.
    int64_t produced_bytes = 0;
    // Of the latest call.
    std::multimap<std::string, std::string> metadata;
    absl::Duration deadline = absl::InfiniteDuration();
  };
  Record record() const;

  // Waits until the record is as said, at most 20 s; false: it isn't.
  template <typename Predicate>
  bool Await(Predicate predicate) const {
    absl::MutexLock lock(&mutex_);
    const auto holds = [&] { return predicate(record_); };
    return mutex_.AwaitWithTimeout(absl::Condition(&holds), absl::Seconds(20));
  }

 private:
  class Reactor;
  class Service final : public grpc::CallbackGenericService {
   public:
    explicit Service(ProbeService* probe) : probe_(probe) {}
    grpc::ServerGenericBidiReactor* CreateReactor(
        grpc::GenericCallbackServerContext* context) override;

   private:
    ProbeService* const probe_;
  };

  std::unique_ptr<Service> service_;  // of one server only
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  mutable absl::Mutex mutex_;
  Record record_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace caravan::conformance
