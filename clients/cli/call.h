// Calls methods that are known only by their descriptors.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/message.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace caravan::cli {

// Where a server is, and how to prove who we are. Files are PEM.
struct Endpoint {
  std::string address = {};      // `host:port` or `unix:/path`
  std::string ca = {};           // file; empty: the system's authorities
  std::string certificate = {};  // file; with `key`: the client's certificate
  std::string key = {};          // file
  std::string server_name = {};  // the name in the server's certificate, where it differs
  bool insecure = false;         // no TLS; only a unix socket or a loopback address
};

struct CallSettings {
  absl::Duration timeout = absl::Seconds(60);  // of one call with its retries
  int attempts = 5;                            // of a call that may be repeated
  std::function<void(absl::Duration)> sleep;   // between attempts
  std::function<void(const std::string&)> warn;
};

// A call that streams, one message at a time.
class Stream {
 public:
  Stream(grpc::GenericStub& stub, const std::string& path, absl::Duration timeout);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // False when the stream has ended; Finish tells why.
  bool Write(const google::protobuf::Message& message);
  bool WritesDone();
  absl::StatusOr<bool> Read(google::protobuf::Message* message);

  // Ends the call, and tells how it went.
  absl::Status Finish();
  void Cancel() { context_.TryCancel(); }

 private:
  bool Await();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool started_ = false;
  bool finished_ = false;
};

// What a server says of itself by reflection.
struct Description {
  google::protobuf::FileDescriptorSet files;
  std::vector<std::string> services;  // full names, sorted
};

class Client {
 public:
  // Errors: INVALID_ARGUMENT (wrong use) where the endpoint makes no sense or
  // a file cannot be read. The connection itself is made by the first call.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const Endpoint& endpoint,
                                                         CallSettings settings);

  // Calls a unary method. A call that changes nothing, and one whose
  // `request_id` makes a repeat harmless, is repeated while the server is
  // UNAVAILABLE or asks to be tried again. A mutation gets a request id.
  absl::Status Call(const google::protobuf::MethodDescriptor& method,
                    google::protobuf::Message* request, google::protobuf::Message* response);

  // Starts a server-streaming method, without deadline.
  std::unique_ptr<Stream> Open(const google::protobuf::MethodDescriptor& method,
                               const google::protobuf::Message& request);

  // Asks for all files that the server's services need (grpc.reflection.v1).
  absl::StatusOr<Description> Describe();

  const CallSettings& settings() const { return settings_; }

 private:
  Client(std::shared_ptr<grpc::Channel> channel, std::string address, CallSettings settings)
      : stub_(std::move(channel)), address_(std::move(address)), settings_(std::move(settings)) {}

  absl::Status CallOnce(const std::string& path, absl::Time deadline,
                        const google::protobuf::Message& request,
                        google::protobuf::Message* response);
  absl::StatusOr<Description> DescribeOnce();
  absl::Status Retry(bool repeatable, const std::function<absl::Status(absl::Time)>& attempt);

  grpc::GenericStub stub_;
  std::string address_;
  CallSettings settings_;
  std::set<std::string> warned_;
};

// Whether the connection broke or the server asks to be tried again later, so
// that repeating may help.
bool IsTransient(const absl::Status& status);

// How long to wait before the given attempt (from 1), by the server's
// RetryInfo where there is one.
absl::Duration RetryDelay(const absl::Status& status, int attempt);

// A fresh id for a request.
std::string NewRequestId();

// "/package.Service/Method".
std::string PathOf(const google::protobuf::MethodDescriptor& method);

// Whether a method says of itself that it changes nothing.
bool IsReadOnly(const google::protobuf::MethodDescriptor& method);

// Whether an address can be reached from this machine only.
bool IsLocal(std::string_view address);

}  // namespace caravan::cli
