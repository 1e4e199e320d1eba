// A server in the process for tests: pilot zones in memory, reflection, the
// change feed, operations, and faults on demand. It keeps the contracts as far
// as the tests of clients look at them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "caravan/api/v1/changes.pb.h"
#include "caravan/zones/v1/pilot_zones.pb.h"
#include "grpcpp/grpcpp.h"

namespace caravan::clients {

class FakeServer {
 public:
  FakeServer();
  ~FakeServer();

  const std::string& address() const { return address_; }

  // A zone that breaks no rule.
  static zones::v1::PilotZone Zone(const std::string& id, int batch);

  // Puts a zone there, as a committed change.
  void Put(const zones::v1::PilotZone& zone);

  // The zones, by name.
  std::map<std::string, zones::v1::PilotZone> zones();

  // The next calls of a method (`GetPilotZone`) answer with these, one each,
  // before it does its work.
  void FailNext(const std::string& method, std::vector<grpc::Status> failures);

  // How the next calls of WatchChanges go: how many changes they send, and the
  // status that ends them. A call for which nothing is said ends with CANCELLED.
  struct WatchCourse {
    int changes;
    grpc::Status end;
  };
  void PlanWatch(std::vector<WatchCourse> courses);

  // The metadata of the calls of a method, in order; `key` of each, or nothing.
  std::vector<std::string> Metadata(const std::string& method, const std::string& key);

  // The requests that came to a method, in order.
  template <typename Request>
  std::vector<Request> Requests(const std::string& method) {
    std::vector<Request> requests;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& bytes : requests_[method]) requests.emplace_back().ParseFromString(bytes);
    return requests;
  }

 private:
  class Generic;
  friend class FakeReactor;

  struct Reply {
    std::vector<std::string> messages;
    grpc::Status status;
    bool ends = true;  // false: the stream goes on with the client's next message
    std::string hint;  // a trailer
  };
  Reply Handle(const std::string& path, const std::string& request);
  void Note(const std::string& path, const std::multimap<grpc::string_ref, grpc::string_ref>& from);
  Reply Reflect(const std::string& request);
  Reply List(const std::string& request);
  Reply BatchCreate(const std::string& request);
  Reply BatchUpdate(const std::string& request);
  Reply Load(const std::string& request);
  Reply ListChanges(const std::string& request);
  Reply Watch(const std::string& request);
  grpc::Status Update(const zones::v1::UpdatePilotZoneRequest& request, const std::string& prefix,
                      zones::v1::PilotZone* zone);
  grpc::Status Check(const zones::v1::PilotZone& zone, const std::string& prefix);
  void Store(zones::v1::PilotZone zone);

  std::mutex mutex_;
  std::map<std::string, zones::v1::PilotZone> zones_;
  std::vector<api::v1::Change> changes_;
  std::map<std::string, std::vector<grpc::Status>> failures_;
  std::vector<WatchCourse> courses_;
  std::map<std::string, std::vector<std::string>> requests_;
  std::map<std::string, std::vector<std::multimap<std::string, std::string>>> metadata_;
  std::unique_ptr<Generic> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

}  // namespace caravan::clients
