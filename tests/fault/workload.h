// Clients that change enterprises, and remember what they were promised.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "caravan/zones/v1/enterprises.pb.h"
#include "google/protobuf/message.h"
#include "grpcpp/channel.h"

namespace caravan::fault {

// What is known of an enterprise for certain.
struct Known {
  std::optional<zones::v1::Enterprise> now;  // nothing: it does not exist
  int64_t changes = 0;
};

// An answer that a repeat of the request must give again.
struct Promise {
  std::string method;
  std::unique_ptr<google::protobuf::Message> request;
  std::unique_ptr<google::protobuf::Message> answer;
};

// One caller after the other request: creates, updates, deletes, and batches of
// them, of enterprises that only this client touches. A request that is not
// answered is repeated with its request_id until it is, so that nothing is ever
// unknown. Any other answer than OK fails the test.
class Client {
 public:
  // Seeds differ between clients, and numbers of enterprises follow from them.
  Client(std::shared_ptr<grpc::Channel> channel, int seed);

  // Makes one request.
  void Step();

  const std::map<std::string, Known>& known() const { return known_; }
  const std::vector<Promise>& promises() const { return promises_; }
  void ForgetPromises() { promises_.clear(); }

 private:
  template <class Request, class Response>
  bool Ask(const std::string& method, Request& request, Response* response);
  zones::v1::Enterprise Fresh(const std::string& name);
  zones::v1::UpdateEnterpriseRequest UpdateOf(const std::string& name);
  void Learn(const zones::v1::Enterprise& enterprise);
  // Some that exist, or that do not.
  std::vector<std::string> Pick(bool existing, size_t most);

  const std::shared_ptr<grpc::Channel> channel_;
  const int seed_;
  std::mt19937_64 random_;
  int64_t asked_ = 0;
  std::map<std::string, Known> known_;
  std::map<std::string, int64_t> numbers_;
  std::vector<Promise> promises_;
};

// Clients at work on threads of their own.
class Crowd {
 public:
  // Each client has a connection of its own; they take `channels` in turn.
  Crowd(const std::vector<std::shared_ptr<grpc::Channel>>& channels, int clients);

  void Start();
  // Waits until so many requests have been answered since Start.
  void AwaitAnswers(int64_t answers);
  // Lets every client finish the request that it has under way. Not to be
  // called while the service is down.
  void Finish();

  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }

  // All that is known of all enterprises.
  std::map<std::string, Known> known() const;

 private:
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::thread> threads_;
  absl::Mutex mutex_;
  int64_t answers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace caravan::fault
