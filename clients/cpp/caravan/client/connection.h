// A connection to a deployment, and the one way of a call through it. Generated
// clients and those that know a contract by its descriptors alone call alike.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "caravan/client/method.h"
#include "caravan/client/options.h"
#include "google/protobuf/message.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/impl/codegen/proto_utils.h"

namespace caravan::client {

using MessageStub =
    grpc::TemplatedGenericStub<google::protobuf::MessageLite, google::protobuf::MessageLite>;

using MessageReactor =
    grpc::ClientBidiReactor<google::protobuf::MessageLite, google::protobuf::MessageLite>;

// A call that streams, one message at a time. Not for several threads, but for
// Cancel. Destroying it ends the call.
class MessageStream {
 public:
  ~MessageStream();
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  // False where the stream has ended; Next says why.
  bool Write(const google::protobuf::MessageLite& message);
  bool WritesDone();

  // The next message of the server; false where it ended well. An error is how
  // it ended. After the end, the same again.
  absl::StatusOr<bool> Next(google::protobuf::MessageLite* message);

  // From any thread: Next and Write return.
  void Cancel() { context_.TryCancel(); }

 private:
  friend class Connection;
  MessageStream() = default;
  void Start(MessageStub& stub, const std::string& path);
  bool Await();
  absl::Status Finish();

  grpc::ClientContext context_;
  std::unique_ptr<Cancellation::Registration> registration_;
  std::optional<Cancellation> cancellation_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<
      grpc::ClientAsyncReaderWriter<google::protobuf::MessageLite, google::protobuf::MessageLite>>
      call_;
  bool started_ = false;
  bool finished_ = false;
  absl::Status end_;
};

// Thread-safe. Lives as long as one of the clients that share it.
class Connection {
 public:
  // Errors: INVALID_ARGUMENT where the options make no sense (NO_ADDRESS,
  // BAD_CREDENTIALS, BAD_TOKEN, PLAINTEXT_REFUSED). The connection itself is
  // made by the first call, and again whenever it broke.
  static absl::StatusOr<std::shared_ptr<Connection>> Open(ConnectionOptions options);

  // Over a channel that is there, such as one within the process. Of the
  // options, `address` is for messages only and the credentials' files are not
  // read; a token is sent.
  static absl::StatusOr<std::shared_ptr<Connection>> Over(std::shared_ptr<grpc::Channel> channel,
                                                          ConnectionOptions options = {});

  // Calls a unary method. Repeats it, by the retry policy and until its time is
  // over, while errors are transient and the method may be repeated. Errors of
  // the server have their details; one that could not be reached is UNAVAILABLE
  // without a reason.
  absl::Status Call(const Method& method, const google::protobuf::Message& request,
                    google::protobuf::Message* response, const CallOptions& options = {});

  // The same, and gives the request a `request_id` where the method has one and
  // the request has not, which makes it repeatable.
  absl::Status Call(const Method& method, google::protobuf::Message* request,
                    google::protobuf::Message* response, const CallOptions& options = {});

  // Starts a streaming method. Never repeated. An error: there is no token.
  absl::StatusOr<std::unique_ptr<MessageStream>> Stream(const Method& method,
                                                        const CallOptions& options = {});

  // The same with a reactor that the caller has made, as the context; it is the
  // caller who starts the call. An error: nothing has been prepared.
  absl::Status Stream(const Method& method, const CallOptions& options,
                      grpc::ClientContext* context, MessageReactor* reactor);

  // Repeats `attempt`, which gets the time that is left, as a call that may be
  // repeated is. For what is made of several calls.
  absl::Status Retry(const CallOptions& options, Repeat repeat,
                     absl::FunctionRef<absl::Status(absl::Duration left)> attempt) const;

  const ConnectionOptions& options() const { return options_; }

 private:
  Connection(std::shared_ptr<grpc::Channel> channel, ConnectionOptions options,
             std::unique_ptr<TokenSource> token);

  absl::Status Attempt(const Method& method, const google::protobuf::Message& request,
                       google::protobuf::Message* response, const CallOptions& options,
                       absl::Duration left);
  absl::Status Prepare(const Method& method, const CallOptions& options, absl::Duration left,
                       grpc::ClientContext* context);
  void ReadTrailers(const Method& method, const CallOptions& options,
                    const grpc::ClientContext& context) const;

  const ConnectionOptions options_;
  const std::unique_ptr<TokenSource> token_;
  MessageStub stub_;
};

// The service of a method: `zones` of "/caravan.zones.v1.PilotZoneService/Get...",
// and empty for methods that every service has.
std::string ServiceOf(const std::string& path);

// A fresh id for a request: a random UUID.
std::string NewRequestId();

}  // namespace caravan::client
