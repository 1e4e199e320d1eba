// A service of grpc++ behind the gateway, and a client of grpc++ in front of it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"
#include "grpcpp/support/sync_stream.h"

namespace caravan::gateway::testing {

// Serves every path by its method's name:
//   Echo      each message at once; then OK, or the status that the metadata
//             `echo-status` says, with message and details; the metadata `echo-*`
//             comes back as trailers, and `echo-header` as a header
//   Refuse    NOT_FOUND before any message (trailers-only)
//   Flood     answers a message "<count> <size>" with so many messages of that size
//   Hang      nothing, until it is cancelled
//   Time      one message: the milliseconds until the deadline
class Backend final : public grpc::CallbackGenericService {
 public:
  // `address`: host:port or unix:path. `credentials`: null for none.
  explicit Backend(const std::string& address = "127.0.0.1:0",
                   std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);
  ~Backend() override;

  const std::string& address() const { return address_; }
  int port() const { return port_; }
  // Says that it does not serve, and serves on.
  void SayNotServing();
  // Ends in order: what is under way has so long.
  void Shutdown(absl::Duration timeout);

  // Waits until so many calls were cancelled.
  bool AwaitCancelled(int count);
  // What Flood has been able to write so far, in bytes.
  int64_t flooded() const { return flooded_; }
  // The metadata of the last call.
  std::multimap<std::string, std::string> last_metadata();

 private:
  class Call;
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

  std::string address_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::atomic<int64_t> flooded_{0};
  absl::Mutex mutex_;
  int cancelled_ = 0;
  std::multimap<std::string, std::string> last_metadata_;
};

using Stream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

// Begins a call of any kind.
std::unique_ptr<Stream> Start(const std::shared_ptr<grpc::Channel>& channel,
                              const std::string& path, grpc::ClientContext& context);
grpc::ByteBuffer Bytes(const std::string& text);
std::string Text(const grpc::ByteBuffer& bytes);

// One message there, one back; nothing where none came.
struct Answer {
  grpc::Status status;
  std::string message;
  std::multimap<std::string, std::string> headers;
  std::multimap<std::string, std::string> trailers;
};
Answer Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& path,
            const std::string& message,
            const std::multimap<std::string, std::string>& metadata = {},
            absl::Duration timeout = absl::Seconds(20));

}  // namespace caravan::gateway::testing
