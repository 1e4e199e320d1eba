// Other services, as this one asks them: by the client library, in the name of
// this service, within a time that keeps the caller from waiting for ever.
//
//   const Peer& zones = dependencies.peers.Get("zones");
//   ...
//   auto firm = zones.Client<EnterpriseServiceClient>(call).GetEnterprise(get);
//   if (absl::IsNotFound(firm.status())) return ReferenceDangles(get.name());
//   if (!firm.ok()) return zones.Unavailable(firm.status());
//
// In what is bound by rpc::Service::BindBefore, and in operations; never while a
// transaction or a read of the store is under way, and not on threads that serve
// calls.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "caravan/client/connection.h"
#include "google/protobuf/descriptor.h"
#include "services/common/rpc/service.h"
#include "services/common/settings/settings.pb.h"

namespace caravan::peers {

// The time that another service is given for one call, with its repeats, where
// the caller's does not end sooner.
inline constexpr absl::Duration kPatience = absl::Seconds(2);

// A service that another one asks, and its contracts: the files with the
// collections to whose resources it refers.
struct PeerContract {
  std::string service;  // zones
  std::vector<const google::protobuf::FileDescriptor*> contracts = {};
};

// Another service. Thread-safe. Its connection is made when it is first needed,
// and again whenever it broke: a service starts and serves while another is away.
class Peer {
 public:
  Peer(std::string name, std::shared_ptr<client::Connection> connection,
       std::vector<std::pair<std::string, std::string>> metadata);

  const std::string& name() const { return name_; }
  const std::shared_ptr<client::Connection>& connection() const { return connection_; }

  // A generated client for what a call needs to know: the time that is left to it,
  // its trace. For one moment: make another for what comes later.
  template <class C>
  C Client(const rpc::Call& call) const {
    return C(connection_, Options(call.deadline, call.trace.ToTraceparent()));
  }

  // The same for connection()->Call. `deadline` is the caller's.
  client::CallOptions Options(absl::Time deadline, const std::string& traceparent) const;

  // What the caller is told where a call of this service failed otherwise than
  // its contract says: UNAVAILABLE with reason SERVICE_UNAVAILABLE, metadata
  // `service`, and when to try again. Why is logged, at most every ten seconds.
  absl::Status Unavailable(const absl::Status& why) const;

 private:
  const std::string name_;
  const std::shared_ptr<client::Connection> connection_;
  const std::vector<std::pair<std::string, std::string>> metadata_;
  mutable std::atomic<int64_t> failed_micros_ = 0;  // when it could not be reached last
  mutable std::atomic<int64_t> logged_micros_ = 0;
};

// FAILED_PRECONDITION with reason REFERENCE_DANGLES: what is to be done needs a
// resource of another service that a stored reference names, and which has gone.
absl::Status ReferenceDangles(std::string_view name);

// The services that one asks.
class Peers {
 public:
  // `service` is the name of the one that asks. INVALID_ARGUMENT where a setting
  // makes no sense, or says nothing of a service that `contracts` name.
  static absl::StatusOr<std::unique_ptr<Peers>> Create(const std::string& service,
                                                       const std::vector<PeerContract>& contracts,
                                                       const settings::ServerSettings& settings);

  // Ends the process where the service is none that the definition names.
  const Peer& Get(std::string_view service) const;

 private:
  Peers() = default;
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace caravan::peers
